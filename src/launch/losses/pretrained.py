"""Pretrained networks that losses look through; their files are those of `files`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from launch.errors import ConfigError
from launch.tools import model_files

Network = TypeVar("Network", bound=nn.Module)

UNFIT = (KeyError, RuntimeError, ConfigError)  # what loading a wrong file raises


def seeded(build: Callable[[], Network]) -> Network:
    """Build a network with the same initial weights in every run, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def load_weights(network: nn.Module, path: Path, source: Callable[[str], str]) -> None:
    """Copy tensors of a checkpoint file into a network, without running code from the file.

    Args:
        source: name of a tensor of the network -> its name in the file.

    Raises:
        ConfigError: if the file lacks a tensor, holds it in another shape, or is no checkpoint.
    """
    try:
        tensors = model_files.tensors(path)
        network.load_state_dict({name: tensors[source(name)] for name in network.state_dict()})
    except UNFIT as error:
        raise wrong_file(path, type(network).__name__, error) from error


def wrong_file(path: Path, network: str, reason: Exception) -> ConfigError:
    """The error for a file of weights that belongs to another network."""
    first_line = str(reason).partition("\n")[0]
    return ConfigError(f"weights={path} does not fit {network}: {first_line}")


class Frozen(nn.Module):
    """A network that is looked through but never trained.

    Its parameters need no gradients (its input still gets one), and it stays in evaluation mode
    when the modules around it are set to training.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.network(*inputs, **options)
