"""What a card does with sr, pbr and smoke, in at most eight minutes; for anyone who has one.

    python benchmarks/device.py         # on the GPU that is here, at the sizes of scale=full
    python benchmarks/device.py --tiny  # a minute, also on a CPU: whether the script works

Leaves `benchmarks/device/NAME.md`, NAME being the card's: of each setting the milliseconds of a
step, samples a second, the share of time that it waits for data, measured where a batch is fetched,
and reads from the device in a step, which torch counts on CUDA alone (0 is wanted).
"""

import argparse
import platform
import re
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import lightning.pytorch as pl
import torch

import launch
from launch.experiments.smoke.autoencoder import VQAutoencoder
from launch.record.run import Run
from launch.train import build, worker
from launch.train.callbacks.progress import ProgressBar
from launch.train.data import ClockedLoader

MINUTES = 8.0
WARM, SECONDS, STEPS = 5, 12.0, 200
"""Steps before the clock runs, and when a setting has been measured long enough."""

CASES = {
    "sr": ("sr/static", []),
    "pbr 1K": ("pbr/phase_a0/segformer", ["data.batch_size=1", "data.feed=1024"]),
    "smoke": (
        "smoke/weighted",
        ["data.clips=64", "module.autoencoder_gain=null", "module.lr_scheduler=null"],
    ),
}
TINY = {
    "sr": ["data.scenes=2", "data.size=96", "data.crop=16", "data.batch_size=2",
           "module.network.num_feat=8", "module.network.num_conv=1"],
    "pbr 1K": ["data.clean.count=14", "data.game.count=14", "data.feed=64",
               "data.validation_crop=64"],
    "smoke": ["data.clips=4", "data.validation_clips=2", "data.batch_size=2", "data.size=32",
              "module.frame_size=32"],
}  # fmt: skip
EAGER = {"precision": "32-true", "fused": False}
SETTINGS: dict[str, dict[str, Any]] = {
    "fp32 eager": {},
    "fused": {"fused": True},
    "bf16": {"precision": "bf16-mixed"},
    "channels_last": {"channels_last": True},
    "compile": {"compile": True},
    "all of them": {"fused": True, "precision": "bf16-mixed", "channels_last": True,
                    "compile": True},
}  # fmt: skip


class Meter(pl.Callback):
    """Times the steps of a training from the warm one on, and ends it.

    Attributes:
        count, seconds: of the steps, and what they have taken together.
        waited: seconds of them that it stood still in the loader.
        reads: where a step has waited for the device, `file:line` each; None where nothing tells.
    """

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps, self.limit = steps, seconds
        self.count, self.begun, self.seconds, self.waited = 0, 0.0, 0.0, 0.0
        self.watching = ExitStack()
        self.noted: list[warnings.WarningMessage] | None = None

    @property
    def reads(self) -> list[str] | None:
        if self.noted is None:
            return None
        return [f"{Path(warning.filename).name}:{warning.lineno}" for warning in self.noted]

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == WARM - 1 and torch.cuda.is_available():
            self.noted = self.watching.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            self.watching.callback(torch.cuda.set_sync_debug_mode, "default")

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.watching.close()
        loader = trainer.train_dataloader
        assert isinstance(loader, ClockedLoader)
        if batch_idx < WARM:
            synchronise()
            self.begun, self.waited = time.perf_counter(), loader.waited
            return
        self.count += 1
        if self.count == self.steps or time.perf_counter() - self.begun > self.limit:
            synchronise()
            self.seconds = time.perf_counter() - self.begun
            self.waited = loader.waited - self.waited
            trainer.should_stop = True


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measured(case: str, settings: dict[str, Any], tiny: bool, folder: Path) -> tuple[Meter, int]:
    """A training of a case under some settings, without validations and pictures; its batch."""
    experiment, typed = CASES[case]
    typed = ["scale=demo" if tiny else "scale=full", *typed, *(TINY[case] if tiny else [])]
    config = launch.compose(experiment, *typed)
    config["trainer"] |= EAGER | settings | {
        "max_iterations": 10**6, "max_epochs": None, "validate_every": 10**6, "log_every": 10**6,
        "checkpoint_every": 10**6, "image_every": 10**6,
    }  # fmt: skip
    latents = {"latent_channels": config["module"]["network"].get("latent_channels", 8)}
    autoencoder = VQAutoencoder(halvings=2 if tiny else 3, **latents)
    with patch("launch.experiments.smoke.module.load_autoencoder", lambda path: autoencoder):
        data, module = build.build_data(config), build.build_module(config)
    trainer, _ = build.build_trainer(Run(folder), config, module)
    build.prepare_stream(module, data, 1, config["trainer"])
    trainer.limit_val_batches = 0
    meter = Meter(3 if tiny else STEPS, SECONDS)
    quiet = [c for c in trainer.callbacks if not isinstance(c, ProgressBar)]  # type: ignore[attr-defined]
    trainer.callbacks = [*quiet, meter]  # type: ignore[attr-defined]
    trainer.fit(module, datamodule=data)
    return meter, data.batch_size


def row(case: str, name: str, meter: Meter, batch: int) -> str:
    step, share = meter.seconds / meter.count, meter.waited / meter.seconds
    reads = "-" if meter.reads is None else " ".join([str(len(meter.reads)), *set(meter.reads)])
    return f"| {case} | {name} | {1000 * step:.1f} | {batch / step:.1f} | {share:.0%} | {reads} |"


def card() -> str:
    """The name of what it runs on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU {platform.machine()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "device")
    chosen = parser.parse_args()
    worker.quieten()
    begun = time.monotonic()
    lines = [
        f"# {card()}{', tiny sizes' * chosen.tiny}",
        "",
        f"torch {torch.__version__}; reads from the device are those of one step.",
        "",
        "| training | setting | ms a step | samples/s | waits for data | reads |",
        "|---|---|---|---|---|---|",
    ]
    for name, settings in SETTINGS.items():  # the plain one of every training first
        if chosen.tiny and settings.get("compile"):
            continue  # minutes, whatever the size
        for case in CASES:
            left = 60 * MINUTES - (time.monotonic() - begun)
            if left < (120 if settings.get("compile") else 30):
                lines.append(f"| {case} | {name} | no time was left | | | |")
                continue
            with TemporaryDirectory() as folder:
                lines.append(row(case, name, *measured(case, settings, chosen.tiny, Path(folder))))
            print(lines[-1], flush=True)
    chosen.into.mkdir(exist_ok=True)
    path = chosen.into / f"{re.sub(r'[^A-Za-z0-9]+', '-', card())}{'-tiny' * chosen.tiny}.md"
    path.write_text("\n".join(lines) + "\n")
    print(path)


if __name__ == "__main__":
    main()
