"""`from=`: what a module takes from a checkpoint of a run, and from a model file of anyone."""

import os
import stat

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from launch.errors import ConfigError
from launch.train import objective
from launch.train.module import ScheduledModule
from launch.train.weights import load_weights, save_weights


class Recipe(ScheduledModule):
    def __init__(self, width=4, adversarial=False):
        super().__init__(objective.build({"pixel": {"type": "l1"}}))
        self.network = nn.Sequential(nn.Conv2d(3, width, 3), nn.Conv2d(width, 3, 1))
        if adversarial:
            self.discriminator = nn.Linear(3, 1)

    def weights(self):
        return self.evaluated("network").state_dict()


def recipe(seed=0, average=True, **settings):
    torch.manual_seed(seed)
    module = Recipe(**settings)
    if average:
        module.average(["network"], 0.9)
        with torch.no_grad():
            for value in module.ema.parameters():
                value.add_(0.5)
    return module


def checkpoint(module, path):
    torch.save({"state_dict": module.state_dict(), "iteration": 7, "batches": 14}, path)
    return path


def same(module, state):
    torch.testing.assert_close(dict(module.state_dict()), dict(state), atol=0, rtol=0)


def test_a_start_takes_the_averaged_weights_and_an_end_all_of_them(tmp_path):
    trained = recipe(0)
    path = checkpoint(trained, tmp_path / "last.ckpt")
    started = recipe(1)
    load_weights(started, path)
    same(started.network, trained.ema["network"].state_dict())
    same(started.ema["network"], trained.ema["network"].state_dict())
    assert (started.iteration, started.batches) == (0, 0)
    whole = recipe(1)
    load_weights(whole, path, with_state=True)
    same(whole, trained.state_dict())
    assert (whole.iteration, whole.batches) == (7, 14)


class Counter(nn.Module):
    """Keeps a number that is no tensor."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def get_extra_state(self):
        return self.count

    def set_extra_state(self, state):
        self.count = state


def test_an_end_has_what_its_parts_keep_beside_tensors_and_a_start_has_not(tmp_path):
    trained, started, whole = recipe(0), recipe(1), recipe(1)
    for module in (trained, started, whole):
        module.counter = Counter()
    trained.counter.count = 5
    path = checkpoint(trained, tmp_path / "last.ckpt")
    load_weights(started, path)
    load_weights(whole, path, with_state=True)
    assert (started.counter.count, whole.counter.count) == (0, 5)


def test_averages_of_the_file_serve_a_module_without(tmp_path):
    trained = recipe(0)
    started = recipe(1, average=False)
    load_weights(started, checkpoint(trained, tmp_path / "last.ckpt"))
    same(started.network, trained.ema["network"].state_dict())


def test_a_file_without_averages_starts_them(tmp_path):
    trained = recipe(0, average=False)
    started = recipe(1)
    load_weights(started, checkpoint(trained, tmp_path / "last.ckpt"))
    for part in (started.network, started.ema["network"]):
        same(part, trained.network.state_dict())


def test_a_part_that_the_file_lacks_starts_fresh_and_is_named(tmp_path, capsys):
    started = recipe(1, adversarial=True)
    before = started.discriminator.weight.clone()
    load_weights(started, checkpoint(recipe(0), tmp_path / "last.ckpt"))
    torch.testing.assert_close(started.discriminator.weight, before)
    assert capsys.readouterr().out.endswith("has no discriminator, which starts fresh\n")


def test_a_part_of_another_shape_is_an_error(tmp_path):
    path = checkpoint(recipe(0, width=8), tmp_path / "last.ckpt")
    with pytest.raises(ConfigError, match=r"network\.0\.weight: the network has .* the file"):
        load_weights(recipe(1), path)


def test_a_file_of_something_else_is_an_error(tmp_path):
    torch.save({"encoder.weight": torch.ones(2)}, tmp_path / "a.pth")
    for with_state in (False, True):
        with pytest.raises(ConfigError, match="is of another architecture"):
            load_weights(recipe(), tmp_path / "a.pth", with_state)


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"params_ema": s}, "export"])
def test_a_foreign_file_is_for_the_part_that_it_fits(tmp_path, wrap, with_state):
    trained, path = recipe(0), tmp_path / "a.pth"
    if wrap == "export":
        path = path.with_suffix(".safetensors")
        save_weights(trained, path)
    else:
        torch.save(wrap(trained.weights()), path)
    started = recipe(1, adversarial=True)
    load_weights(started, path, with_state)
    for part in (started.network, started.ema["network"]):
        same(part, trained.weights())
    assert started.iteration == 0


def test_a_model_to_use_may_lack_nothing_but_a_discriminator(tmp_path):
    module = recipe(0)
    module.classifier = nn.Linear(2, 2)
    with pytest.raises(ConfigError, match=r"classifier\.weight"):
        load_weights(module, checkpoint(recipe(1), tmp_path / "last.ckpt"), with_state=True)


def test_exported_weights_are_for_others_to_read(tmp_path):
    mask = os.umask(0o022)
    try:
        save_weights(recipe(), tmp_path / "weights.safetensors")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "weights.safetensors").stat().st_mode) == 0o644
    same(recipe(), recipe().state_dict())
    assert set(load_file(tmp_path / "weights.safetensors")) == set(recipe().network.state_dict())
