"""Both rungs as a worker runs them, tiny, and what the flow module promises."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from launch.errors import ConfigError, LaunchError, MissingError
from launch.experiments.smoke.autoencoder import VQAutoencoder
from launch.experiments.smoke.first_stage import AutoencoderTraining
from launch.experiments.smoke.module import SmokeFlow
from launch.experiments.smoke.networks import ConvUNet, UTransformer
from launch.experiments.smoke.rollout import Sampling
from launch.experiments.smoke.weighting import SmokeWeighting
from launch.train import objective, worker

ADAM = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 1e-3}
TRAINER = {
    "max_iterations": 4,
    "max_epochs": None,
    "validate_every": 4,
    "log_every": 1,
    "checkpoint_every": 2,
    "image_every": 4,
    "mask_every": 1,
    "accumulate": 1,
    "gradient_clip": 1.0,
    "precision": "32-true",
    "accelerator": "cpu",
    "devices": 1,
    "strategy": "auto",
    "threads": 1,
}
AUTOENCODER = {
    "_target_": "launch.experiments.smoke.first_stage.AutoencoderTraining",
    "autoencoder": {
        "_target_": "launch.experiments.smoke.autoencoder.VQAutoencoder",
        "channels": 8,
        "halvings": 2,
        "latent_channels": 4,
        "codes": 16,
    },
    "optimizer": ADAM,
    "discriminator": {
        "_target_": "launch.losses.patch_discriminator.PatchDiscriminator",
        "channels": 4,
        "halvings": 1,
    },
    "discriminator_optimizer": ADAM,
    "warmup_iters": 1,
}
FLOW = {
    "_target_": "launch.experiments.smoke.module.SmokeFlow",
    "network": {
        "_target_": "launch.experiments.smoke.networks.ConvUNet",
        "latent_channels": 4,
        "width": 16,
    },
    "weighting": {
        "_target_": "launch.experiments.smoke.weighting.SmokeWeighting",
        "mask_mode": "black_distance",
        "smoke_threshold": "auto",
    },
    "sampling": {
        "_target_": "launch.experiments.smoke.rollout.Sampling",
        "method": "euler",
        "steps": 2,
        "samples": 2,
    },
    "optimizer": ADAM,
    "horizon": 2,
    "predict_frames": 3,
    "frame_size": 16,
}


def run(folder: Path, cache: Path, **sections) -> dict:
    """Run a worker on a configuration; returns its run.json."""
    frames = sections.pop("frames")
    data = {
        "_target_": "launch.experiments.smoke.data.SimulatedSmoke",
        "clips": 6,
        "validation_clips": 2,
        "clip_frames": 5,
        "size": 16,
        "frames": frames,
        "batch_size": 3,
        "cache": str(cache),
    }
    config = {
        "task": "train",
        "seed": 0,
        "from": None,
        "masks": [],
        "ema": None,
        "trainable": None,
        "logger": {},
        "callbacks": {},
        "predict": {},
        "debug": True,
        "data": data,
        "trainer": TRAINER,
        **sections,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert worker.main([str(folder)]) == 0
    return json.loads((folder / "run.json").read_text())


@pytest.fixture(scope="module")
def rungs(tmp_path_factory) -> Path:
    """Run folders `autoencoder` and `flow`."""
    folder = tmp_path_factory.mktemp("smoke")
    run(
        folder / "autoencoder",
        folder,
        frames=1,
        module=AUTOENCODER,
        losses={
            "reconstruction": {"type": "mse"},
            "commitment": {"type": "mse"},
            "gan": {"type": "gan", "gan_type": "hinge", "loss_weight": 0.1, "start_iter": 2},
        },
        main_metric={"name": "reconstruction_psnr", "mode": "max"},
    )
    flow(folder, "flow")
    return folder


def flow(folder: Path, name: str, task: str = "train", **sections) -> dict:
    checkpoint = str(folder / "autoencoder" / "checkpoints" / "best.ckpt")
    settings = {
        "module": {**FLOW, "autoencoder": checkpoint},
        "losses": {"flow_matching": {"_target_": "launch.experiments.smoke.weighting.WeightedMSE"}},
        "ema": {"modules": ["network"], "decay": 0.9, "warmup": True},
        "main_metric": {"name": "rmse_smoke", "mode": "min"},
    }
    return run(folder / name, folder, frames=5, task=task, **(settings | sections))


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}


def test_the_record_has_the_promised_metrics(rungs):
    found = json.loads((rungs / "flow" / "run.json").read_text())["metrics"]
    promised = {
        "reconstruction_psnr",
        "rmse_smoke",
        "rmse_smoke_persistence",
        "background_energy",
        "mass_ratio",
        "smoke_ratio",
    }
    assert promised <= found.keys()
    assert all(np.isfinite(value) for value in found.values())
    assert found["nfe"] == 2


def test_the_adversarial_term_sets_in_when_it_is_scheduled(rungs):
    with (rungs / "autoencoder" / "metrics.csv").open(newline="") as file:
        rows = {int(row["iteration"]): row for row in csv.DictReader(file)}
    assert [bool(rows[i]["training/discriminator"]) for i in range(4)] == [False, True, True, True]
    assert [bool(rows[i]["loss/gan"]) for i in range(4)] == [False, False, True, True]


def test_the_log_has_the_names_of_the_origin(rungs):
    columns = (rungs / "flow" / "metrics.csv").read_text().splitlines()[0].split(",")
    loss = "Training/Loss/flow_matching_mse"
    assert {loss, f"{loss}_unweighted", f"{loss}_smoke", f"{loss}_background"} <= set(columns)
    assert "Training/Stats/smoke_ratio" in columns
    assert list((rungs / "flow" / "images").glob("*.png"))


def test_the_checkpoint_keeps_statistics_and_threshold(rungs):
    state = torch.load(rungs / "flow" / "checkpoints" / "last.ckpt", weights_only=True)[
        "state_dict"
    ]
    assert (state["latents.deviation"] > 0).all()
    assert torch.isfinite(state["weighting.threshold"])


def test_a_resumed_run_has_the_same_weights(rungs):
    half = {**TRAINER, "max_iterations": 2}
    flow(rungs, "resumed", trainer=half)
    flow(rungs, "resumed")
    whole, resumed = (tensors(rungs / name) for name in ("flow", "resumed"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


def test_prediction_leaves_videos_a_grid_and_floats(rungs, tmp_path):
    for clip in ("a", "b"):
        (tmp_path / "in" / clip).mkdir(parents=True)
        for number in range(4):
            image = np.full((20, 20, 3), 60 * number, np.uint8)
            cv2.imwrite(str(tmp_path / "in" / clip / f"{number}.png"), image)
    (tmp_path / "in" / "b" / "3.png").write_bytes(b"damaged")
    checkpoint = str(rungs / "flow" / "checkpoints" / "best.ckpt")
    sections = {"from": checkpoint, "input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
    with pytest.warns(UserWarning, match=r"b: 3\.png is left out"):
        found = flow(rungs, "predicted", task="predict", **sections)["metrics"]
    assert found["clips"] == 2 and found["failed"] == 0 and "rmse_smoke" in found
    names = {p.name for p in (tmp_path / "out" / "a").iterdir()}
    assert names == {
        *(f"sample_{i}.{suffix}" for i in (0, 1) for suffix in ("mp4", "gif")),
        "grid.png",
        "frames.npz",
    }
    arrays = np.load(tmp_path / "out" / "a" / "frames.npz")
    assert arrays["generated"].shape == (2, 3, 3, 16, 16)
    assert arrays["truth"].shape == (2, 3, 16, 16)


# Without a run


def module(**settings) -> SmokeFlow:
    torch.manual_seed(0)
    losses = objective.build(
        {"flow_matching": {"_target_": "launch.experiments.smoke.weighting.WeightedMSE"}}
    )
    autoencoder = VQAutoencoder(channels=8, halvings=2, latent_channels=4, codes=16)
    defaults = {
        "weighting": SmokeWeighting(mask_mode="pixel"),
        "autoencoder": "x",
        "network": ConvUNet(4, 16),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("launch.experiments.smoke.module.load_autoencoder", lambda path: autoencoder)
        return SmokeFlow(
            losses=losses,
            sampling=Sampling(steps=1),
            optimizer=torch.optim.Adam,
            **(defaults | settings),
        )


def batch() -> dict[str, Any]:
    torch.manual_seed(1)
    frames = (torch.rand(2, 4, 3, 16, 16) * 255).byte()
    frames[..., :8] = 0
    names = [(f"0 {number}", f"1 {number}") for number in range(3)]
    return {"frames": frames[:, :3], "names": names, "distance": torch.tensor([1, 1])}


def test_a_higher_threshold_finds_less_smoke():
    ratios = []
    for threshold in (0.1, 2.0):
        flow_module = module(weighting=SmokeWeighting(5, 1, threshold, "pixel"))
        flow_module.measure(batch()["frames"])
        flow_module.loss(batch())
        ratios.append(float(flow_module.recorded["Training/Stats/smoke_ratio"]))
    assert ratios == [0.5, 0.0]


def test_the_weighted_loss_is_the_sum_of_its_weighted_parts():
    flow_module = module()
    flow_module.measure(batch()["frames"])
    total = flow_module.loss(batch())
    found = {k.split("_mse")[-1]: float(v) for k, v in flow_module.recorded.items()}
    expected = 0.5 * (5 * found["_smoke"] + found["_background"])
    assert total.item() == pytest.approx(expected, rel=1e-4)


def test_the_autoencoder_is_neither_optimised_nor_averaged():
    flow_module = module()
    trained = {id(p) for p in flow_module.trainable_parameters()}
    assert trained == {id(p) for p in flow_module.network.parameters()}


def test_a_mask_that_selects_everything_is_reported():
    flow_module = module(weighting=SmokeWeighting(5, 1, 0.0, "latent_norm"))
    flow_module.measure(batch()["frames"])
    flow_module.loss(batch())
    assert "selects everything" in flow_module.health()[0]


def test_an_autoencoder_that_does_not_suit_the_frames_is_reported():
    flow_module = module()
    flow_module.log_metrics({"reconstruction_psnr": 13.5})
    assert "13.5 dB" in flow_module.health()[0]
    flow_module.log_metrics({"reconstruction_psnr": 29.0})
    assert flow_module.health() == []


def test_without_an_autoencoder_the_command_that_makes_one_is_named():
    with pytest.raises(MissingError, match=r"\+experiment=smoke/autoencoder"):
        module(autoencoder=None)


def test_networks_and_autoencoders_that_do_not_fit_say_which_setting_mends_it():
    with pytest.raises(ConfigError, match=r"set module\.network\.latent_channels=4"):
        module(network=ConvUNet(8, 16))
    transformer = UTransformer(4, cells=9, width=16, heads=2, depth=1, middle=1)
    flow_module = module(network=transformer)
    flow_module.measure(batch()["frames"])
    with pytest.raises(ConfigError, match=r"4 x 4 cells .* set module\.network\.cells=16"):
        flow_module.loss(batch())
    with pytest.raises(ConfigError, match=r"30x16 .* multiple of 4"):
        flow_module.latents.autoencoder.encode(torch.zeros(1, 3, 16, 30))


def test_calibration_counts_and_draws(tmp_path):
    class Data:
        train_set = tuple({"frames": batch()["frames"][i]} for i in range(2))

        def setup(self, stage: str) -> None: ...

    found = module().calibration(Data(), tmp_path)  # type: ignore[arg-type]
    assert found["auroc/pixel"] == 1.0
    assert found["smoke_ratio/pixel/0.1"] == 0.5
    assert found["smoke_ratio/latent_norm/0.05"] == 1.0
    assert (tmp_path / "images" / "calibration.png").is_file()


class Grey(torch.nn.Module):
    """An autoencoder that shows one grey, whatever it is given."""

    latent_channels, factor = 4, 4

    def __init__(self, shade):
        super().__init__()
        self.shade = shade

    def encode(self, frames):
        return torch.nn.functional.avg_pool2d(frames, 4).mean(1, keepdim=True).expand(-1, 4, -1, -1)

    def decode(self, latent):
        return torch.nn.functional.interpolate(latent[:, :3] * 0 + self.shade, scale_factor=4)


def test_a_flow_does_not_train_on_an_autoencoder_that_shows_one_colour():
    """Dark frames flatter it: the best grey alone is 20 dB or more."""
    flow_module = module()
    frames = torch.zeros(2, 3, 3, 16, 16)
    frames[..., 4:6, 4:6] = 0.5
    flow_module.latents.autoencoder = Grey(float(frames.mean()))
    flow_module.measure(frames)
    with pytest.raises(LaunchError, match=r"has collapsed: 2\d\.\d dB is -?0\.0 dB over") as caught:
        flow_module.check_autoencoder(frames, 1.0)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"reconstruction_psnr": 25.9, "constant_psnr": 25.9, "codebook_use": 0.01}, "collapsed"),
        ({"reconstruction_psnr": 31.0, "constant_psnr": 25.9, "codebook_use": 0.05}, "only 5%"),
        ({"reconstruction_psnr": 31.0, "constant_psnr": 25.9, "codebook_use": 0.6}, None),
    ],
)
def test_an_autoencoder_is_judged_by_the_best_constant_picture(metrics, words):
    module = AutoencoderTraining(
        losses=objective.build({}), autoencoder=VQAutoencoder(channels=8), optimizer=lambda p: None
    )
    module.log_metrics(metrics)
    found = module.health()
    assert (
        (words in found[0] and "lower module.autoencoder.codes" not in found[0])
        if words
        else not found
    )
