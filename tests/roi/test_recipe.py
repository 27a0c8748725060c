"""A whole run through the worker: two rungs, validation, epoch log, prediction of a folder."""

import csv
import json

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from launch.experiments.roi.recipe import peak, set_aside_if_foreign
from launch.train import worker

TRAINER = {
    "max_iterations": 4, "max_epochs": None, "validate_every": 4, "log_every": 1,
    "checkpoint_every": 4, "image_every": 4, "mask_every": 1, "accumulate": 1,
    "gradient_clip": 1.0, "precision": "32-true", "accelerator": "cpu", "devices": 1,
    "strategy": "auto", "threads": 1,
}  # fmt: skip
LABELS = ["Nodule", "Infiltration", "Cavity"]
TINY = {"_target_": "launch.experiments.roi.networks.TinyClassifier", "_partial_": True, "width": 4}
SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.01}
TERM = "launch.experiments.roi.losses."


def config(module, losses):
    return {
        "task": "train", "seed": 0, "scale": "demo", "from": None, "masks": [], "ema": None,
        "trainable": None, "logger": {}, "callbacks": {}, "predict": {},
        "main_metric": {"name": "auroc_macro", "mode": "max"},
        "trainer": TRAINER,
        "module": {"labels": LABELS, "img_size": 32, "optimizer": SGD, "log_csv": "log.csv",
                   "classifier": TINY, "judge": TINY, "mask_fill": "blur", **module},
        "losses": {n: {"_target_": TERM + t, "loss_weight": 1.0} for n, t in losses.items()},
        "data": {"_target_": "launch.experiments.roi.synthetic.SyntheticXrays", "train_images": 16,
                 "validation_images": 30, "batch_size": 8},
    }  # fmt: skip


def run(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    assert worker.main([str(folder)]) == 0, json.loads((folder / "run.json").read_text())
    return json.loads((folder / "run.json").read_text())


def mask_config(classifier):
    return config(
        {
            "_target_": "launch.experiments.roi.module.MaskTraining",
            "mask": {
                "_target_": "launch.experiments.roi.masks.LearnedMask",
                "network": {
                    "_target_": "launch.experiments.roi.networks.MaskNetwork",
                    "mask_stride": 2,
                },
            },
            "temperature": {
                "_target_": "launch.schedules.Exponential",
                "initial": 0.7,
                "rate": 0.9,
            },
            "classifier_weights": classifier,
            "judge_weights": classifier,
            "freeze_classifier": True,
            "save": "networks.pt",
        },
        {"keep": "Labels", "drop": "DropToNormal", "volume": "Volume"},
    )


@pytest.fixture(scope="module")
def rungs(tmp_path_factory):
    """Run folders of a classifier and of the mask trained for it, four updates each."""
    folder = tmp_path_factory.mktemp("roi")
    module = {"_target_": "launch.experiments.roi.module.ClassifierTraining"}
    first = config(module, {"full": "Labels", "masked": "Labels", "judge": "Labels"})
    run(folder / "classifier", first)
    classifier = str(folder / "classifier" / "checkpoints" / "best.ckpt")
    return folder, run(folder / "mask", mask_config(classifier))


def test_the_record_has_the_metrics_under_their_names(rungs):
    metrics = rungs[1]["metrics"]
    expected = {
        "auroc_macro", "f1_macro", "mask_mean", "coverage", "recall_at_coverage",
        "pointing_game", "iou", "auroc_kept", "auroc_dropped", "auroc_kept_random",
    }  # fmt: skip
    assert expected <= metrics.keys()
    assert metrics["coverage"] == pytest.approx(0.1, abs=0.005)


def test_the_mask_rung_keeps_the_classifier_of_the_first(rungs):
    folder, _ = rungs
    states = [
        torch.load(folder / rung / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for rung in ("classifier", "mask")
    ]
    names = [name for name in states[0] if name.startswith(("classifier.", "judge."))]
    assert names and all(states[0][name].equal(states[1][name]) for name in names)


def scored_by(folder, rungs, judge):
    """Validates a run that has no judge of its own by the judge of another."""
    plain = config(
        {"_target_": "launch.experiments.roi.module.ClassifierTraining"}, {"full": "Labels"}
    )
    if not (rungs / "plain").is_dir():
        assert "auroc_kept" not in run(rungs / "plain", plain)["metrics"]
    plain["module"]["judge_weights"] = str(judge)
    source = str(rungs / "plain" / "checkpoints" / "best.ckpt")
    folder.mkdir()
    (folder / "config.yaml").write_text(
        yaml.safe_dump(plain | {"task": "validate", "from": source})
    )
    return worker.main([str(folder)]), json.loads((folder / "run.json").read_text())


def test_a_run_without_a_judge_is_scored_by_that_of_another(rungs, tmp_path):
    folder, _ = rungs
    judge = folder / "classifier" / "checkpoints" / "best.ckpt"
    code, record = scored_by(tmp_path / "scored", folder, judge)
    assert code == 0 and {"auroc_kept", "auroc_dropped"} <= record["metrics"].keys()
    code, record = scored_by(tmp_path / "missing", folder, tmp_path / "gone.ckpt")
    assert code == 3 and "judge_weights: there is no file" in record["error"]


def test_the_epoch_log_and_the_networks_are_in_the_run_folder(rungs):
    folder = rungs[0] / "mask"
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [float(row["temperature"]) for row in rows] == pytest.approx([0.7, 0.63])
    assert float(rows[-1]["val_auroc"]) > 0
    saved = torch.load(folder / "networks.pt", weights_only=True)
    assert saved["epoch"] == 2 and any(k.startswith("mask.") for k in saved["state_dict"])
    assert list((folder / "images").glob("*.png"))


def test_a_folder_is_predicted_and_an_unreadable_file_stops_nothing(rungs, tmp_path):
    source = tmp_path / "in" / "ward"
    source.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(source / "a.png")
    (source / "b.png").write_text("no image")
    folder, output = rungs[0] / "mask", tmp_path / "out"
    content = yaml.safe_load((folder / "config.yaml").read_text()) | {
        "task": "predict",
        "from": str(folder / "checkpoints" / "best.ckpt"),
        "input": str(tmp_path / "in"),
        "output": str(output),
    }
    record = run(tmp_path / "predict", content)
    assert record["metrics"]["images"] == 1 and record["metrics"]["unreadable"] == 1
    with (output / "predictions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    full, dropped = (float(row[f"prob_{part}/Cavity"]) for part in ("full", "dropped"))
    assert float(row["faithfulness/Cavity"]) == pytest.approx(full - dropped)
    mask = np.asarray(Image.open(output / "masks" / "ward" / "a.png"))
    assert mask.shape == pixels.shape and set(np.unique(mask)) == {0, 255}
    assert np.asarray(Image.open(output / "overlays" / "ward" / "a.png")).shape == (48, 64, 3)
    assert "b.png" in (output / "unreadable.csv").read_text()


def test_what_an_earlier_run_left_at_an_absolute_path_stays_whole(tmp_path):
    places = {"log_csv": str(tmp_path / "log.csv"), "save": str(tmp_path / "networks.pt")}
    plain = {
        "_target_": "launch.experiments.roi.module.ClassifierTraining",
        "judge": None,
        **places,
    }
    content = config(plain, {"full": "Labels"})
    run(tmp_path / "first", content)
    before = {name: (tmp_path / name).read_bytes() for name in ("log.csv", "networks.pt")}
    with pytest.warns(UserWarning, match="is of another run; it was renamed to"):
        run(tmp_path / "second", content | {"seed": 1})
    for name, earlier in before.items():
        stem, suffix = name.split(".")
        assert (tmp_path / f"{stem}.1.{suffix}").read_bytes() == earlier
        assert (tmp_path / name).read_bytes() != earlier
    assert not set_aside_if_foreign(tmp_path / "networks.pt", tmp_path / "second")
    assert (tmp_path / "networks.pt").exists()


def test_the_peak_is_at_the_centre_of_its_cell():
    saliency = torch.zeros(1, 1, 4, 4)
    saliency[0, 0, 1, 2] = 1
    assert peak(saliency, torch.Size([16, 16])).item() == 6 * 16 + 10
