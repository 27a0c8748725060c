"""What makes a training faster or smaller and is no part of a recipe: keys of `trainer:`.

Networks are the direct sub-modules of a recipe, less its losses and averages.
"""

import inspect
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import nn
from torch.utils.checkpoint import checkpoint

from launch.errors import ConfigError, nearest
from launch.train.module import ScheduledModule

Config = dict[str, Any]

MIXED = {
    "bf16": "bf16-mixed",
    "bfloat16": "bf16-mixed",
    "fp16": "16-mixed",
    "float16": "16-mixed",
    "fp32": "32-true",
    "float32": "32-true",
    "none": "32-true",
}
SHARDED = "fsdp2"
PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}


def precision(name: str | int) -> str | int:
    """Lightning's name of a precision, of which autocast's own names mean the mixed one."""
    return MIXED.get(str(name), name)


def strategy(settings: Config) -> str | Strategy:
    """What trains on several devices, or Lightning's name of it.

    `auto` there lets parameters rest, as those of a discriminator do while its weight is 0.
    """
    name, devices = settings["strategy"], settings["devices"]
    if name == SHARDED:
        from launch.train.sharding import Sharded  # noqa: PLC0415 - slow to import

        return Sharded()
    listed = isinstance(devices, list) and len(devices) == 1
    one = devices == 1 or listed or (devices == "auto" and torch.cuda.device_count() < 2)
    alone = one and settings.get("num_nodes", 1) == 1
    return name if name != "auto" or alone else "ddp_find_unused_parameters_true"


def prepare_device(settings: Config) -> None:
    """Set what holds for the whole process: `tf32` and `cudnn_benchmark`."""
    tf32 = settings.get("tf32", False)
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = settings.get("cudnn_benchmark", False)
    single = precision(settings["precision"]) in ("32-true", 32)
    if not tf32 and single and has_tensor_cores(settings["accelerator"]):
        rank_zero_warn("this GPU has tensor cores that float32 leaves idle: try trainer.tf32=true")


def has_tensor_cores(accelerator: str) -> bool:
    """Whether the training will be on a GPU of NVIDIA's Ampere or a later generation."""
    used = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return used and torch.cuda.get_device_capability() >= (8, 0)


def prepare_module(module: ScheduledModule, settings: Config) -> None:
    """Apply `fused`, `channels_last`, `activation_checkpointing` and `compile` to a recipe.

    Raises:
        ConfigError: if a pattern of `activation_checkpointing` matches no sub-module, and for a
            recipe whose networks cannot be shared among ranks.
    """
    if settings.get("strategy") == SHARDED:
        from launch.train.sharding import require_shardable  # noqa: PLC0415 - slow to import

        require_shardable(module)
    if settings.get("fused", False):
        half = precision(settings["precision"]) in ("16-mixed", 16)
        fuse(module, scaled=module.automatic_optimization and half)
    if settings.get("channels_last", False):
        for network in networks(module):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for pattern in settings.get("activation_checkpointing") or []:
        recompute(module, pattern)
    if settings.get("compile", False):
        for network in networks(module):
            network.compile()


def networks(module: ScheduledModule) -> Iterator[nn.Module]:
    for name, child in module.named_children():
        if name not in ("losses", "ema") and any(True for _ in child.parameters()):
            yield child


def fuse(module: ScheduledModule, scaled: bool) -> None:
    """One kernel for all parameters, where the optimizer has one and nothing else is configured.

    Not where Lightning scales gradients: a fused optimizer unscales by itself, too late to clip.
    """
    for name, factory in vars(module).items():
        if not name.endswith("optimizer") or not isinstance(factory, partial) or scaled:
            continue
        known = inspect.signature(factory.func).parameters
        if "fused" in known and "fused" not in factory.keywords:
            settings = {**factory.keywords, "fused": True}  # what a recipe may read
            setattr(module, name, partial(factory.func, *factory.args, **settings))


def recompute(module: ScheduledModule, pattern: str) -> None:
    """Keep no activations of the sub-modules whose names match, and make them again when needed.

    Raises:
        ConfigError: if there is none.
    """
    names = {n: m for n, m in module.named_modules() if n and not n.startswith(("losses.", "ema."))}
    matched = [m for name, m in names.items() if fnmatchcase(name, pattern)]
    if not matched:
        raise ConfigError(
            f"trainer.activation_checkpointing: no sub-module matches {pattern!r}."
            f"{nearest(pattern, names)}"
        )
    for part in matched:
        part.forward = recomputed(part.forward)


def recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    """As a function of this module: torch.compile passes by what is one of torch's own."""
    return lambda *inputs, **named: checkpoint(forward, *inputs, use_reentrant=False, **named)


def profiler(settings: Config, folder: Path) -> Profiler | None:
    """What measures the training into files of the run folder that begin with `profile`."""
    kind = settings.get("profiler")
    return None if kind is None else PROFILERS[kind](dirpath=folder, filename="profile")
