"""What a person takes home: polylines, tifxyz surfaces, a picture and an animation.

Positions are written in full-resolution pixels of the scan: `xy * downscale + origin`, where the
origin is the centre of the first model pixel.
Symbols: N slices, R rows, C columns.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image as Picture

from launch.experiments.winding.channels import Channels, Image
from launch.record import storage

INVALID = -1.0  # position of a vertex that is not on the data, in tifxyz
LEAST_Z = 1e-3  # readers of tifxyz take z <= 0 for invalid, so that slice 0 lies here


def scan_positions(xy: Image, channels: Channels) -> Image:
    """Model positions (..., 2) in full-resolution pixels of the scan."""
    return xy * channels.downscale + np.asarray(channels.origin)


def scan_depth(channels: Channels) -> Image:
    """Full-resolution z of every slice; counted from 1 where it is not known."""
    known = channels.z or range(1, len(channels.cosine) + 1)
    return np.maximum(np.asarray(known, float), LEAST_Z)


def polylines(
    xy: Image, seen: Image, channels: Channels, confidence: Image | None = None
) -> dict[str, Any]:
    """One polyline per winding and slice.

    Args:
        xy: vertices (N, R, C, 2) in model pixels.
        seen: (N, R, C), whether a vertex is on valid data; others are left out.
        confidence: (N, C) in [0, 1].
    """
    scan = np.round(scan_positions(xy, channels), 3)
    depth = scan_depth(channels)
    lines = []
    for number in range(xy.shape[0]):
        for winding in range(xy.shape[2]):
            kept = seen[number, :, winding].astype(bool)
            line: dict[str, Any] = {"winding": winding, "slice": number, "z": float(depth[number])}
            if confidence is not None:
                line["confidence"] = round(float(confidence[number, winding]), 4)
            line["rows"] = np.flatnonzero(kept).tolist()
            line["points"] = scan[number, kept, winding].tolist()
            lines.append(line)
    return {"name": channels.name, "units": "full-resolution pixels", "polylines": lines}


def write_polylines(path: Path, document: dict[str, Any]) -> None:
    storage.write(path, json.dumps(document))


def write_tifxyz(folder: Path, xy: Image, seen: Image, channels: Channels, step: float) -> None:
    """One surface per winding: `winding_0003/{x,y,z}.tif` of (N, R), and `meta.json`.

    Vertices that are not on the data are -1 in all three; a winding without any other is left out.
    `scale` is grid points per full-resolution pixel, along the rows and along z.

    Args:
        step: distance of two rows in model pixels.
    """
    scan, depth = scan_positions(xy, channels), scan_depth(channels)
    apart = float(np.diff(depth).mean()) if len(depth) > 1 else 1.0
    scale = [1 / (step * channels.downscale), 1 / max(abs(apart), LEAST_Z)]
    for winding in range(xy.shape[2]):
        kept = seen[:, :, winding].astype(bool)
        if not kept.any():
            continue
        target = folder / f"winding_{winding:04d}"
        along_z = np.broadcast_to(depth[:, None], kept.shape)
        place = {"x": scan[:, :, winding, 0], "y": scan[:, :, winding, 1], "z": along_z}
        for axis, values in place.items():
            write_tiff(target / f"{axis}.tif", np.where(kept, values, INVALID))
        box = [[float(end(values[kept])) for values in place.values()] for end in (np.min, np.max)]
        meta = {"type": "seg", "format": "tifxyz", "uuid": target.name, "bbox": box, "scale": scale}
        storage.write_json(target / "meta.json", meta)


def write_tiff(path: Path, values: np.ndarray) -> None:
    """Values as 32-bit floats."""
    with storage.replacing(path) as file:
        tifffile.imwrite(file, values.astype(np.float32))


def overlay(
    grey: Image, xy: Image, mask: Image | None = None, error: Image | None = None, zoom: int = 3
) -> Image:
    """The mesh over a slice, (H zoom, W zoom, 3) uint8 RGB.

    Args:
        grey: (H, W) in [0, 1].
        xy: vertices (R, C, 2).
        mask: (H, W) in [0, 1]; drawn as the outline of 0.5 and darker outside.
        error: (R, C) in windings; red from half a winding, else windings have their own colours.
    """
    height, width = grey.shape
    canvas = np.repeat(np.clip(grey, 0, 1)[..., None] * 200, 3, 2).astype(np.uint8)
    if mask is not None:
        canvas = (canvas * (0.45 + 0.55 * mask[..., None])).astype(np.uint8)
    canvas = cv2.resize(canvas, (width * zoom, height * zoom), interpolation=cv2.INTER_LINEAR)
    if mask is not None:
        outline(canvas, mask, zoom)
    colours = winding_colours(xy.shape[1])
    for winding in range(xy.shape[1]):
        points = np.rint((xy[:, winding] + 0.5) * zoom * 16).astype(np.int64)
        points = np.clip(points, -(2**20), 2**20).astype(np.int32)
        wrong = None if error is None else np.abs(np.nan_to_num(error[:, winding])) > 0.5
        draw_line(canvas, points, colours[winding], wrong)
    return canvas


def draw_line(
    canvas: Image, points: Image, colour: tuple[int, int, int], wrong: Image | None
) -> None:
    """A polyline in 1/16 pixels; segments with a wrong end are red."""
    for row in range(len(points) - 1):
        bad = wrong is not None and bool(wrong[row] or wrong[row + 1])
        ink = (255, 40, 40) if bad else colour
        start, stop = points[row].tolist(), points[row + 1].tolist()
        cv2.line(canvas, start, stop, ink, 2 if bad else 1, cv2.LINE_AA, 4)


def outline(canvas: Image, mask: Image, zoom: int) -> None:
    """The line where a mask is one half."""
    size = (canvas.shape[1], canvas.shape[0])
    inside = (cv2.resize(mask.astype(np.float32), size) >= 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, (255, 255, 255), max(1, zoom // 2))


def winding_colours(count: int) -> list[tuple[int, int, int]]:
    """Distinct RGB colours without red, which marks slips."""
    hue = np.linspace(30, 150, count).astype(np.uint8)
    bright = np.stack([hue, np.full(count, 200, np.uint8), np.full(count, 255, np.uint8)], 1)
    colours = cv2.cvtColor(bright[None], cv2.COLOR_HSV2RGB)[0]
    return [(int(r), int(g), int(b)) for r, g, b in colours]


def write_animation(path: Path, frames: Sequence[Image], milliseconds: int = 120) -> None:
    """RGB frames as an animated GIF that repeats."""
    rare = Picture.Quantize.MAXCOVERAGE  # keeps the few coloured pixels among the grey
    pictures = [Picture.fromarray(frame).quantize(96, rare) for frame in frames]
    options = {"append_images": pictures[1:], "duration": milliseconds, "loop": 0}
    with storage.replacing(path) as file:
        pictures[0].save(file, "GIF", save_all=True, **options)


def read_picture(path: Path) -> Image:
    with Picture.open(path) as picture:
        return np.asarray(picture)
