"""One page with every texture of a conversion: input, maps, how it looks lit, what was assumed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from launch.experiments.pbr.layers import SCALARS
from launch.experiments.pbr.manifest import Record
from launch.experiments.pbr.mod_files import Result
from launch.experiments.pbr.pictures import GAP, SIDE, sized
from launch.experiments.pbr.render import render
from launch.experiments.pbr.tiles import FULL, network_input, resized
from launch.record import storage

COLUMNS = ("input", "normal", "albedo", *SCALARS, "lit")
TALLEST = 4  # widths: what a picture shows of a texture
LIGHT = (2.2, 0.8)  # azimuth and elevation, radians
STYLE = f"""
body {{ font: 14px sans-serif; margin: 2em; color: #222 }}
td, th {{ padding: 4px 8px; text-align: left; vertical-align: top; border-top: 1px solid #ddd }}
.strip span {{ display: inline-block; width: {SIDE + GAP}px }}
.strip {{ white-space: nowrap; padding-left: 8px; font-size: 12px }}
"""


def sentence(record: Record) -> str:
    """What was made of a texture."""
    said = f"{record['class']} {record['confidence']:.2f}" if record["confidence"] else "no class"
    return "; ".join(
        [f"{record['file']}: {said}", tiling(record), *record["assumed"], *record["notes"]]
    )


def tiling(record: Record) -> str:
    axes = [axis for axis in ("x", "y") if record[f"wrap_{axis}"]]
    return f"tiles in {' and '.join(axes)}" if axes else "does not tile"


def save_strip(folder: Path, name: str, image: np.ndarray, result: Result) -> str:
    """Write a small picture of input and maps; returns its path below the folder."""
    path = f"contact_sheet/{name}.jpg"
    picture = Image.fromarray(strip(image, result))
    with storage.replacing(folder / path) as file:
        picture.save(file, "JPEG", quality=88)
    return path


def strip(image: np.ndarray, result: Result) -> np.ndarray:
    """`COLUMNS` side by side, each `SIDE` pixels wide, of (H, W, 6) bytes and their maps.

    Of a high texture the upper part.
    """
    rows = TALLEST * image.shape[1]
    image, part = image[:rows], result.maps[:, :rows]
    scale = min(1.0, 2 * SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    small = network_input(resized(image, size))
    maps = np.stack([resized(plane[..., None], size)[..., 0] for plane in part])
    planes = torch.from_numpy(maps.astype(np.float32) / FULL)[None]
    named = {name: planes[:, 3 + i : 4 + i] for i, name in enumerate(SCALARS)}
    material = {"albedo": planes[:, :3], "normal": small[:, 3:], **named}
    shown = [small[:, :3], (small[:, 3:] + 1) / 2, *(material[n] for n in ("albedo", *SCALARS))]
    tiles = [sized(_bytes(values)) for values in (*shown, render(material, *LIGHT))]
    padded = [np.pad(tile, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for tile in tiles]
    return np.concatenate(padded, axis=1)[:, :-GAP]


def _bytes(values: Tensor) -> np.ndarray:
    shown = values[0].clamp(0, 1).expand(3, -1, -1)
    return (shown * 255).round().byte().permute(1, 2, 0).numpy()


def write(path: Path, records: Sequence[Record], left_out: Mapping[str, str]) -> None:
    """The page; its pictures lie in the folder `contact_sheet` beside it."""
    captions = "".join(f"<span>{name}</span>" for name in COLUMNS)
    classes = Counter(record["class"] or "no class" for record in records)
    counted = ", ".join(f"{name} {count}" for name, count in classes.most_common())
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Converted textures</title>
<style>{STYLE}</style><h1>{len(records)} textures converted</h1><p>{escape(counted)}</p>
<table><tr><th class="strip">{captions}</th><th>texture</th></tr>
{"".join(map(_row, records))}</table>
<h2>{len(left_out)} files left out</h2><table><tr><th>file</th><th>reason</th></tr>
{"".join(map(_reason, sorted(left_out.items())))}</table></html>
"""
    storage.write(path, page)


def _row(record: Record) -> str:
    height, width = record["size"]
    lines = [f"<b>{escape(record['file'])}</b> {width}x{height}", _class(record), tiling(record)]
    if height > TALLEST * width:
        lines.append("its upper part is shown")
    lines += [f"assumed: {escape(note)}" for note in record["assumed"]]
    lines += [escape(note) for note in record["notes"]]
    lines += [f"predict.yaml: {escape(f'{k}: {v}')}" for k, v in record["rule"].items()]
    picture = f'<img src="{quote(record["preview"])}" alt="" loading="lazy">'
    return f'<tr><td class="strip">{picture}</td><td>{"<br>".join(lines)}</td></tr>\n'


def _class(record: Record) -> str:
    if record["confidence"] is None:
        return "no class"
    return f"{escape(record['class'])}, confidence {record['confidence']:.2f}"


def _reason(item: tuple[str, str]) -> str:
    return f"<tr><td>{escape(item[0])}</td><td>{escape(item[1])}</td></tr>\n"
