"""What is drawn is kept, and drawn anew when anything that decides it has changed."""

import numpy as np
import pytest

from launch.tools.drawn import drawn

DRAWN: list[tuple[int, float]] = []


def noise(count, level):
    DRAWN.append((count, level))
    random = np.random.default_rng(count)
    return {"values": level * random.random(count), "flags": np.arange(count) > 1}


@pytest.fixture(autouse=True)
def forget():
    DRAWN.clear()


def test_it_is_drawn_once(tmp_path):
    first, second = (drawn(noise, 4, 0.5, folder=tmp_path / "a" / "b") for _ in range(2))
    assert DRAWN == [(4, 0.5)]
    assert first.keys() == second.keys() == {"values", "flags"}
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values)
        assert second[name].dtype == values.dtype
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1  # no half-written one is left


def test_other_settings_are_drawn_anew(tmp_path):
    for level in (0.5, 0.25, 0.5):
        assert drawn(noise, 3, level, folder=tmp_path)["values"].max() <= level
    assert DRAWN == [(3, 0.5), (3, 0.25)]


def test_other_code_draws_anew(tmp_path, monkeypatch):
    drawn(noise, 3, 0.5, folder=tmp_path)
    monkeypatch.setattr("inspect.getsource", lambda module: "def noise(): ...")
    drawn(noise, 3, 0.5, folder=tmp_path)
    assert len(DRAWN) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_file_is_drawn_anew_and_mended(tmp_path, damage):
    whole = drawn(noise, 500, 0.5, folder=tmp_path)
    [path] = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:900], "flipped": content, "empty": b""}[damage])
    for _ in range(2):
        again = drawn(noise, 500, 0.5, folder=tmp_path)
        np.testing.assert_array_equal(again["values"], whole["values"])
    assert len(DRAWN) == 2


def test_a_place_that_takes_no_file_costs_only_time(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert drawn(noise, 3, 0.5, folder=tmp_path / "file")["values"].shape == (3,)
    assert "could not be written" in capsys.readouterr().err
