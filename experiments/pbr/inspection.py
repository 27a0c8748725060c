"""What `task=inspect` tells of textures: numbers, what is missing or left out, and a sheet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from launch.experiments.pbr.layers import PLACES, Material
from launch.tools import contact_sheet

COUNTED = {
    "materials": "materials in use",
    "classes": "clean materials by category",
    "derived": "maps computed from others",
    "missing": "materials without a true map",
}


def described(report: Mapping[str, Any]) -> list[str]:
    """The report of the data, a line each; what is left out last, with its reason."""
    lines = [
        f"{words}: {', '.join(f'{name} {count}' for name, count in report[key].items())}"
        for key, words in COUNTED.items()
        if report[key]
    ]
    lines += [f"left out {reason}" for reason in report["bad"]]
    more = report["bad_count"] - len(report["bad"])
    return [*lines, *[f"left out {more} more"] * (more > 0), *report["notes"]]


def draw(materials: Sequence[Material], path: Path) -> None:
    """A contact sheet of the diffuse, spread evenly over the materials."""
    step = max(1, len(materials) // contact_sheet.AT_MOST)
    chosen = materials[::step][: contact_sheet.AT_MOST]
    contact_sheet.write(
        path, [(m.name, np.moveaxis(m.packed[PLACES["diffuse"]], 0, -1)) for m in chosen]
    )
