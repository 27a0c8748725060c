"""CSV files that say what X-rays show, and where."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from launch.errors import ConfigError, nearest

NIH_LABELS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip
HEALTHY = ("", "No Finding", "Normal")
NAME_COLUMNS = ("Image Index", "image", "file")
LABEL_COLUMNS = ("Finding Labels", "labels", "Finding Label", "label")
OFFICIAL_BOX_COLUMN = "Bbox [x"  # the commas of `Bbox [x,y,w,h]` separate columns
OFFICIAL_SIDE = 1024  # pixels of the images on which the official boxes were drawn

Box = tuple[float, float, float, float]
"""Left, top, width and height as shares of the image's sides."""


@dataclass(frozen=True)
class Xray:
    """One row: file name, patient, (C,) labels, and boxes around findings if somebody drew them."""

    name: str
    patient: str
    labels: np.ndarray
    boxes: list[Box] = field(default_factory=list)


def read_findings(path: Path, labels: Sequence[str]) -> list[Xray]:
    """Rows of the official NIH CSV (labels separated by `|`) or of a derived one (by `,`).

    The patient is the column `Patient ID`, or what precedes `_` in the file name.

    Raises:
        ConfigError: for a missing column or a label that is not in the list, with its line.
    """
    rows, columns = read_rows(path)
    name_column = column(path, columns, NAME_COLUMNS)
    label_column = column(path, columns, LABEL_COLUMNS)
    found = []
    for line, row in enumerate(rows, 2):
        name = row[name_column].strip()
        patient = row.get("Patient ID") or row.get("patient_id") or name.split("_")[0]
        values = parse_labels(row[label_column], labels, f"{path}, line {line}")
        found.append(Xray(name, patient.strip(), values))
    return found


def read_rows(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        return [{k: v or "" for k, v in row.items() if k} for row in reader], list(
            reader.fieldnames or ()
        )


def column(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> str:
    """The first of the wanted columns that there is."""
    for name in wanted:
        if name in columns:
            return name
    options = " or ".join(map(repr, wanted[:2]))
    raise ConfigError(f"{path} has no column {options}; it has {', '.join(columns) or 'none'}")


def parse_labels(text: str, labels: Sequence[str], where: str) -> np.ndarray:
    """(C,) 0 or 1. Labels of the NIH list that the run does not use are left out.

    Raises:
        ConfigError: for a label in neither list.
    """
    values = np.zeros(len(labels), np.float32)
    for token in (part.strip() for part in text.replace(",", "|").split("|")):
        if token in HEALTHY:
            continue
        if token in labels:
            values[labels.index(token)] = 1
        elif token not in NIH_LABELS:
            known = list(dict.fromkeys((*labels, *NIH_LABELS)))
            advice = nearest(token, known) or f" Known: {', '.join(known)}."
            raise ConfigError(f"{where}: there is no label {token!r}.{advice}")
    return values


def read_boxes(path: Path, sizes: dict[str, tuple[int, int]]) -> dict[str, list[Box]]:
    """Boxes by file name, of `BBox_List_2017.csv` or of a CSV with columns file, label, x, y, w, h.

    Args:
        sizes: (width, height) of the image files, in whose pixels a derived CSV counts. The
            official boxes are on images of 1024 pixels, whatever size the files have here.

    Raises:
        ConfigError: for a missing column or a coordinate that is no number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *lines = [line for line in csv.reader(file) if line]
    name = header.index(column(path, header, NAME_COLUMNS))
    official = OFFICIAL_BOX_COLUMN in header
    first = header.index(column(path, header, (OFFICIAL_BOX_COLUMN, "x")))
    boxes: dict[str, list[Box]] = {}
    for number, line in enumerate(lines, 2):
        if line[name] not in sizes:
            continue
        try:
            x, y, w, h = (float(value) for value in line[first : first + 4])
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: a box is four numbers ({error})") from error
        width, height = (OFFICIAL_SIDE,) * 2 if official else sizes[line[name]]
        boxes.setdefault(line[name], []).append((x / width, y / height, w / width, h / height))
    return boxes


def drawn(boxes: Sequence[Box], size: int) -> np.ndarray:
    """(size, size), true inside of any box; a box covers at least one pixel."""
    area = np.zeros((size, size), bool)
    for x, y, w, h in boxes:
        left, top = (min(int(v * size), size - 1) for v in (x, y))
        right, bottom = max(left + 1, round((x + w) * size)), max(top + 1, round((y + h) * size))
        area[top:bottom, left:right] = True
    return area
