"""A fit from configuration to result: stages, averages, masks, interruption, files."""

import json
import os
import signal
from pathlib import Path

import pytest
import tifffile
import torch
import yaml
from torch.optim import Adam

from launch.errors import ConfigError, LaunchError
from launch.experiments.winding.mesh import Mesh
from launch.experiments.winding.module import WindingFit
from launch.experiments.winding.optimizer import adam, restart
from launch.experiments.winding.stages import Stage
from launch.experiments.winding.synthetic import Spiral, spiral
from launch.train import worker
from tests.winding.maps import write_directory

METRICS = (
    "slip_rate",
    "error_px_median",
    "error_px_p95",
    "phase_error_px",
    "folded_cells",
    "coverage",
)


def state(run) -> dict:
    return torch.load(run.last, weights_only=True)


def test_a_run_ends_with_metrics_and_files(finished) -> None:
    record = finished.record
    assert record["status"] == "completed" and record["iteration"] == 20
    assert all(name in record["metrics"] for name in METRICS)
    result = finished.folder / "result"
    lines = json.loads((result / "polylines.json").read_text())["polylines"]
    assert [line["winding"] for line in lines] == [0, 1, 2]
    for name in ("overlay.png", "fit.gif", "tifxyz/winding_0002/x.tif"):
        assert (result / name).is_file()


@pytest.mark.parametrize("moment", [8, 10])
def test_interrupting_changes_no_bit(finished, configure, run_folder, monkeypatch, moment) -> None:
    """In the middle of the second stage and at its end; masks, averages and all."""
    broken = run_folder(configure())
    step = WindingFit.training_step

    def interrupted(self, batch, batch_idx):
        if self.iteration == moment - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(WindingFit, "training_step", interrupted)
        assert worker.main([str(broken.folder)]) == 143
    assert state(broken)["iteration"] == moment
    assert worker.main([str(broken.folder)]) == 0
    first, second = state(finished), state(broken)
    for name in ("mesh.xy_ema", "mesh.xy_conn_ema", "mesh.mesh_ms.0", "mesh.conn_offset_ms.0"):
        assert torch.equal(first["state_dict"][name], second["state_dict"][name]), name
    moments = [s["optimizer_states"][0]["state"] for s in (first, second)]
    assert moments[0].keys() == moments[1].keys()
    assert all(torch.equal(moments[0][k]["exp_avg"], moments[1][k]["exp_avg"]) for k in moments[0])


def test_a_finished_fit_is_applied_to_its_slice(
    finished, configure, run_folder, tmp_path: Path
) -> None:
    config = configure()
    settings = {k: v for k, v in config["data"]["spiral"].items() if k != "_target_"}
    write_directory(spiral(Spiral(**settings), 0), tmp_path / "maps")
    paths = {"input": str(tmp_path / "maps"), "output": str(tmp_path / "out")}
    predicting = run_folder(config | paths | {"task": "predict", "from": str(finished.last)})
    assert worker.main([str(predicting.folder)]) == 0
    assert predicting.reread().record["metrics"] == pytest.approx(finished.record["metrics"])
    folders = finished.folder / "result", tmp_path / "out"
    same = [(f / "polylines.json").read_text() for f in folders]
    drawn = [[line["points"] for line in json.loads(text)["polylines"]] for text in same]
    assert drawn[0] == drawn[1]


def test_a_checkpoint_of_another_slice_is_refused(finished, configure, run_folder) -> None:
    given = {"from": str(finished.last)}
    started = run_folder(configure("data.spiral.size=80", "data.spiral.radius=100") | given)
    assert worker.main([str(started.folder)]) == 2
    assert "fitted to 1 slices of [64, 64]" in started.reread().record["error"]


# One optimizer per stage

MESH = {"image_size": (80, 80), "rows": 11, "columns": 5}
SNAP = {"name": "snap", "first": 5, "steps": 9, "lr": (0.3, 0.1, 0.03)}


def stage(**changed) -> Stage:
    return Stage(**{**SNAP, "params": ("mesh_ms", "conn_offset_ms"), **changed})


def test_rates_go_by_pyramid_level() -> None:
    mesh = Mesh(**MESH)
    rates = {id(p): g["lr"] for g in adam(mesh, stage(), Adam).param_groups for p in g["params"]}
    assert [rates[id(level)] for level in mesh.mesh_ms] == [0.03, 0.1, 0.3, 0.3, 0.3]


def test_what_a_stage_does_not_train_is_frozen() -> None:
    mesh = Mesh(**MESH)
    adam(mesh, stage(params=("mesh_ms", "amp"), min_scaledown=3), Adam)
    assert [p.requires_grad for p in mesh.mesh_ms] == [False, False, False, True, True]
    assert mesh.amp.requires_grad and not mesh.theta.requires_grad


def test_a_new_stage_forgets_the_history() -> None:
    mesh = Mesh(**MESH)
    optimizer = adam(mesh, stage(), Adam)
    sum(p.sum() for p in mesh.mesh_ms).backward()
    optimizer.step()
    groups = optimizer.param_groups
    restart(optimizer, mesh, stage(params=("amp",)), Adam)
    assert not optimizer.state and optimizer.param_groups is groups
    assert [p is mesh.amp for group in groups for p in group["params"]] == [True]


def test_a_stage_whose_levels_all_have_rate_0_is_an_error() -> None:
    with pytest.raises(ConfigError, match="trains nothing"):
        adam(Mesh(**MESH), stage(lr=(0.3, 0.0, 0.0, 0.0), min_scaledown=0, params=("theta",)), Adam)


DISC = "{label: a, type: disc, ramp_start_it: 0, ramp_stop_it: 9, losses: [data_plain]}"


# Bad input, through the functions that a run goes through


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["stages.stages.snap.params=[mesh]"], "Did you mean 'mesh_ms'"),
        (["+stages.base.dirv=1"], "Did you mean 'dir_v'"),
        ([f"stages.stages.snap.masks=[{DISC},{DISC}]"], "two masks have the label 'a'"),
        (["stages.stages.snap.masks.0.losses=[step]"], "step ignores masks"),
        (["stages.stages.snap.masks.0.start_size_segs=0"], "greater than 0"),
        (["stages_file=nowhere.json"], "does not exist"),
    ],
)
def test_mistakes_in_stages_end_before_a_run(configure, overrides, message) -> None:
    with pytest.raises(LaunchError) as caught:
        configure(*overrides)
    assert message in caught.value.message


def test_a_mask_that_ends_before_it_starts_is_one_line(configure, run_folder) -> None:
    run = run_folder(configure("stages.stages.snap.masks.0.ramp_stop_it=3"))
    assert worker.main([str(run.folder)]) == 2
    assert "ramp_stop_it 3 is before ramp_start_it 90" in run.reread().record["error"]


def write_maps(folder: Path) -> Path:
    write_directory(spiral(Spiral(size=64, radius=80, warp=1), 0), folder)
    return folder


@pytest.mark.parametrize(
    ("damage", "code", "message"),
    [
        (lambda folder: next(folder.glob("*_dir1.tif")).unlink(), 3, "lacks the channel file"),
        (lambda folder: spoil(next(folder.glob("*_mag.tif"))), 3, "channel density has 1 NaN"),
        (lambda folder: [shrink(p) for p in folder.glob("*.tif")], 2, "smaller than one mesh step"),
    ],
)
def test_broken_maps_end_with_one_line(
    configure, run_folder, tmp_path, damage, code, message
) -> None:
    folder = write_maps(tmp_path / "maps")
    damage(folder)
    config = configure()
    config["data"] = {"_target_": "launch.experiments.winding.slices.Maps", "root": str(folder)}
    run = run_folder(config)
    assert worker.main([str(run.folder)]) == code
    assert message in run.reread().record["error"]
    assert "\n" not in run.reread().record["error"]


def spoil(path: Path) -> None:
    values = tifffile.imread(path).copy()
    values[..., -3, -4] = float("nan")
    tifffile.imwrite(path, values)


def shrink(path: Path) -> None:
    tifffile.imwrite(path, tifffile.imread(path)[..., :6, :6])


def test_the_config_of_a_run_is_plain(configure) -> None:
    config = configure()
    assert yaml.safe_load(yaml.safe_dump(config)) == config
