"""Pretrained networks that losses look through: found on disk or named as missing, never fetched.

Everywhere the argument `weights` means the same:

    None, "pretrained"   the published file, where its library would have cached it
    "random"             an untrained network, equal in every run; for trials without the file
    anything else        the path of the file
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor, nn

from launch.errors import ConfigError, MissingError

Network = TypeVar("Network", bound=nn.Module)

RANDOM = "random"
UNFIT = (KeyError, RuntimeError, EOFError, UnpicklingError)  # what loading a wrong file raises


@dataclass(frozen=True)
class Checkpoint:
    """A published file of weights.

    Args:
        file: its name in the checkpoint folder of torch.hub.
        origin: which weights these are and who publishes them, for the error message.
        repository: where timm keeps the same weights in the Hugging Face cache, if it does.
    """

    file: str
    origin: str
    repository: str | None = None

    def locate(self, weights: str | None) -> Path:
        """Where the file is.

        Raises:
            MissingError: naming the file, its origin and where to put it.
        """
        if weights not in (None, "pretrained"):
            return self._given(Path(weights).expanduser())
        for path in (torch_hub_folder() / self.file, self._in_hugging_face_cache()):
            if path is not None and path.is_file():
                return path
        raise MissingError(
            f"pretrained weights not found: {self.file} ({self.origin}). Nothing is downloaded "
            f"during a run; put the file into {torch_hub_folder()} or give its path as "
            f"weights=PATH. {TRIAL}"
        )

    def _given(self, path: Path) -> Path:
        if not path.is_file():
            raise MissingError(
                f"weights={path} is not a file; it should be {self.file} ({self.origin}). {TRIAL}"
            )
        return path

    def _in_hugging_face_cache(self) -> Path | None:
        if self.repository is None:
            return None
        found = try_to_load_from_cache(self.repository, "model.safetensors")
        return Path(found) if isinstance(found, str) else None


TRIAL = "For a trial without it, weights=random uses an untrained network."


def torch_hub_folder() -> Path:
    """Where torchvision caches weights; moved by the environment variable TORCH_HOME."""
    return Path(torch.hub.get_dir()) / "checkpoints"


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
        tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
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
