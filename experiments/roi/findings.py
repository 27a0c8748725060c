"""CSV files that say what X-rays show, and where."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from launch.errors import ConfigError, nearest
from launch.tools.split import identity

NIH_LABELS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip
HEALTHY = ("", "nofinding", "normal")
OTHER_WORDS = {"pleuraleffusion": "effusion", "infiltrate": "infiltration"}
NAME_COLUMNS = ("Image Index", "image", "path", "file", "filename", "image path", "dicom id")
LABEL_COLUMNS = ("Finding Labels", "labels", "Finding Label", "label")
PATIENT_COLUMNS = ("Patient ID", "subject id", "patient")
PATIENT_FOLDER = re.compile(r"(?:p|patient)[-_]?\d+", re.IGNORECASE)
PRESENT, ABSENT, UNCERTAIN = ("1", "1.0", "true"), ("", "0", "0.0", "false"), ("-1", "-1.0")
OFFICIAL_BOX_COLUMN = "Bbox [x"  # the commas of `Bbox [x,y,w,h]` separate columns
OFFICIAL_SIDE = 1024  # pixels of the images on which the official boxes were drawn

Box = tuple[float, float, float, float]
"""Left, top, width and height as shares of the image's sides."""
Row = dict[str, str]


@dataclass(frozen=True)
class Xray:
    """One row: name or path as it stands there, patient, (C,) labels, line; then what belongs to
    it: the file, and boxes around findings if somebody drew them."""

    name: str
    patient: str
    labels: np.ndarray
    line: int = 0
    path: Path = Path()
    boxes: list[Box] = field(default_factory=list)


def spelt(name: str) -> str:
    """One spelling of a column or a label: `Pleural Thickening` is `Pleural_Thickening`."""
    plain = re.sub(r"[\s_\-]", "", name).casefold()
    return OTHER_WORDS.get(plain, plain)


def read_findings(path: Path, labels: Sequence[str]) -> tuple[list[Xray], list[str]]:
    """Rows of the official NIH CSV (labels separated by `|`), of a derived one (by `,`), or of one
    with a column per label as CheXpert and MIMIC have; and what was assumed, a sentence each.

    The patient is the column `Patient ID` or `subject_id`, else a folder such as `patient00001` or
    `p10000032` of the path, else what precedes `_` in the file name.

    Raises:
        ConfigError: for a missing column or a label that is not in the list, with its line.
    """
    rows, columns = read_rows(path)
    name_column = column(path, columns, NAME_COLUMNS)
    patient_column = find_column(columns, PATIENT_COLUMNS)
    parse, notes = label_parser(path, columns, labels)
    found, uncertain = [], 0
    for line, row in enumerate(rows, 2):
        name = row[name_column].strip()
        patient = (patient_column and row[patient_column]) or patient_in(name)
        values, doubtful = parse(row, f"{path}, line {line}")
        uncertain += doubtful
        found.append(Xray(name, identity(patient), values, line))
    if uncertain:
        notes.append(f"{path.name}: {uncertain} uncertain labels (-1) are taken as absent")
    return found, notes


def patient_in(name: str) -> str:
    """The patient that a path names; of MIMIC's `p10/p10000032` the second."""
    *folders, file = PurePosixPath(name.replace("\\", "/")).parts or ("",)
    named = [folder for folder in folders if PATIENT_FOLDER.fullmatch(folder)]
    return named[-1] if named else re.sub(r"\.[a-z]\w*$", "", file.lower()).split("_")[0]


def label_parser(
    path: Path, columns: Sequence[str], labels: Sequence[str]
) -> tuple[Callable[[Row, str], tuple[np.ndarray, int]], list[str]]:
    """Row and place -> labels and how many are uncertain; and what was assumed."""
    listed = find_column(columns, LABEL_COLUMNS)
    if listed is not None:
        return lambda row, where: (parse_labels(row[listed], labels, where), 0), []
    spellings = {spelt(name): name for name in columns}
    single = [spellings.get(spelt(label)) for label in labels]
    if not any(single):
        column(path, columns, LABEL_COLUMNS)  # says what is missing
    absent = [label for label, name in zip(labels, single, strict=True) if name is None]
    said = [f"{path.name} has no column for {', '.join(absent)}: taken as absent"]
    return lambda row, where: parse_single(row, single, where), said if absent else []


def parse_single(row: Row, columns: Sequence[str | None], where: str) -> tuple[np.ndarray, int]:
    """(C,) 0 or 1 from a column per label, and how many are neither.

    Raises:
        ConfigError: for another value than 1, 0, -1 or nothing.
    """
    values, uncertain = np.zeros(len(columns), np.float32), 0
    for n, name in enumerate(columns):
        text = row[name].strip().casefold() if name else ""
        if text not in PRESENT + ABSENT + UNCERTAIN:
            raise ConfigError(f"{where}: {name} is {row[name or '']!r}; give 1, 0, -1 or nothing")
        values[n] = text in PRESENT
        uncertain += text in UNCERTAIN
    return values, uncertain


def read_rows(path: Path) -> tuple[list[Row], list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        return [{k: v or "" for k, v in row.items() if k} for row in reader], list(
            reader.fieldnames or ()
        )


def find_column(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted columns that there is, in any spelling."""
    spellings = {spelt(name): name for name in columns}
    return next((spellings[spelt(name)] for name in wanted if spelt(name) in spellings), None)


def column(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> str:
    """
    Raises:
        ConfigError: if there is none.
    """
    found = find_column(columns, wanted)
    if found is not None:
        return found
    options = " or ".join(map(repr, wanted[:2]))
    raise ConfigError(f"{path} has no column {options}; it has {', '.join(columns) or 'none'}")


def parse_labels(text: str, labels: Sequence[str], where: str) -> np.ndarray:
    """(C,) 0 or 1. Labels of the NIH list that the run does not use are left out.

    Raises:
        ConfigError: for a label in neither list.
    """
    values = np.zeros(len(labels), np.float32)
    places = {spelt(label): n for n, label in enumerate(labels)}
    known = {spelt(label) for label in NIH_LABELS}
    for token in (part.strip() for part in text.replace(",", "|").split("|")):
        name = spelt(token)
        if name in places:
            values[places[name]] = 1
        elif name not in known and name not in HEALTHY:
            listed = list(dict.fromkeys((*labels, *NIH_LABELS)))
            advice = nearest(token, listed) or f" Known: {', '.join(listed)}."
            raise ConfigError(f"{where}: there is no label {token!r}.{advice}")
    return values


def refuse_repeated(path: Path, xrays: Sequence[Xray]) -> None:
    """
    Raises:
        ConfigError: if an image has several rows: which of them is right?
    """
    counts = Counter(x.path for x in xrays)
    repeated = [x for x in xrays if counts[x.path] > 1]
    if repeated:
        lines = ", ".join(str(x.line) for x in repeated if x.path == repeated[0].path)
        raise ConfigError(
            f"{path}: {len({x.path for x in repeated})} images have several rows, such as "
            f"{repeated[0].name} in lines {lines}; give one row for each image"
        )


def read_boxes(
    path: Path,
    find: Callable[[str], Sequence[Path]],
    size_of: Callable[[Path], tuple[int, int]],
) -> dict[Path, list[Box]]:
    """Boxes by file, of `BBox_List_2017.csv` or of a CSV with columns file, label, x, y, w, h.

    Args:
        find: the files that a name means.
        size_of: (width, height) of a file, in whose pixels a derived CSV counts. The official
            boxes are on images of 1024 pixels, whatever size the files have here.

    Raises:
        ConfigError: for a missing column or a coordinate that is no number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *lines = [line for line in csv.reader(file) if line]
    name = header.index(column(path, header, NAME_COLUMNS))
    official = OFFICIAL_BOX_COLUMN in header
    first = header.index(column(path, header, (OFFICIAL_BOX_COLUMN, "x")))
    boxes: dict[Path, list[Box]] = {}
    for number, line in enumerate(lines, 2):
        for image in find(line[name]):
            try:
                x, y, w, h = (float(value) for value in line[first : first + 4])
            except ValueError as error:
                message = f"{path}, line {number}: a box is four numbers ({error})"
                raise ConfigError(message) from error
            width, height = (OFFICIAL_SIDE,) * 2 if official else size_of(image)
            boxes.setdefault(image, []).append((x / width, y / height, w / width, h / height))
    return boxes


def drawn(boxes: Sequence[Box], size: int) -> np.ndarray:
    """(size, size), true inside of any box; a box covers at least one pixel."""
    area = np.zeros((size, size), bool)
    for x, y, w, h in boxes:
        left, top = (min(int(v * size), size - 1) for v in (x, y))
        right, bottom = max(left + 1, round((x + w) * size)), max(top + 1, round((y + h) * size))
        area[top:bottom, left:right] = True
    return area
