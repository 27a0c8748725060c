"""Weights of checkpoints: loading them into a network that fits, and leaving them for others."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from launch.errors import ConfigError, nearest
from launch.train.module import ScheduledModule


def save_weights(module: ScheduledModule, path: Path) -> None:
    """Write `module.weights()` as safetensors, in one step."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in module.weights().items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    partial.replace(path)


def load_weights(module: ScheduledModule, checkpoint: Path, with_state: bool = False) -> None:
    """Load the weights of a checkpoint, and with `with_state` its counters and averages.

    Without state the iteration stays 0 and the averages start from the loaded weights.

    Raises:
        ConfigError: if the checkpoint is of another architecture, naming what differs.
    """
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    module.adopt(content["state_dict"])
    saved, wanted = weights_of(content["state_dict"]), weights_of(module.state_dict())
    if not with_state:
        saved = {k: v for k, v in saved.items() if not k.startswith("ema.")}
        averages = {n: k for n in wanted if n.startswith("ema.") and (k := n[4:]) in saved}
        saved |= {name: saved[source] for name, source in averages.items()}
    differing = [k for k in wanted if k not in saved or saved[k].shape != wanted[k].shape]
    if differing:
        raise ConfigError(mismatch(checkpoint, differing, saved, wanted))
    module.load_state_dict({k: saved[k] for k in wanted}, strict=False)
    if with_state:
        module.iteration, module.batches = content["iteration"], content["batches"]


def weights_of(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of a state dict that are not the losses'."""
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    return {k: v for k, v in tensors.items() if not k.startswith("losses.")}


def mismatch(
    checkpoint: Path, differing: list[str], saved: dict[str, Any], wanted: dict[str, Any]
) -> str:
    """Says how a checkpoint differs from the network, with the first few tensors."""
    lines = []
    for name in differing[:4]:
        got = tuple(saved[name].shape) if name in saved else "nothing" + nearest(name, saved)
        lines.append(f"  {name}: the network has {tuple(wanted[name].shape)}, the file {got}")
    return (
        f"{checkpoint} is of another architecture: {len(differing)} of {len(wanted)} tensors "
        "do not fit.\n" + "\n".join(lines) + "\nGive the module settings it was trained with."
    )
