"""Pictures side by side with their histograms, to see at a glance how files were read."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from launch.record.storage import replacing

AT_MOST = 24
COLUMNS = 6
SIDE, GRAPH, CAPTION, GAP = 160, 48, 16, 8
COLOURS = ("#d62728", "#2ca02c", "#1f77b4")


def write(path: Path, pictures: Sequence[tuple[str, np.ndarray]]) -> None:
    """Save at most `AT_MOST` pictures, (caption, (H, W, 3) uint8), as one file; none make none."""
    shown = pictures[:AT_MOST]
    if not shown:
        return
    rows = -(-len(shown) // COLUMNS)
    width, height = SIDE + GAP, SIDE + GRAPH + CAPTION + GAP
    sheet = Image.new("RGB", (min(COLUMNS, len(shown)) * width + GAP, rows * height + GAP), "white")
    for number, (caption, pixels) in enumerate(shown):
        row, column = divmod(number, COLUMNS)
        sheet.paste(cell(caption, pixels), (GAP + column * width, GAP + row * height))
    with replacing(path) as file:
        sheet.save(file, "PNG")


def cell(caption: str, pixels: np.ndarray) -> Image.Image:
    """Caption, picture and histogram below each other."""
    image = Image.new("RGB", (SIDE, SIDE + GRAPH + CAPTION), "lightgrey")
    ImageDraw.Draw(image).text((0, 1), caption[-24:], fill="black", font=ImageFont.load_default(11))
    height, width = pixels.shape[:2]
    factor = min(SIDE / height, SIDE / width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=how)
    image.paste(Image.fromarray(small), (0, CAPTION))
    image.paste(histogram(pixels), (0, CAPTION + SIDE))
    return image


def histogram(pixels: np.ndarray) -> Image.Image:
    """Levels 0 to 255 from left to right; the height is the root of the share, a line a channel."""
    image = Image.new("RGB", (SIDE, GRAPH), "white")
    drawing = ImageDraw.Draw(image)
    grey = (pixels == pixels[..., :1]).all()
    for channel, colour in [(0, "black")] if grey else enumerate(COLOURS):
        counts = np.bincount(pixels[..., channel].ravel(), minlength=256).reshape(64, 4).sum(1)
        heights = np.sqrt(counts / counts.max()) * (GRAPH - 3)
        points = [(i * (SIDE - 1) / 63, GRAPH - 2 - h) for i, h in enumerate(heights)]
        drawing.line(points, fill=colour)
    drawing.line([(0, GRAPH - 1), (SIDE, GRAPH - 1)], fill="grey")
    return image
