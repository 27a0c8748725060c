"""Jobs that validate what they start from: a harmful training is undone, and its gate closes."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from launch.experiments.pbr.albedo import Albedo
from launch.experiments.pbr.layers import TARGETS, UNKNOWN
from launch.ladder.gates import AnyGate
from launch.ladder.verdicts import judge
from launch.record.history import at_best, validations
from launch.record.run import Run
from launch.train.build import build_trainer, prepare_stream, validate_each_epoch
from launch.train.data import ScheduledDataModule
from launch.train.objective import build
from launch.train.worker import best

BATCHES, EPOCHS = 2, 3
TRAINER = {
    **{"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true"},
    **{"accumulate": 1, "gradient_clip": None, "max_epochs": EPOCHS, "max_iterations": None},
    **{"checkpoint_every": 1, "log_every": 1, "mask_every": 1, "image_every": 99},
    "validate_every": None,
}
CONFIG = {
    "trainer": TRAINER,
    "main_metric": {"name": "sky_val_loss", "mode": "min"},
    "callbacks": None,
    "logger": None,
}
START = TypeAdapter(AnyGate).validate_python({"type": "start", "metric": "albedo_l1_sky"})


class Textures(ScheduledDataModule):
    """Game textures whose diffuse is the albedo, with or without that truth."""

    def __init__(self, truth):
        super().__init__(batch_size=2)
        self.truth, self.balanced = float(truth), False
        self.categories = SimpleNamespace(names=tuple("abcdefg"))
        self.materials = [SimpleNamespace(truth=TARGETS if truth else ())]

    def load(self, stage):
        colour = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
        sample = {
            "diffuse": colour,
            "albedo": colour,
            "normal": torch.tensor([0, 0, 1.0])[:, None, None].expand(3, 32, 32),
            "truth": torch.full((5, 32, 32), self.truth),
            "classes": torch.full((32, 32), UNKNOWN),
            "game": torch.tensor(1.0),
        }
        self.validation_set, self.train_set = [sample] * 2, Keyed([sample] * 2 * BATCHES)

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

    def __init__(self, shift):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, image, condition=None):
        return torch.sigmoid(torch.logit(image[:, :3], eps=0.02) + self.shift)


def train(folder, start, rate, truth=True):
    folder.mkdir(exist_ok=True)
    adam = partial(torch.optim.Adam, lr=rate)
    losses = build({"l1": {"type": "l1"}})
    watched = CONFIG["main_metric"]["name"]
    job = Albedo(
        losses=losses, phase="D", network=Shift(start), optimizer=adam,
        watched=watched, validate_first=True,
    )  # fmt: skip
    run, data = Run(folder), Textures(truth)
    trainer, checkpoints = build_trainer(run, CONFIG, job)
    prepare_stream(job, data, 1, TRAINER)
    validate_each_epoch(trainer, job)
    trainer.fit(job, datamodule=data)
    run.note("end", best=best(checkpoints))
    return run


def shift(path):
    return torch.load(path, weights_only=True)["state_dict"]["network.shift"].item()


def test_a_harmful_rate_closes_the_gate_and_the_head_stays_that_of_the_parent(tmp_path):
    run = train(tmp_path, start=0.1, rate=5.0)
    history = validations(run)
    assert len(history) == 1 + EPOCHS
    assert history[0] == at_best(run)
    assert [v.word for v in judge([START], {"": history}, {})] == ["closed"]
    assert shift(run.best) == pytest.approx(0.1)
    assert abs(shift(run.last)) > 1


def test_a_good_rate_opens_it_and_the_head_is_the_new_one(tmp_path):
    run = train(tmp_path, start=1.0, rate=0.1)
    assert [v.word for v in judge([START], {"": validations(run)}, {})] == ["open"]
    assert shift(run.best) == shift(run.last) < 0.5


def test_without_truth_nothing_is_reported_as_perfect_and_nothing_is_trained(tmp_path):
    """Neither a loss of 0 nor a head of which nobody knows whether it is better."""
    with pytest.warns(UserWarning, match="they stay as they are"):
        run = train(tmp_path, start=1.0, rate=0.1, truth=False)
    (history,) = validations(run)
    assert not {"sky_val_loss", "val_loss", "albedo_l1_sky"} & history.keys()
    assert {"albedo_roll_sky", "albedo_relight_sky", "albedo_seam_sky"} <= history.keys()
    assert shift(run.last) == 1.0
    assert [v.word for v in judge([START], {"": [history]}, {})] == ["not judged"]
