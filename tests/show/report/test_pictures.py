"""Pictures share a budget; the last one is always there."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from launch.show.report import pictures
from launch.show.report.read import Notes


def noise(folder: Path, count: int) -> Path:
    (folder / "images").mkdir(parents=True)
    values = np.random.default_rng(0).integers(0, 255, (400, 1600, 3), np.uint8)
    for number in range(count):
        Image.fromarray(values).save(folder / "images" / f"iteration_{number:08}.png")
    return folder


def widths(found: pictures.Pictures) -> set[int]:
    decoded = [base64.b64decode(url.partition(",")[2]) for _, url in found]
    return {Image.open(io.BytesIO(data)).width for data in decoded}


def test_pictures_fill_a_budget_evenly(tmp_path: Path) -> None:
    folder = noise(tmp_path, 10)
    for budget in (2_000_000, 300_000):
        found = pictures.of_run(folder, budget, Notes())
        assert sum(len(base64.b64decode(url.partition(",")[2])) for _, url in found) <= budget
        assert (found[0][0], found[-1][0]) == (0, 9)
        assert len(found) > 2
    assert widths(found) < set(pictures.WIDTHS)


def test_one_picture_is_drawn_however_small_the_budget(tmp_path: Path) -> None:
    found = pictures.of_run(noise(tmp_path, 3), 10, Notes())
    assert [at for at, _ in found] == [2]
    assert widths(found) == {240}


def test_empty_and_broken_pictures_are_notes(tmp_path: Path) -> None:
    folder, notes = noise(tmp_path, 4), Notes()
    (folder / "images" / "iteration_00000003.png").write_bytes(b"")
    (folder / "images" / "iteration_00000001.png").write_bytes(b"no picture")
    found = pictures.of_run(folder, 10_000_000, notes)
    assert [at for at, _ in found] == [0, 2]
    assert sorted(Path(note["where"]).stem[-1] for note in notes.found) == ["1", "3"]


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    assert pictures.of_run(tmp_path, 1000, Notes()) == []
