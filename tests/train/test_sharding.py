"""Networks that several ranks share train what whole ones do, and leave the same files."""

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

import launch
from launch.errors import ConfigError
from launch.train import sharding
from launch.train.checkpoint_files import read
from tests.command_line import launch as typed
from tests.start.test_pool import TINY
from tests.start.test_ranks import STEPS, losses, on, weights


@pytest.fixture
def alone():
    """A rank that is the only one."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,), mesh_dim_names=("data_parallel",))
    distributed.destroy_process_group()


class Recipe(nn.Module):
    """Two networks with an average of one, and what is told of ranks."""

    def __init__(self, mesh):
        super().__init__()
        self.device_mesh = mesh
        self.network, self.fixed = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)
        self.ema = nn.ModuleDict({"network": nn.Linear(2, 2).requires_grad_(False)})


def test_what_trains_is_shared_once_with_its_average(alone):
    recipe = Recipe(alone)
    for _ in range(2):
        sharding.shard(recipe, recipe.ema)
    shared = {name for name, p in recipe.named_parameters() if isinstance(p, DTensor)}
    assert shared == {f"{part}.{name}" for part in ("network", "ema.network")
                      for name in ("weight", "bias")}  # fmt: skip


def test_a_whole_tensor_comes_back_as_it_was(alone):
    recipe = Recipe(alone)
    sharding.shard(recipe, recipe.ema)
    value, like = torch.arange(4.0).view(2, 2), recipe.network.weight
    assert torch.equal(sharding.whole(sharding.part(value, like)), value)
    step = torch.tensor(3.0)
    assert sharding.part(step, like) is step


def test_discriminators_are_refused(alone):
    recipe = Recipe(alone)
    recipe.discriminators = nn.ModuleDict({"gan": nn.Linear(2, 2)})
    with pytest.raises(ConfigError, match=r"discriminators.gan.weight is of none.*strategy=ddp"):
        sharding.shard(recipe, recipe.ema)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_two_ranks_share_a_network_and_learn_as_if_each_had_it_whole(tmp_path):
    """With averages, clipped gradients and optimizers; each goes on from what the other left."""
    start = [*TINY["sr"], *STEPS, *on(2, batch=4), "trainer.gradient_clip=0.1"]
    begun = {"shared": "fsdp2", "whole": "ddp"}
    for name, strategy in begun.items():
        place = f"run_dir={tmp_path / name}"
        code, printed = typed(*start, f"trainer.strategy={strategy}", place)
        assert code == 0, printed
    shared, whole = (tmp_path / name for name in begun)

    def same():
        assert losses(shared) == pytest.approx(losses(whole), rel=1e-6)
        torch.testing.assert_close(weights(shared), weights(whole))
        a, b = (read(folder / "checkpoints/last.ckpt") for folder in (shared, whole))
        assert a["state_dict"].keys() == b["state_dict"].keys()
        for key, value in b["state_dict"].items():
            torch.testing.assert_close(a["state_dict"][key], value, msg=key)
        torch.testing.assert_close(a["optimizer_states"], b["optimizer_states"])

    same()
    for folder, strategy in ((shared, "ddp"), (whole, "fsdp2")):
        again = [f"resume={folder}", "trainer.max_iterations=5", f"trainer.strategy={strategy}"]
        code, printed = typed(*again)
        assert code == 0, printed
    same()
    assert len(losses(shared)) == 5
    assert next(launch.load(shared).network.parameters()).shape[0] == 8
