"""The pictures of a run: maps side by side, below the names of their columns; (H, W, 3) uint8."""

from collections.abc import Sequence

import cv2
import numpy as np
from launch.experiments.pbr.layers import UNKNOWN
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SIDE = 128  # of a map in a picture, in pixels
GAP = 2
MARGIN = 84  # for the name of a row
CAPTION = 18
PALETTE = np.array(
    [
        [230, 230, 240],
        [200, 80, 160],
        [90, 140, 60],
        [150, 80, 50],
        [90, 150, 220],
        [140, 140, 140],
        [220, 170, 90],
        [250, 220, 60],
        [40, 200, 200],
    ],
    np.uint8,
)


def tile(image: Tensor) -> np.ndarray:
    """A map (C, H, W) in [0, 1], `SIDE` pixels wide."""
    shown = image.detach().float().cpu()
    shown = shown.expand(3, -1, -1) if shown.shape[0] == 1 else shown
    return sized((shown.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())


def class_tile(classes: Tensor) -> np.ndarray:
    """Classes (H, W) in colours; unknown is black."""
    indices = classes.cpu().numpy()
    colours = PALETTE[np.minimum(indices, len(PALETTE) - 1)]
    return sized(np.where((indices == UNKNOWN)[..., None], 0, colours).astype(np.uint8))


def unknown() -> np.ndarray:
    """In place of a map that the data does not have."""
    return write(SIDE, SIDE, [(36, 56, "unknown")])


def sized(image: np.ndarray) -> np.ndarray:
    """At `SIDE` pixels of width: small maps keep their pixels visible, large ones are averaged."""
    height, width = image.shape[:2]
    kind = cv2.INTER_NEAREST if width <= SIDE else cv2.INTER_AREA
    size = (SIDE, max(1, round(height * SIDE / width)))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=kind)


def row(name: str, tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Tiles side by side on white, after the row's name; lines are separated by \\n."""
    height = max(t.shape[0] for t in tiles)
    margin = write(height, MARGIN, [(4, height // 2 - 7 * (1 + name.count("\n")), name)])
    padded = [
        np.pad(t, ((0, height - t.shape[0]), (0, GAP), (0, 0)), constant_values=255) for t in tiles
    ]
    return np.concatenate([margin, *padded], axis=1)[:, :-GAP]


def captions(names: Sequence[str]) -> np.ndarray:
    """The names of the columns, as wide as the rows below."""
    places = [(MARGIN + i * (SIDE + GAP), 2, name) for i, name in enumerate(names)]
    return write(CAPTION, MARGIN + len(names) * (SIDE + GAP) - GAP, places)


def legend(classes: Sequence[str]) -> np.ndarray:
    """The colours of the classes."""
    step = 88
    places = [(4 + CAPTION + i * step, 2, name) for i, name in enumerate(classes)]
    image = write(CAPTION, len(classes) * step, places)
    for i, colour in enumerate(PALETTE[: len(classes)]):
        image[2:-2, 4 + i * step : CAPTION + i * step] = colour
    return image


def write(height: int, width: int, texts: Sequence[tuple[int, int, str]]) -> np.ndarray:
    """Black text at (x, y) on white."""
    image = Image.new("RGB", (width, height), "white")
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for x, y, text in texts:
        drawing.text((x, y), text, fill="black", font=font)
    return np.array(image)
