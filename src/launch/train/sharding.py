"""`trainer.strategy=fsdp2`: each rank keeps a part of every network, of its gradients and averages.

A network is whole only while it computes. Checkpoints hold whole tensors in one file, as those of
any other training, so that any number of ranks goes on from them, sharded or not.
"""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import ModelParallelStrategy, ParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from launch.errors import ConfigError


class Sharded(ModelParallelStrategy):
    """FSDP2 over all ranks; whole tensors come to the first one for a checkpoint."""

    lightning_restore_optimizer = True  # type: ignore[assignment] - from whole tensors, below

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes
        self._tensor_parallel_size = 1
        super().setup_environment()

    def lightning_module_state_dict(self) -> dict[str, Any]:
        return tree_map(whole, ParallelStrategy.lightning_module_state_dict(self))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        return tree_map(whole, getattr(optimizer, "_optimizer", optimizer).state_dict())

    def save_checkpoint(self, checkpoint: Any, filepath: Any, storage_options: Any = None) -> None:
        ParallelStrategy.save_checkpoint(self, checkpoint, filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> Any:
        return ParallelStrategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        module = self.lightning_module
        assert module is not None
        like = module.state_dict()
        state = {name: part(v, like.get(name)) for name, v in checkpoint["state_dict"].items()}
        module.load_state_dict(state, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            of = [p for group in optimizer.param_groups for p in group["params"]]
            state = {number: {name: part(value, of[number]) for name, value in kept.items()}
                     for number, kept in saved["state"].items()}  # fmt: skip
            optimizer.load_state_dict(saved | {"state": state})


def whole(value: Any) -> Any:
    return value.full_tensor().cpu() if isinstance(value, DTensor) else value


def part(value: Any, like: Any) -> Any:
    """What this rank keeps of a tensor, if it keeps but a part of the one that it is for."""
    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def require_shardable(module: pl.LightningModule) -> None:
    """
    Raises:
        ConfigError: if a recipe looks inside its networks, or trains what is no network.
    """
    if getattr(module, "looks_inside", False):
        raise ConfigError(
            "trainer.strategy=fsdp2 makes networks whole while they compute, and "
            f"{type(module).__name__} looks inside of one; type trainer.strategy=ddp"
        )
    children = module.named_children()
    shared = {n for n, child in children if n != "losses" and not isinstance(child, nn.ModuleDict)}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and name.partition(".")[0] not in shared:
            raise ConfigError(
                f"trainer.strategy=fsdp2 shards networks, and {name} is of none, as those of "
                "losses and of discriminators, which rest in turn; type trainer.strategy=ddp"
            )


def shard(module: pl.LightningModule, averages: nn.ModuleDict) -> None:
    """Share what trains among the ranks, once.

    Raises:
        ConfigError: if parameters train that are those of no network.
    """
    require_shardable(module)
    assert module.device_mesh is not None
    mesh = module.device_mesh["data_parallel"]
    for name, network in module.named_children():
        trains = name != "losses" and any(p.requires_grad for p in network.parameters())
        if trains and not isinstance(network, nn.ModuleDict | FSDPModule):
            for shared in (network, *([averages[name]] if name in averages else [])):
                shared.to(memory_format=torch.contiguous_format)  # FSDP2 takes no other
                fully_shard(shared, mesh=mesh, reshard_after_forward=True)
