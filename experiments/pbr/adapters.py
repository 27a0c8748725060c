"""Low-rank adapters, and start weights that fit a network with or without them."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from launch.errors import ConfigError, MissingError

ATTENTION = r".*encoder.*attn\.(q|kv)"
BASE = ".base_layer."


class Adapted(nn.Module):
    """A linear layer with a low-rank change, W x + 2 B A x; the plain layer at first.

    Hu et al., "LoRA", 2021. Its tensors are named as by the library `peft`.
    """

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base_layer = layer
        self.lora_A = nn.ModuleDict({"default": nn.Linear(layer.in_features, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, layer.out_features, bias=False)})
        nn.init.zeros_(self.lora_B["default"].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + 2 * self.lora_B["default"](self.lora_A["default"](x))


def add_lora(model: nn.Module, rank: int) -> None:
    """Put adapters of `rank` on every q and kv projection; what trains is for the phase to say."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and re.fullmatch(ATTENTION, name):
            place, _, own = name.rpartition(".")
            setattr(model.get_submodule(place), own, Adapted(layer, rank))


def load(network: nn.Module, weights: str | None, part: str) -> None:
    """Start from the tensors `part.*` of a checkpoint; averaged ones if there are.

    A network with adapters takes weights from before they were added.

    Raises:
        MissingError: if there is no such file.
        ConfigError: if the file is of another architecture, naming a tensor that differs.
    """
    if weights is None:
        return
    if not Path(weights).is_file():
        raise MissingError(f"start weights {weights} are not there")
    content = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
    saved = select(content, part)
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

    W + 2 B A, see `Adapted`.
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
