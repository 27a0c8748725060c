"""Adam over the parameters of one stage, and how it starts afresh at the next."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.optim import Optimizer

from launch.errors import ConfigError
from launch.experiments.winding.mesh import Mesh
from launch.experiments.winding.stages import Stage
from launch.train.module import OptimizerFactory


def adam(mesh: Mesh, stage: Stage, make: OptimizerFactory) -> Optimizer:
    """Adam of a stage as `make` makes it, without history; the rest of the mesh is frozen.

    Raises:
        ConfigError: when nothing is left to train.
    """
    by_rate: dict[float, list[nn.Parameter]] = {}
    for parameter, rate in trained(mesh, stage):
        by_rate.setdefault(rate, []).append(parameter)
    if not by_rate:
        raise ConfigError(
            f"stage {stage.name!r} trains nothing: lr {list(stage.lr)} is 0 for every pyramid "
            f"level from min_scaledown {stage.min_scaledown} on"
        )
    chosen = {id(p) for parameters in by_rate.values() for p in parameters}
    for parameter in mesh.parameters():
        parameter.requires_grad_(id(parameter) in chosen)
        parameter.grad = None
    groups: list[dict[str, Any]] = [{"params": ps, "lr": rate} for rate, ps in by_rate.items()]
    return make(groups)  # type: ignore[arg-type]


def trained(mesh: Mesh, stage: Stage) -> Iterator[tuple[nn.Parameter, float]]:
    """Parameters of a stage with their learning rates; scalars and modulation use the finest."""
    for name in stage.params:
        value = getattr(mesh, name)
        if isinstance(value, nn.Parameter):
            yield from [(value, stage.rate(0))] if stage.rate(0) else []
            continue
        for level in range(stage.min_scaledown, len(value)):
            if stage.rate(level):
                yield value[level], stage.rate(level)


def restart(optimizer: Optimizer, mesh: Mesh, stage: Stage, make: OptimizerFactory) -> None:
    """Turn an optimizer into the fresh one of a stage, in place, for others hold on to it."""
    optimizer.state.clear()
    optimizer.param_groups[:] = adam(mesh, stage, make).param_groups
