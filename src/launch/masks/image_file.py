"""A mask that a person painted, the same in every iteration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from pydantic import FilePath
from torch import Tensor

from launch.errors import MissingError
from launch.tools import pictures
from launch.tools.pictures import UnreadableImageError


@dataclass(frozen=True)
class ImageFile:
    """`type: image_file`. White counts, black does not; `invert` swaps them.

    Any grey or colour picture; what is transparent does not count. It is resized to the image of
    the run.

    Raises:
        MissingError: when the file cannot be read as a picture.
    """

    path: FilePath
    invert: bool = False
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """The mask (1, 1, H, W)."""
        if self.memory.get("size") != list(size):
            self.memory.update(size=list(size), mask=torch.from_numpy(self.read(size)))
        return self.memory["mask"].to(device)[None, None]

    def read(self, size: tuple[int, int]) -> np.ndarray:
        """The picture as (H, W) float32 in [0, 1]."""
        try:
            picture = pictures.read(self.path)
        except UnreadableImageError as error:
            raise MissingError(f"mask image {self.path} cannot be read: {error.reason}") from error
        grey = picture.luma * picture.opacity
        how = cv2.INTER_AREA if grey.shape[0] > size[0] else cv2.INTER_LINEAR
        resized = cv2.resize(grey, (size[1], size[0]), interpolation=how)
        return 1 - resized if self.invert else resized
