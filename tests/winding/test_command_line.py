"""What a user types: mistakes, a kill in the second stage, kinds of data, the demo's numbers."""

import csv
import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
import zarr
from safetensors.torch import load_file, save_file

from launch.experiments.winding.metrics import truth_metrics
from launch.experiments.winding.network import SliceUNet
from launch.experiments.winding.synthetic import Spiral, spiral
from launch.record.run import REPOSITORY
from tests.command_line import launch, stopped
from tests.winding.maps import write_directory

pytestmark = pytest.mark.slow

FIT = ["+experiment=winding/mask_stages", "trainer.threads=1"]
ONCE = ["trainer.validate_every=9999", "trainer.image_every=9999"]
SMALL = [
    "module.windings=3", "stages.stages.geometry.steps=6", "stages.stages.anchor.steps=4",
    "stages.stages.snap.steps=10",
]  # fmt: skip
SCROLL = Path(os.environ.get("LAUNCH_DATA", REPOSITORY.parent / "shared" / "data")) / "scroll"


def fitted(folder, *arguments):
    """The metrics of a run that must succeed."""
    code, printed = launch(*arguments, f"run_dir={folder}")
    assert code == 0, printed
    return json.loads((folder / "run.json").read_text())["metrics"]


# Mistakes


def spoil(folder, **damaged):
    """A directory of maps in which files are missing (None) or changed."""
    write_directory(spiral(Spiral(size=64, radius=80, warp=1), 0), folder)
    for suffix, change in damaged.items():
        path = folder / f"spiral_seed_0_{suffix}.tif"
        values = tifffile.imread(path).copy()
        path.unlink()
        if change is not None:
            tifffile.imwrite(path, change(values))


def with_nan(values):
    values[..., 3, 4] = np.nan
    return values


def tiny(values):
    return values[..., :6, :6]


EVERY = dict.fromkeys(("cos", "mag", "dir0", "dir1", "valid"), tiny)
DISC = "{label: a, type: disc, ramp_start_it: 0, ramp_stop_it: 9, losses: [data_plain]}"
MASK = "stages.stages.snap.masks.0"
MISTAKES = {
    "a missing channel": ({"dir1": None}, [], 3, "lacks the channel file"),
    "a NaN in a channel": ({"mag": with_nan}, [], 3, "channel density has 1 NaN or infinite"),
    "an image smaller than the mesh step": (
        {**EVERY, "truth": None, "truth_valid": None}, [], 2,
        "6x6 model pixels, smaller than one mesh step",
    ),
    "a stage with an unknown parameter": (
        {}, ["stages.stages.snap.params=[mesh]"], 2, "Did you mean 'mesh_ms'?",
    ),
    "a duplicate mask label": (
        {}, [f"stages.stages.snap.masks=[{DISC},{DISC}]"], 2, "two masks have the label 'a'",
    ),
    "a ramp that stops before it starts": (
        {}, [f"{MASK}.ramp_stop_it=3"], 2,
        "mask 'pie': ramp_stop_it 3 is before ramp_start_it 90",
    ),
    "a mask on a loss that ignores masks": (
        {}, [f"{MASK}.losses=[step]"], 2, "step ignores masks",
    ),
    "a mask without a required key": (
        {}, [f"~{MASK}.start_size_segs"], 2, "start_size_segs: is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_in_one_sentence(tmp_path, mistake):
    damaged, overrides, code, answer = MISTAKES[mistake]
    spoil(tmp_path / "maps", **damaged)
    typed = [*FIT, *SMALL, "data=winding/tif", f"data.root={tmp_path / 'maps'}", *overrides]
    exit_code, printed = launch(*typed, f"run_dir={tmp_path / 'run'}")
    assert exit_code == code, printed
    assert printed.count(answer) == 1, printed
    assert "Traceback" not in printed


# Interruption

LONG_ANCHOR = [
    *FIT, "data.spiral.size=64", "data.spiral.radius=80", "data.spiral.warp=1", "module.windings=3",
    "stages.stages.geometry.steps=40", "stages.stages.anchor.steps=500",
    "stages.stages.snap.steps=60", "trainer.checkpoint_every=30", "trainer.log_every=10", *ONCE,
]  # fmt: skip


def iteration(log):
    if not log.is_file():
        return 0
    with log.open(newline="") as file:
        return max((int(row["iteration"]) for row in csv.DictReader(file)), default=0)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_fit_killed_in_its_second_stage_ends_as_an_undisturbed_one(tmp_path, how):
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    fitted(whole, *LONG_ANCHOR)
    typed, log = [*LONG_ANCHOR, f"run_dir={broken}"], broken / "metrics.csv"
    stopped(*typed, when=lambda: iteration(log) >= 120, number=how)
    saved = torch.load(broken / "checkpoints/last.ckpt", weights_only=True)["iteration"]
    assert 40 < saved < 540
    code, printed = launch(f"resume={broken}")
    assert code == 0, printed
    weights = [(run / "weights.safetensors").read_bytes() for run in (broken, whole)]
    assert weights[0] == weights[1]
    states = [
        torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (broken, whole)
    ]
    assert states[0]["iteration"] == states[1]["iteration"] == 600
    for name in ("mesh.xy_ema", "mesh.xy_conn_ema"):
        first, second = (state["state_dict"][name] for state in states)
        assert torch.equal(first, second), name


# The demo's numbers


def test_the_shipped_recipe_does_not_slip_on_a_clean_spiral(tmp_path):
    metrics = fitted(tmp_path, *FIT, *ONCE)
    assert metrics["slip_rate"] == 0 and metrics["error_px_p95"] < 1


def test_all_losses_at_once_slip(tmp_path):
    """One seed in eight does not, see the README; this one does."""
    arm = "+experiment=winding/no_mask_all_losses"
    metrics = fitted(tmp_path, arm, "seed=103", "trainer.threads=1", *ONCE)
    assert metrics["slip_rate"] > 0.2


# Other data and other stages


def test_three_slices_from_a_zarr_array_become_surfaces(tmp_path):
    """Slices drift by a pixel each; tied to one another, each finds its own layers."""
    scroll = spiral(Spiral(slices=3), 3)
    names = {"cos": scroll.cosine, "grad_mag": scroll.density * 1000 / 255}
    names |= {"dir0": scroll.dir0, "dir1": scroll.dir1, "valid": scroll.valid}
    values = np.stack([np.rint(v.clip(0, 1) * 255) for v in names.values()]).astype(np.uint8)
    array = zarr.create_array(tmp_path / "maps.zarr", shape=values.shape, dtype="uint8")
    array[:] = values
    array.attrs["preprocess_params"] = {"channels": list(names), "grad_mag_encode_scale": 1000}
    stack = [
        "data=winding/zarr",
        f"data.root={tmp_path / 'maps.zarr'}",
        "+stages.base.z_straight=1",
    ]
    fitted(tmp_path / "run", *FIT, *ONCE, *stack)
    xy = load_file(tmp_path / "run" / "weights.safetensors")["xy"]
    assert scroll.truth is not None
    found = truth_metrics(xy, torch.from_numpy(scroll.truth.winding)[:, None])
    assert found["slip_rate"] == 0 and found["error_px_p95"] < 1
    assert tifffile.imread(tmp_path / "run/result/tifxyz/winding_0000/x.tif").shape[0] == 3


def test_the_requirement_documents_stages_train(tmp_path):
    pie = {
        "label": "pie_cw_ema", "type": "central_winding_pie_ema", "ramp_start_it": 0,
        "start_size_segs": 32, "ramp_stop_it": 2000, "blur_sigma": 7.0, "losses": ["gradmag"],
    }  # fmt: skip
    stage = {"name": "stage0", "steps": 2000, "w_fac": {"gradmag": 1.0}, "masks": [pie]}
    path = tmp_path / "stages.json"
    path.write_text(json.dumps({"base": {"gradmag": 1.0}, "stages": [stage]}))
    short = ["trainer.max_iterations=300", f"stages_file={path}", *ONCE]
    metrics = fitted(tmp_path / "run", *FIT, *short)
    assert abs(metrics["spacing_error"]) < 0.05  # what gradmag alone can reach


def test_the_scale_is_of_no_account(tmp_path):
    """There is no demo block: a fit is small, and its sizes are the user's own."""
    small = ["data.spiral.size=64", "data.spiral.radius=80", "data.spiral.warp=1", *SMALL, *ONCE]
    both = [fitted(tmp_path / s, *FIT, *small, f"scale={s}") for s in ("demo", "full")]
    assert both[0] == both[1]


def test_a_network_makes_the_maps_of_a_slice(tmp_path):
    torch.manual_seed(0)
    save_file(SliceUNet(4, 2).state_dict(), tmp_path / "unet.safetensors")
    grey = np.rint(spiral(Spiral(size=96, radius=100), 0).cosine[0] * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "slice.png"), grey)
    typed = [
        "+experiment=winding/slice", "data=winding/network", f"data.root={tmp_path / 'slice.png'}",
        f"data.checkpoint={tmp_path / 'unet.safetensors'}", "data.network.width=4",
        "data.network.depth=2", "data.least_direction=0", "module.winding_step=10",
        "module.loss_maps=true", "trainer.threads=1", *SMALL, *ONCE,
    ]  # fmt: skip
    assert "confidence" in fitted(tmp_path / "run", *typed)
    assert (tmp_path / "run/result/loss_maps/data_plain.tif").is_file()
    code, printed = launch(*typed, "data.network.width=8", f"run_dir={tmp_path / 'wider'}")
    assert code == 2 and "another architecture" in printed


@pytest.mark.skipif(not SCROLL.is_dir(), reason="no scan here; set LAUNCH_DATA")
def test_a_real_slice_is_followed_without_a_network(tmp_path):
    root = SCROLL / "slice" / "scroll_crop_6_7_21.png"
    real = ["+experiment=winding/slice", "data=winding/slice", f"data.root={root}"]
    metrics = fitted(tmp_path, *real, "trainer.threads=1", *ONCE)
    assert metrics["confidence"] > 0.85 and metrics["suspected_slips"] < 0.05
