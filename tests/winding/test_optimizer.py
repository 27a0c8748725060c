"""Adam trains what a stage names, at the rates that it names, and starts the next stage afresh."""

from functools import partial

import pytest
import torch

from launch.errors import ConfigError
from launch.experiments.winding.mesh import Mesh
from launch.experiments.winding.optimizer import adam, restart, trained
from launch.experiments.winding.stages import Stage

MAKE = partial(torch.optim.Adam, lr=1.0)


def stage(params=("mesh_ms",), lr=(0.3, 0.2, 0.1), finest=0):
    return Stage("warp", first=0, steps=1, lr=lr, params=params, min_scaledown=finest)


@pytest.fixture
def mesh():
    return Mesh((60, 60), rows=9, columns=5)


def test_coarse_levels_learn_at_the_first_rate(mesh):
    rates = [rate for _, rate in trained(mesh, stage())]
    assert rates == [0.1, 0.2, *[0.3] * (len(mesh.mesh_ms) - 2)]


def test_levels_finer_than_asked_for_stand_still(mesh):
    chosen = [parameter for parameter, _ in trained(mesh, stage(finest=1))]
    assert all(one is two for one, two in zip(chosen, list(mesh.mesh_ms)[1:], strict=True))
    adam(mesh, stage(finest=1), MAKE)
    assert [level.requires_grad for level in mesh.mesh_ms][:2] == [False, True]
    assert not mesh.theta.requires_grad


def test_scalars_learn_at_the_rate_of_the_finest_level(mesh):
    ((parameter, rate),) = trained(mesh, stage(params=("theta",)))
    assert parameter is mesh.theta and rate == 0.1


def test_parameters_of_one_rate_are_one_group(mesh):
    optimizer = adam(mesh, stage(params=("theta", "mesh_ms")), MAKE)
    sizes = {group["lr"]: len(group["params"]) for group in optimizer.param_groups}
    assert sizes == {0.1: 2, 0.2: 1, 0.3: len(mesh.mesh_ms) - 2}


def test_a_stage_that_trains_nothing_is_refused(mesh):
    with pytest.raises(ConfigError, match=r"stage 'warp' trains nothing: lr \[0.0\] is 0"):
        adam(mesh, stage(lr=(0.0,)), MAKE)


def test_the_next_stage_starts_without_history_in_the_same_optimizer(mesh):
    optimizer = adam(mesh, stage(), MAKE)
    sum(level.sum() for level in mesh.mesh_ms).backward()
    optimizer.step()
    assert optimizer.state
    restart(optimizer, mesh, stage(params=("theta",)), MAKE)
    assert not optimizer.state
    assert optimizer.param_groups[0]["params"] == [mesh.theta]
    assert mesh.theta.requires_grad and not mesh.mesh_ms[0].requires_grad
    assert mesh.mesh_ms[0].grad is None
