"""Weights of checkpoints: loading them into a module that fits, and leaving them for others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from launch.record import storage
from launch.tools import model_files
from launch.train import foreign
from launch.train.module import ScheduledModule

LOSSES, AVERAGE = "losses.", "ema."
COUNTERS = ("iteration", "batches", "batches_per_epoch", "iterations")
"""Where a run stands, without which schedules over epochs would take it to be at its start."""

FOR_TRAINING = {"discriminator"}
"""Parts that a finished model does without."""


def save_weights(module: ScheduledModule, path: Path) -> None:
    """Write `module.weights()` as safetensors, in one step, readable as other files are."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in module.weights().items()}
    storage.write(path, save(tensors))


def load_weights(module: ScheduledModule, path: Path, with_state: bool = False) -> None:
    """Load a checkpoint of a run, or a model file of anyone; with `with_state` also its counters
    and what its parts keep beside tensors (`get_extra_state`).

    Without state the iteration stays 0, averaged weights are taken where the file has them, since
    those were validated and exported, and averages start from them. Parts of the module that the
    file lacks as a whole start fresh, which is said; a model to use may lack a discriminator alone.

    Raises:
        MissingError, ConfigError: if the file cannot be read, or a part of it is of another
            architecture, naming what differs.
    """
    content = model_files.read(path)
    own = "iteration" in content and isinstance(content.get("state_dict"), Mapping)
    fresh: tuple[str, ...] = ()
    if own:
        state = dict(content["state_dict"])
    else:
        found = foreign.placed(path, model_files.named(path, content), module, whole=with_state)
        state, fresh = found.tensors, found.fresh
    module.adopt(state)
    saved, wanted = weights_of(state), weights_of(module.state_dict())
    if not (own and with_state):
        saved = averaged(saved, wanted)
    absent = {part_of(name) for name in wanted} - {part_of(name) for name in saved}
    kept = {name: v for name, v in wanted.items() if part_of(name) not in absent}
    if not kept or (with_state and not absent <= FOR_TRAINING | own_buffers(module)):
        kept, absent = wanted, set()
    kept = {k: v for k, v in kept.items() if not foreign.within(k.removeprefix(AVERAGE), fresh)}
    model_files.require(path, saved, kept)
    absent &= {name for name, _ in module.named_children()}
    if absent:
        print(f"{path} has no {' and no '.join(sorted(absent))}, which starts fresh", flush=True)
    loaded: dict[str, Any] = {name: saved[name] for name in kept}
    if own and with_state:
        loaded |= extra_states_of(state)
    module.load_state_dict(loaded, strict=False)
    if own and with_state:
        for counter in COUNTERS:
            setattr(module, counter, content.get(counter, getattr(module, counter)))


def weights_of(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state dict that are not the losses'."""
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    return {k: v for k, v in tensors.items() if not k.startswith(LOSSES)}


def extra_states_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """What the parts of a module keep beside tensors, but for the losses."""
    return {
        k: v for k, v in state.items() if k.endswith("_extra_state") and not k.startswith(LOSSES)
    }


def own_buffers(module: ScheduledModule) -> set[str]:
    """What a recipe itself keeps beside its networks, such as thresholds."""
    return {name for name, _ in module.named_buffers(recurse=False)}


def averaged(saved: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Averages in the place of the weights that they are averages of, and of themselves."""
    averages = {k.removeprefix(AVERAGE): v for k, v in saved.items() if k.startswith(AVERAGE)}
    result = {k: v for k, v in saved.items() if not k.startswith(AVERAGE)} | averages
    copies = {k: k.removeprefix(AVERAGE) for k in wanted if k.startswith(AVERAGE)}
    return result | {name: result[source] for name, source in copies.items() if source in result}


def part_of(name: str) -> str:
    """The sub-module that a tensor, or an average of it, belongs to."""
    return name.removeprefix(AVERAGE).partition(".")[0]
