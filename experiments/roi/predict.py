"""Applying a recipe to a folder: probabilities, masks and overlays per image."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from rich.progress import track

from launch.errors import LaunchError, MissingError
from launch.experiments.roi import pictures, radiographs
from launch.experiments.roi.filling import cover
from launch.experiments.roi.loading import normalised
from launch.record import storage
from launch.tools.names import distinct_names, refuse_overlap
from launch.tools.pictures import UnreadableImageError, write_png

if TYPE_CHECKING:
    from launch.experiments.roi.recipe import XrayRecipe

PARTS = ("full", "kept", "dropped")


def predict_folder(recipe: "XrayRecipe", source: Path, destination: Path) -> dict[str, float]:
    """Write `predictions.csv`, `masks/NAME.png` and `overlays/NAME.png`; returns counts.

    A row has, per finding, the probability for the whole image, for what the mask keeps and for
    what it drops, and their difference full - dropped as `faithfulness`; `assumed` is what the
    file does not say. A file that cannot be read becomes a row of `unreadable.csv` and stops
    nothing.

    Raises:
        ConfigError: if the output is the input, or one lies inside of the other.
        MissingError: if there is no X-ray file.
        LaunchError: if none of them can be read.
    """
    refuse_overlap(source, destination)
    paths = radiographs.find(source)
    if not paths:
        suffixes = ", ".join(radiographs.SUFFIXES)
        raise MissingError(f"{source} has no X-ray; files of type {suffixes} are looked for")
    rows: list[dict[str, Any]] = []
    unreadable: list[dict[str, str]] = []
    root = source if source.is_dir() else source.parent
    files = [path.relative_to(root) for path in paths]
    outputs = dict(zip(paths, distinct_names(files), strict=True))
    for path in track(paths, "predict", transient=True):
        name = path.relative_to(root).as_posix()
        try:
            rows.append({"image": name, **predict_file(recipe, path, destination, outputs[path])})
        except UnreadableImageError as error:
            unreadable.append({"image": name, "reason": error.reason})
            print(f"left out: {error.message}", flush=True)
    write_rows(destination / "predictions.csv", rows)
    write_rows(destination / "unreadable.csv", unreadable)
    if not rows:
        raise LaunchError(f"none of the {len(paths)} files in {source} could be read")
    counts = {"images": float(len(rows)), "unreadable": float(len(unreadable))}
    means = [row["mask_coverage"] for row in rows if "mask_coverage" in row]
    return counts | ({"mask_coverage": float(np.mean(means))} if means else {})


def predict_file(recipe: "XrayRecipe", path: Path, destination: Path, name: str) -> dict[str, Any]:
    """The row of one image; its mask is written in the image's own size, as `name`.png."""
    radiograph = radiographs.read(path)
    brightness = radiograph.brightness
    small = normalised(radiographs.resized(brightness, recipe.img_size))
    image = torch.from_numpy(small)[None, None].to(recipe.device)
    classifier = recipe.evaluated("classifier")
    found = {"full": classifier(image)}
    looked = recipe.look(image)
    row: dict[str, Any] = {"assumed": "; ".join(radiograph.assumed)}
    if looked is not None:
        mask = looked[1].projected
        found["kept"] = classifier(cover(image, mask, recipe.mask_fill))
        found["dropped"] = classifier(cover(image, 1 - mask, recipe.mask_fill))
        row["mask_coverage"] = mask.mean().item()
        write_pictures(brightness, mask[0, 0].cpu().numpy(), destination, name)
    probabilities = {part: logits.float().sigmoid()[0].tolist() for part, logits in found.items()}
    for n, label in enumerate(recipe.labels):
        row |= {f"prob_{part}/{label}": values[n] for part, values in probabilities.items()}
        if "dropped" in probabilities:
            row[f"faithfulness/{label}"] = probabilities["full"][n] - probabilities["dropped"][n]
    return row


def write_pictures(brightness: np.ndarray, mask: np.ndarray, destination: Path, name: str) -> None:
    height, width = brightness.shape
    grown = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    grey = np.repeat(np.rint(brightness * 255).astype(np.uint8)[..., None], 3, axis=-1)
    outputs = {
        "masks": (grown * 255).astype(np.uint8),
        "overlays": pictures.overlay(grey, grown),
    }
    for folder, picture in outputs.items():
        write_png(destination / folder / f"{name}.png", picture)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """A CSV with the columns of the first row; no file without rows."""
    if not rows:
        return
    with storage.replacing(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
