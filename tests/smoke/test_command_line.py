"""What a user types: both rungs, a kill in the second one, futures of a folder of frames."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.command_line import launch, stopped

pytestmark = pytest.mark.slow

TINY = [
    "+experiment=smoke/weighted", "data.clips=16", "data.validation_clips=4", "data.clip_frames=6",
    "data.size=16", "data.batch_size=8", "module.network.width=16", "module.horizon=2",
    "module.sampling.steps=2", "trainer.max_iterations=300", "trainer.validate_every=100",
    "trainer.checkpoint_every=7", "trainer.log_every=1", "trainer.threads=1",
]  # fmt: skip
PROMISED = {
    "reconstruction_psnr", "rmse_smoke", "rmse_smoke_persistence", "background_energy",
    "mass_ratio", "smoke_ratio",
}  # fmt: skip
TIMES = {"health/seconds_per_iteration", "health/data_wait_share"}


def command(root):
    """Trains into `flow` below the folder, and an autoencoder for it beside it."""
    return [*TINY, f"runs={root}", f"run_dir={root / 'flow'}", f"data.cache={root / 'cache'}"]


def autoencoder(root):
    """The folder of the only autoencoder there."""
    (folder,) = (root / "smoke" / "autoencoder").iterdir()
    return folder


def record(run):
    return json.loads((run / "run.json").read_text())


def rows(run):
    """Of `metrics.csv`, without what the clock says."""
    path = run / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            [cell for cell in row.items() if cell[0] not in TIMES] for row in csv.DictReader(file)
        ]


def last(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def tensors(run):
    return {k: v for k, v in last(run)["state_dict"].items() if isinstance(v, torch.Tensor)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    code, printed = launch(*command(root))
    assert code == 0, printed
    return root


def test_one_command_completes_both_rungs(undisturbed):
    for run in (autoencoder(undisturbed), undisturbed / "flow"):
        assert (record(run)["status"], record(run)["iteration"]) == ("completed", 300)
        assert (run / "images" / "iteration_00000300.png").is_file()
    metrics = record(undisturbed / "flow")["metrics"]
    assert metrics.keys() >= PROMISED
    assert np.isfinite(list(metrics.values())).all()


def test_the_flow_stands_on_the_autoencoder_beside_it(undisturbed):
    (parent,) = record(undisturbed / "flow")["parents"]
    assert parent["folder"] == str(autoencoder(undisturbed))


def test_the_same_command_after_a_kill_ends_as_if_it_had_not_been_disturbed(undisturbed, tmp_path):
    run, whole = tmp_path / "flow", undisturbed / "flow"
    saved = (run / "checkpoints" / "last.ckpt").is_file
    stopped(*command(tmp_path), when=lambda: saved() and len(rows(run)) > 120)
    assert record(run)["status"] == "running"
    assert 100 < last(run)["iteration"] < 300
    first = (autoencoder(tmp_path) / "run.json").read_bytes()

    code, printed = launch(*command(tmp_path))
    assert code == 0, printed
    assert (autoencoder(tmp_path) / "run.json").read_bytes() == first
    weights, expected = tensors(run), tensors(whole)
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)
    best = [folder / "weights.safetensors" for folder in (run, whole)]
    assert best[0].read_bytes() == best[1].read_bytes()
    assert rows(run) == rows(whole)
    assert record(run)["metrics"] == record(whole)["metrics"]


def test_prediction_writes_futures_of_a_folder_of_frames(undisturbed, tmp_path):
    clip, futures = tmp_path / "frames" / "plume", tmp_path / "futures"
    clip.mkdir(parents=True)
    for number in range(4):
        smoke = np.zeros((20, 20, 3), np.uint8)
        smoke[10 - 2 * number :, 8:12] = 200
        cv2.imwrite(str(clip / f"{number}.png"), smoke)
    code, printed = launch(
        "+experiment=smoke/weighted", "task=predict", "from=latest", f"input={clip.parent}",
        f"output={futures}", "module.predict_frames=5", "trainer.threads=1",
        f"runs={undisturbed}", f"run_dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert code == 0, printed
    assert record(tmp_path / "run")["metrics"].items() >= {"clips": 1, "failed": 0}.items()
    for sample in ("sample_0", "sample_1"):
        video = cv2.VideoCapture(str(futures / "plume" / f"{sample}.mp4"))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 2 + 5
        assert Image.open(futures / "plume" / f"{sample}.gif").size == (192, 192)
    assert Image.open(futures / "plume" / "grid.png").width == 2 * (96 + 2)
    arrays = np.load(futures / "plume" / "frames.npz")
    assert arrays["given"].shape == arrays["truth"].shape == (2, 3, 16, 16)
    assert arrays["generated"].shape == (2, 5, 3, 16, 16)
