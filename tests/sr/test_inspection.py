"""What is said of a folder before anything trains on it."""

import numpy as np
from PIL import Image

from launch.experiments.sr.inspection import DECODED, described, draw, named
from launch.experiments.sr.sources import Source, high_resolution, index


def looked_at(folder):
    return index(high_resolution(folder), scale=2, smallest=4)


def test_sizes_grey_and_depth(tmp_path, save):
    save("a.png", 40, 48), save("b.png", 20, 10)
    ramp = np.linspace(0, 65535, 400, dtype=np.uint16).reshape(20, 20)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    assert described(looked_at(tmp_path)) == [
        "3 pictures, 10x20 to 48x40, 1 of them grey",
        "16 bits, rounded to 8: 1 pictures (deep.png)",
    ]


def test_damaged_and_small_files_are_left_out_by_name(tmp_path, save):
    save("a.png"), save("small.png", 4, 4)
    cut = save("cut.png")
    cut.write_bytes(cut.read_bytes()[:-100])
    lines = described(looked_at(tmp_path))
    assert "left out small.png: 4x4 is too small, both sides must be at least 8" in lines
    assert [line for line in lines if line.startswith("left out cut.png: ")]
    draw(looked_at(tmp_path), tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()


def test_a_large_folder_is_looked_at_in_part(tmp_path, save):
    path = save("a.png")
    found = index([Source(str(i), path) for i in range(DECODED + 1)], 2, 4)
    assert described(found)[1] == f"what follows was found in the first {DECODED}"


def test_an_empty_folder_and_many_names(tmp_path):
    assert described(looked_at(tmp_path)) == ["no pictures"]
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    assert named(paths) == "5 pictures (0.png, 1.png, 2.png, ...)"
