"""The embedded data: drawn scenes with what super-resolution has to restore."""

import hashlib

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from launch.errors import ConfigError
from launch.experiments.sr.metrics import smallest_side
from launch.experiments.sr.pairs import Crops, Pair, WholeImages, shrink
from launch.experiments.sr.scenes import scenes
from launch.tools.drawn import drawn
from launch.train.data import ScheduledDataModule

TRAINING, VALIDATION = 0, 1


class SyntheticScenes(ScheduledDataModule):
    """Scenes drawn at the start, the same in every run; low resolution by antialiased bicubic.

    Args:
        scale: factor between the resolutions.
        crop: side of a training crop in low-resolution pixels.
        augment: flip and turn each crop at random.
        scenes: number of training scenes.
        size: side of a scene in high-resolution pixels.
        validation_images: number of scenes to validate on.
    """

    def __init__(
        self,
        scale: PositiveInt = 4,
        crop: PositiveInt = 32,
        batch_size: PositiveInt = 16,
        workers: NonNegativeInt = 0,
        augment: bool = True,
        scenes: PositiveInt = 64,
        size: PositiveInt = 256,
        validation_images: PositiveInt = 8,
    ) -> None:
        super().__init__(batch_size, workers)
        least = max(crop * scale, smallest_side(scale) + scale)
        if size < least:
            raise ConfigError(
                f"data.size is {size} and must be at least {least} for a crop of {crop} at scale "
                f"{scale}"
            )
        self.scale, self.crop, self.augment = scale, crop, augment
        self.scenes, self.size, self.validation_images = scenes, size, validation_images
        self._digest = hashlib.sha256()

    def load(self, stage: str) -> None:
        validation = self._pairs(VALIDATION, self.validation_images)
        self.validation_set = WholeImages(validation, self.scale)
        if stage == "fit":
            train = self._pairs(TRAINING, self.scenes)
            self.train_set = Crops(train, self.scale, self.crop, self.seed, self.augment)

    def _pairs(self, part: int, count: int) -> list[Pair]:
        side = self.size - self.size % self.scale
        pixels = drawn(scenes, part, count, side)["pixels"]
        highs = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in pixels]
        for high in highs:
            self._digest.update(high.tobytes())
        return [Pair(high, shrink(high, self.scale)) for high in highs]

    def fingerprint(self) -> str:
        """Of the pixels."""
        return self._digest.hexdigest()[:16]
