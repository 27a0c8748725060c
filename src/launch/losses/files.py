"""Published weights of the networks that losses look through: found on disk, never fetched.

Everywhere the argument `weights` means the same:

    None, "pretrained"   the published file, where its library would have cached it
    "random"             an untrained network, equal in every run; for trials without the file
    anything else        the path of the file

Imports no torch, so that a missing file is told before anything trains.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.errors import MissingError
from launch.losses import LOSSES
from launch.record.inside import everything

RANDOM = "random"
TRIAL = "For a trial without it, weights=random uses an untrained network."


def torch_hub_folder() -> Path:
    """Where torchvision caches weights; moved by the environment variable TORCH_HOME."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME", cache)).expanduser() / "hub" / "checkpoints"


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
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - slow to import

        found = try_to_load_from_cache(self.repository, "model.safetensors")
        return Path(found) if isinstance(found, str) else None


VGG19 = Checkpoint(
    file="vgg19-dcbb9e9d.pth",
    origin="torchvision's ImageNet weights VGG19_Weights.IMAGENET1K_V1, 548 MB",
)
CONVNEXT = Checkpoint(
    file="convnext_tiny_1k_224_ema.pth",
    origin="ImageNet-1k weights of facebookresearch/ConvNeXt; timm's convnext_tiny.fb_in1k, 114 MB",
    repository="timm/convnext_tiny.fb_in1k",
)
LPIPS = {
    "alex": Checkpoint(
        file="alexnet-owt-7be5be79.pth",
        origin="torchvision's ImageNet weights AlexNet_Weights.IMAGENET1K_V1, 233 MB",
    ),
    "vgg": Checkpoint(
        file="vgg16-397923af.pth",
        origin="torchvision's ImageNet weights VGG16_Weights.IMAGENET1K_V1, 528 MB",
    ),
    "squeeze": Checkpoint(
        file="squeezenet1_1-b8a52dc0.pth",
        origin="torchvision's ImageNet weights SqueezeNet1_1_Weights.IMAGENET1K_V1, 5 MB",
    ),
}


def require(config: dict[str, Any]) -> None:
    """Look for the file of every pretrained network that a configuration builds.

    Raises:
        MissingError: naming the first that is not there, with its key.
    """
    for key, node in everything(config):
        if not isinstance(node, dict):
            continue
        checkpoint = published(node)
        if checkpoint is not None:
            try:
                checkpoint.locate(node.get("weights"))
            except MissingError as error:
                raise MissingError(f"{key}: {error.message}") from None


def published(node: dict[str, Any]) -> Checkpoint | None:
    """The published file that a loss needs, by its class."""
    target = node.get("_target_") or LOSSES.get(str(node.get("type")))
    if node.get("weights") == RANDOM:
        return None
    if target == LOSSES["lpips"]:
        return LPIPS.get(node.get("net", "alex"))
    return {LOSSES["vgg"]: VGG19, LOSSES["convnext"]: CONVNEXT}.get(str(target))
