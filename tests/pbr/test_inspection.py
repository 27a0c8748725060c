"""What `task=inspect` says of textures."""

from pathlib import Path

from PIL import Image

from launch.experiments.pbr import sources
from launch.experiments.pbr.data import Textures
from launch.experiments.pbr.inspection import described


def test_drawn_materials_are_counted_and_shown(tmp_path: Path) -> None:
    clean = sources.Synthetic(count=14, size=64, domain="clean")
    game = sources.Synthetic(count=14, size=64, domain="game")
    data = Textures(2, 64, 64, str(tmp_path / "cache"), clean, game, game_share=0.5)
    lines = data.inspect(tmp_path)
    counts = dict(part.rsplit(" ", 1) for part in lines[0].partition(": ")[2].split(", "))
    used = sum(map(int, counts.values()))
    assert 0 < used < 28  # one of each class is held out
    for domain in ("clean", "game"):
        with Image.open(tmp_path / f"{domain}.png") as sheet:
            assert sheet.width > 64


def test_what_is_left_out_has_its_reason_and_the_rest_a_number() -> None:
    report = {
        "materials": {"clean": 3}, "classes": {}, "derived": {"ao from height": 2}, "missing": {},
        "bad": ["a/b: damaged"], "bad_count": 4, "notes": ["one is enlarged"],
    }  # fmt: skip
    assert described(report) == [
        "materials in use: clean 3",
        "maps computed from others: ao from height 2",
        "left out a/b: damaged",
        "left out 3 more",
        "one is enlarged",
    ]
