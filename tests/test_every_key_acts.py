"""Every number, switch and choice of a configuration changes what a training leaves, or says why.

Each leaf of the composition, interpolations as written, is changed by itself: a number is doubled
(or halved, where twice is refused or as good as once), a switch turned, an option replaced by
another one of its annotation. Then the configuration is resolved, checked and trained as the worker
does it, for a few iterations. What is refused has to be refused in words.
"""

import hashlib
import math
import traceback
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from launch.check.annotations import evaluate
from launch.check.configuration import problems, referred
from launch.check.settings import SECTIONS, Precision
from launch.composition.compose import resolved
from launch.errors import ConfigError, LaunchError
from launch.losses import LOSSES
from launch.masks import MASKS
from launch.record.expand import expanded
from launch.record.identity import APART
from launch.record.references import references, with_checkpoints
from launch.record.run import Run
from launch.schedules import LOSS_WEIGHT_KEYS
from launch.source.signatures import signature
from launch.train.metrics_csv import read
from launch.train.worker import train
from tests.compositions import trainings
from tests.test_experiments import Steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

EVERY = [
    "trainer.log_every=1", "trainer.checkpoint_every=3", "trainer.validate_every=3",
    "trainer.image_every=3", "trainer.threads=1",
]  # fmt: skip

XRAYS = [
    "data.train_images=16", "data.validation_images=20", "data.batch_size=4",
    "recipe.classifier_iterations=6", "recipe.mask_iterations=6",
]  # fmt: skip
SMOKE = [
    "data.clips=4", "data.validation_clips=2", "data.cache=${runs}/smoke",
    "trainer.max_iterations=6",
]  # fmt: skip
TINY = {
    ("sr/gan_ramp", ""): [
        "trainer.max_iterations=6", "data.scenes=4", "data.size=64", "data.validation_images=1",
        "data.batch_size=2", "data.crop=8", "module.network.num_feat=4",
        "module.network.num_conv=1", "module.discriminator.channels=4", "module.warmup_iters=1",
        "module.tile=8", "module.overlap=1", "ema.decay=0.2", "losses.gan.start_iter=3",
        "losses.gan.target_iter=5", "losses.gan.loss_weight=0.01", "losses.gan.target_weight=0.1",
    ],
    ("roi/deterministic_st", "classifier"): XRAYS,
    ("roi/deterministic_st", "mask"): [
        *XRAYS, "recipe.dynamic_weights=true", "rungs.mask.module.balance.every=2",
        "recipe.delta=2e-3", "recipe.dynamic_weight_min=1.5e-3", "recipe.dynamic_weight_max=0.9",
        "recipe.mask_temperature_min=0.305",
    ],
    ("smoke/autoencoder", ""): [
        *SMOKE, "data.batch_size=4", "data.validation_batch=2", "module.autoencoder.channels=8",
        "module.autoencoder.codes=16", "module.discriminator.channels=4", "module.warmup_iters=1",
        "losses.gan.start_iter=3", "losses.gan.target_iter=5", "losses.gan.loss_weight=0.01",
        "losses.gan.target_weight=0.1",
    ],
    ("smoke/weighted", ""): [
        *SMOKE, "data.batch_size=2", "module.network.width=16", "module.autoencoder_gain=null",
        "module.sampling.steps=2", "module.horizon=2", "module.optimizer.weight_decay=0.5",
        "ema.decay=0.2", "data.frames=8",
    ],
    ("winding/mask_stages", ""): [
        "data.spiral.size=128", "module.windings=4", "stages.stages.geometry.steps=4",
        "stages.stages.anchor.steps=3", "stages.stages.snap.steps=5",
        "stages.stages.anchor.masks.0.ramp_start_it=1",
        "stages.stages.anchor.masks.0.ramp_stop_it=2",
        "stages.stages.snap.masks.0.ramp_start_it=1", "stages.stages.snap.masks.0.ramp_stop_it=3",
    ],
    ("pbr/phase_b", "albedo"): [
        "module.lr_scheduler.step_size=1", "data.clean.count=14", "data.game.count=14",
        "data.clean.size=96", "data.game.size=96", "data.size=96", "data.feed=64",
        "data.crop.points=[[0,32],[2,96]]", "data.validation_crop=96", "data.samples_per_epoch=8",
        "data.batch_size=2", "trainer.max_epochs=2", "trainer.validate_every=null",
        "data.game_share=0.4", "data.augmentation.four_crops=0.3",
        "data.augmentation.photometric=1.0",
    ],
}  # fmt: skip

OTHER: dict[str, Any] = {
    # what a null or a word without a list of options is changed to
    "trainer.gradient_clip": 1e-3,
    "trainer.precision": "bf16-mixed",
    "trainer.profiler": "simple",
}

UNTRIED = {
    "trainer.devices": "two would be two processes",
    "trainer.num_nodes": "likewise; see tests/start/test_ranks.py",
    "trainer.compile": "minutes; see tests/train/test_acceleration.py",
    "trainer.accelerator": "the same training on another device",
}

OF_MASKS = [
    f"recipe.{name}"
    for name in (
        "alpha", "beta", "gamma", "delta", "mask_volume_target", "mask_volume_lambda",
        "mask_temperature", "mask_temperature_min", "mask_temperature_decay", "mask_hard",
        "mask_gumbel", "mask_project", "dynamic_weights", "dynamic_weight_min",
        "dynamic_weight_max", "mask_iterations",
    )
]  # fmt: skip
XRAYS_SILENT = {
    "data.test_images": "for data.evaluate=test",
    "data.persistent_workers": "there are no workers",
    "recipe.epochs": "a demo counts iterations; typed, it is refused",
    "recipe.prefetch_factor": "there are no workers",
}

SILENT: dict[str, dict[str, str]] = {
    "": {
        "trainer.checkpoint_every": "how often last.ckpt is replaced; its last content is the same",
        "trainer.mask_every": "without masks",
        "trainer.strategy": "of several devices; see tests/train/test_acceleration.py",
        "trainer.threads": "read before the training, by what starts it",
        "trainer.fused": "the same update by another kernel",
        "trainer.tf32": "for GPUs",
        "trainer.cudnn_benchmark": "for GPUs",
        "trainer.channels_last": "the same sums in another memory format",
        "trainer.prefetch": "samples do not depend on who makes them, nor when",
        "trainer.keep_optimizer": "read by the worker when a run is completed",
        "trainer.loader_timeout": "there are no workers",
        "trainer.stop_within": "nothing stops the run",
        "data.workers": "samples do not depend on who makes them",
    },
    "sr/gan_ramp": {"module.wrap": "of pictures to enlarge; see tests/sr/test_predict.py"},
    "roi/deterministic_st/classifier": dict.fromkeys(OF_MASKS, "of the other rung") | XRAYS_SILENT,
    "roi/deterministic_st/mask": dict.fromkeys(
        ["recipe.lr", "recipe.classifier_iterations"], "of the other rung"
    )
    | XRAYS_SILENT,
    "smoke/weighted": {
        "module.latent_gigabytes": "of what is encoded anew where it does not fit",
        "module.predict_frames": "for task=predict",
        "module.frames_per_second": "for task=predict",
        "data.validation_batch": "each clip has noise of its own",
    },
    "pbr/phase_b/albedo": {
        "module.dropout": "the U-Net has none; the SegFormer has",
        **dict.fromkeys(
            ("recipe.relief", "recipe.size", "recipe.unfreeze"),
            "of other phases and data; typed, it is refused, see tests/front/test_mistakes.py",
        ),
    },
    "winding/mask_stages": {"data.spiral.slice_drift": "one slice; see data.spiral.slices"},
}


# What is changed


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Path and value of everything that is neither a mapping nor a list."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inside:
        place = f"{path}.{key}" if path else str(key)
        found += leaves(item, place) if isinstance(item, dict | list) else [(place, item)]
    return found


def changes(config: DictConfig) -> dict[str, list[Any]]:
    """Every path that can be changed by itself, and its other values in the order of trying."""
    written: Any = OmegaConf.to_container(config, resolve=False)
    kept = {k: v for k, v in written.items() if k not in APART and isinstance(v, dict | list)}
    kept |= {"seed": written["seed"]}
    found = {}
    for path, value in leaves(kept):
        if path.endswith(("_partial_", "_target_")) or path in UNTRIED or "${" in str(value):
            continue
        others = list(other_values(config, path, value))
        if others:
            found[path] = others
    return found


def other_values(config: DictConfig, path: str, value: Any) -> list[Any]:
    """Other values of the same kind: twice a number, then half of it."""
    if path in OTHER:
        return [OTHER[path]]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [type(value)(v) for v in ((2 * value, value / 2) if value else (1, 0.5))]
    options = {o for place in (path, *readers(config, path)) for o in choices(config, place)}
    return sorted(options - {value})[:1]


def readers(config: DictConfig, path: str) -> list[str]:
    """Keys that have their value from this one."""
    written = leaves(OmegaConf.to_container(config, resolve=False))
    return [place for place, value in written if value == f"${{{path}}}"]


def choices(config: DictConfig, path: str) -> list[str]:
    """The words that the annotation of a key allows."""
    place, _, name = path.rpartition(".")
    node: Any = OmegaConf.select(config, place)
    schema = target(place, name, node)
    known = signature(schema) if schema else None
    argument = known.arguments.get(name) if known else None
    if argument is None or argument.annotation is None:
        return []
    return words(evaluate(argument.annotation, argument.module))


def target(place: str, name: str, node: Any) -> str | None:
    """The class whose signature says what a key may be."""
    if place in SECTIONS:
        return f"launch.check.settings.{SECTIONS[place].__name__}"
    if place.startswith("losses.") and name in LOSS_WEIGHT_KEYS:
        return "launch.schedules.LossWeight"
    if not isinstance(node, DictConfig):
        return None
    return node.get("_target_") or (LOSSES | MASKS).get(str(node.get("type")))


def words(annotation: Any) -> list[str]:
    """The words in an annotation, at any depth."""
    if isinstance(annotation, str):
        return [annotation]
    return [word for part in get_args(annotation) for word in words(part)]


# What it leaves


class Trial:
    """Trains variants of one configuration."""

    def __init__(self, config: DictConfig, parents: dict[str, str | None], folder: Path) -> None:
        self.config, self.parents, self.folder = config, parents, folder

    def changed(self, path: str, value: Any) -> DictConfig:
        config = self.config.copy()
        OmegaConf.update(config, path, value, force_add=True)
        return config

    def outcome(self, config: DictConfig, name: str) -> tuple[Any, ...]:
        """What a training leaves: its log without the clock, and the content of its files.

        Raises:
            LaunchError: for what is refused.
        """
        whole = expanded(resolved(config))
        found = [p for p in problems(whole, referred(config)) if p.exit_code == 2]
        if found:
            raise ConfigError("; ".join(map(str, found)))
        run = Run(self.folder / name)
        run.start(task="train")
        torch.manual_seed(0)
        train(run, with_checkpoints(whole, self.parents))
        rows = [
            {key: cell for key, cell in row.items() if not key.startswith("health/")}
            for row in read(run.folder / "metrics.csv")
        ]
        files = [path for path in sorted(run.folder.rglob("*")) if path.is_file()]
        return rows, [(str(path.relative_to(run.folder)), content(path)) for path in files]

    def says(self, path: str, others: list[Any], before: tuple[Any, ...]) -> str:
        """`acts`, `silent` or `refused`, or the traceback of what nobody explains to the user."""
        said = "refused"
        for number, value in enumerate(others):
            try:
                after = self.outcome(self.changed(path, value), f"{path}_{number}")
            except Exception as error:
                if not explained(error):
                    return "".join(traceback.format_exception(error, limit=-3))
                continue
            if after != before:
                return "acts"
            said = "silent"
        return said


def explained(error: BaseException | None) -> bool:
    """Whether the user is told in the launcher's own words."""
    while error is not None and not isinstance(error, LaunchError):
        error = error.__cause__
    return error is not None


def content(path: Path) -> str:
    """Digest of a file; nothing of those that hold a clock or a path, or are compared otherwise."""
    named = path.name.startswith(("run.json", "metrics.csv", "events.jsonl", "profile"))
    if named or path.suffix in (".ckpt", ".pt", ".lock"):
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """Trains what others start from."""
    return Steps(tmp_path_factory.mktemp("parents"))


def trial_of(experiment: str, rung: str, steps: Steps, folder: Path) -> Trial:
    typed = [f"experiment={experiment}", "trainer=cpu", f"runs={folder}", *EVERY]
    composition = trainings(*typed, *TINY[experiment, rung])[rung]
    parents = {r: steps.resolved(r, experiment) for r in references(composition.plain)}
    return Trial(composition.config, parents, folder)


@pytest.mark.parametrize(("experiment", "rung"), TINY)
def test_every_precision_trains(experiment, rung, steps, tmp_path):
    """On a CPU Lightning takes bfloat16 for `16-mixed`, and says so."""
    trial = trial_of(experiment, rung, steps, tmp_path)
    for precision in get_args(Precision):
        rows, _ = trial.outcome(trial.changed("trainer.precision", precision), precision)
        losses = [float(row["loss/total"]) for row in rows if "loss/total" in row]
        assert losses and all(map(math.isfinite, losses)), precision


@pytest.mark.parametrize(("experiment", "rung"), TINY)
def test_every_key_acts_or_its_silence_has_a_reason(experiment, rung, steps, tmp_path):
    name = f"{experiment}/{rung}".rstrip("/")
    trial = trial_of(experiment, rung, steps, tmp_path)
    before = trial.outcome(trial.config, "as_it_is")
    assert trial.outcome(trial.config, "again") == before
    said: dict[str, str] = {}
    for path, others in changes(trial.config).items():
        said[path] = trial.says(path, others, before)
        print(f"{name} {path}: {said[path]}", flush=True)
    reasons = SILENT[""] | SILENT.get(name, {})
    kept = {path: what for path, what in said.items() if what not in ("acts", "refused")}
    wrong = [f"{k}: {v}" for k, v in kept.items() if v != "silent" or k not in reasons]
    wrong += [f"{k}: its reason does not hold" for k in SILENT.get(name, {}) if k not in kept]
    assert not wrong, "\n".join(wrong)
