"""The joint pass of phase C: what the albedo network learns in it, loses again, and a resume."""

import csv
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from launch.experiments.pbr.layers import SCALARS, TARGETS
from launch.experiments.pbr.maps import MapsFromAlbedo
from launch.record.run import Run
from launch.train.build import build_trainer, prepare_stream, restore_counters, validate_each_epoch
from launch.train.data import ScheduledDataModule
from launch.train.objective import build

BATCHES, EPOCHS, JOINT = 3, 4, 3
TRAINER = {
    **{"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true"},
    **{"accumulate": 1, "gradient_clip": None, "max_epochs": EPOCHS, "max_iterations": None},
    **{"checkpoint_every": 1, "log_every": 1, "mask_every": 1, "image_every": 99},
    "validate_every": None,
}
CONFIG = {
    "trainer": TRAINER,
    "main_metric": {"name": "val_loss", "mode": "min"},
    "callbacks": None,
    "logger": None,
}


class Textures(ScheduledDataModule):
    """The diffuse is the albedo; half of the samples are of the game."""

    def __init__(self):
        super().__init__(batch_size=2)
        self.categories = SimpleNamespace(names=tuple("abcdefg"))
        self.materials = [SimpleNamespace(truth=TARGETS)]
        self.balanced = True

    def load(self, stage):
        random = torch.Generator().manual_seed(0)
        colour = torch.rand(3, 32, 32, generator=random)
        maps = {name: torch.rand(1, 32, 32, generator=random) for name in SCALARS}
        maps |= {
            "diffuse": colour,
            "albedo": colour,
            "normal": colour,
            "truth": torch.ones(5, 32, 32),
        }
        classes = {"classes": torch.zeros(32, 32, dtype=torch.long)}
        both = [maps | classes | {"game": torch.tensor(float(game))} for game in (0, 1)]
        self.validation_set = both
        self.train_set = Keyed(both * BATCHES)

    def class_weights(self):
        return torch.ones(7)

    def map_means(self):
        return torch.zeros(8, 4)


class Keyed(list):
    """Samples by `(epoch, index)`."""

    def __getitem__(self, key):
        return super().__getitem__(key[1])


class Shift(nn.Module):
    """An albedo that is the diffuse with a shift of its logit, right at 0."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(2.0))

    def forward(self, image, condition):
        return torch.sigmoid(torch.logit(image[:, :3], eps=0.02) + self.shift)


class Maps(nn.Module):
    """Every map is a mix of the channels."""

    def __init__(self):
        super().__init__()
        self.heads = nn.Conv2d(6, 4, 1)

    def forward(self, image, condition):
        return dict(zip(SCALARS, self.heads(image).split(1, dim=1), strict=True))


def train(folder, rate, stop=EPOCHS * BATCHES):
    """Train until a batch, from the last checkpoint if there is one; `rate` is of the albedo."""
    torch.manual_seed(0)
    losses = build({"roughness_l1": {"type": "l1"}, "albedo_l1": {"type": "l1"}})
    adam = partial(torch.optim.Adam, lr=0.1)
    job = MapsFromAlbedo(
        losses=losses, phase="C", network=Maps(), optimizer=adam,
        albedo=Shift(), joint_epochs=JOINT, joint_rate=rate / 0.1,
    )  # fmt: skip
    job.albedo.requires_grad_(True)
    run, data = Run(folder), Textures()
    resume = run.last if run.last.is_file() else None
    if resume:
        restore_counters(job, resume)
    folder.mkdir(exist_ok=True)
    trainer, _ = build_trainer(run, CONFIG, job)
    prepare_stream(job, data, 1, TRAINER)
    validate_each_epoch(trainer, job)
    data.last_batch = stop
    trainer.fit(job, datamodule=data, ckpt_path=resume, weights_only=True)
    return job


def shifts(folder):
    """Of the albedo network in the best and in the last checkpoint."""
    paths = Run(folder).best, Run(folder).last
    contents = [torch.load(path, weights_only=True)["state_dict"] for path in paths]
    return [content["albedo.shift"].item() for content in contents]


def validations(folder, column):
    """Values of a metric, empty where a validation did not report it."""
    with (folder / "metrics.csv").open() as file:
        return [row[column] for row in csv.DictReader(file) if row["val_loss"]]


def test_an_epoch_that_betters_the_albedo_is_kept_and_a_worse_one_is_taken_back(tmp_path):
    """From 2 by 0.6 in each of 3 updates to 0.2; then past 0."""
    job = train(tmp_path, rate=0.6)
    assert validations(tmp_path, "albedo_taken_back")[1:] == ["0.0", "1.0", "1.0"]
    assert job.albedo.shift.item() == pytest.approx(0.2, abs=0.01)
    assert shifts(tmp_path) == [job.albedo.shift.item()] * 2
    errors = [float(value) for value in validations(tmp_path, "albedo_l1_sky")]
    assert errors[1] < errors[0]
    assert errors[1:] == [errors[1]] * 3  # of what was kept, as the checkpoints have it


def test_without_a_better_epoch_the_albedo_stays_what_it_was_before_the_joint_pass(tmp_path):
    job = train(tmp_path, rate=50.0)
    assert job.albedo.shift == 2.0
    assert shifts(tmp_path) == [2.0, 2.0]
    assert validations(tmp_path, "albedo_taken_back")[1:] == ["1.0", "1.0", "1.0"]


def test_the_metrics_are_of_the_weights_in_the_checkpoint(tmp_path):
    job = train(tmp_path, rate=0.6)
    assert job.training_metrics["albedo_taken_back"] == 1
    (tmp_path / "again").mkdir()
    trainer, _ = build_trainer(Run(tmp_path / "again"), CONFIG, job)
    told = dict(job.metrics)
    trainer.validate(job, datamodule=Textures(), verbose=False)
    assert job.metrics == told


@pytest.mark.parametrize("stop", [2, 3, 4, 6, 8, 9])
def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path, stop):
    """Before, at the beginning of, and within epochs of the joint pass."""
    whole = train(tmp_path / "whole", rate=0.6)
    train(tmp_path / "stopped", rate=0.6, stop=stop)
    resumed = train(tmp_path / "stopped", rate=0.6)
    assert shifts(tmp_path / "stopped") == shifts(tmp_path / "whole")
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)
