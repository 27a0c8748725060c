"""Low-rank adapters, and start weights that fit a network with or without them."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from launch.errors import ConfigError, MissingError

ATTENTION = r".*encoder.*attn\.(q|kv)"
BASE = ".base_layer."


def add_lora(model: nn.Module, rank: int) -> None:
    """Put adapters of `rank`, alpha = 2 rank, on every q and kv projection; the identity at first.

    Hu et al., "LoRA", 2021. All parameters keep `requires_grad`; what trains is for the phase to
    say.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  seconds to import
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=ATTENTION), model
    )
    model.requires_grad_(True)


def load(network: nn.Module, weights: str | None, part: str) -> None:
    """Start from the tensors `part.*` of a checkpoint, averaged ones if there are, or of an export.

    A network with adapters takes weights from before they were added.

    Raises:
        MissingError: if there is no such file.
        ConfigError: if the file is of another architecture, naming a tensor that differs.
    """
    if weights is None:
        return
    if not Path(weights).is_file():
        raise MissingError(f"start weights {weights} are not there")
    content = torch.load(weights, map_location="cpu", weights_only=True)
    saved = select(content["state_dict"], part) if "state_dict" in content else content
    own = network.state_dict()
    if not any(".lora_" in name for name in saved):
        renamed = {name.replace(BASE, "."): name for name in own}
        saved = {renamed.get(name, name): value for name, value in saved.items()}
        saved = {name: value for name, value in own.items() if ".lora_" in name} | saved
    wrong = [n for n in own if n not in saved or saved[n].shape != own[n].shape]
    wrong += [n for n in saved if n not in own]
    if wrong:
        raise ConfigError(
            f"{weights} is of another architecture: {len(wrong)} tensors of {part!r} do not fit, "
            f"such as {wrong[0]}; give this network the encoder, classes and rank it has there"
        )
    network.load_state_dict(saved)


def select(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one sub-module, without its prefix."""
    average, plain = f"ema.{part}.", f"{part}."
    prefix = average if any(name.startswith(average) for name in state) else plain
    return {name[len(prefix) :]: v for name, v in state.items() if name.startswith(prefix)}


def merged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with the adapters added to the weights they adapt, under the plain names.

    W + 2 B A: the scale alpha / rank is 2, see `add_lora`.
    """
    result = {}
    for name, value in state.items():
        if ".lora_" in name:
            continue
        stem = name.removesuffix(f"{BASE}weight")
        down = state.get(f"{stem}.lora_A.default.weight")
        up = state.get(f"{stem}.lora_B.default.weight")
        change = 0 if down is None or up is None else 2 * up @ down
        result[name.replace(BASE, ".")] = value + change
    return result
