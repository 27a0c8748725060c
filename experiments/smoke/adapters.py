"""Autoencoders from files: our own, and VQ models of other programs."""

from pathlib import Path

import torch
from torch import nn

from experiments.smoke.autoencoder import VQAutoencoder
from launch.errors import MissingError


def load_autoencoder(path: Path) -> nn.Module:
    """The autoencoder of a checkpoint, with the architecture that the file describes.

    Raises:
        MissingError: if there is no such file.
        ConfigError: if the file is none of the known kinds or of another architecture.
    """
    if not path.exists():
        raise MissingError(
            f"module.autoencoder: {path} does not exist; train one with "
            "`python -m launch +experiment=smoke/autoencoder`"
        )
    content = torch.load(path, map_location="cpu", weights_only=True)
    return _own(path, content)


def _own(path: Path, content: dict) -> VQAutoencoder:
    autoencoder = VQAutoencoder(**content["autoencoder"])
    prefix = "autoencoder."
    state = {
        k.removeprefix(prefix): v for k, v in content["state_dict"].items() if k.startswith(prefix)
    }
    autoencoder.load_state_dict(state)
    return autoencoder
