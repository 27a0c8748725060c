"""What was typed: equivalent forms, paths with odd names, what is for a rung."""

import os
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from launch.composition import typed
from launch.composition.typed import Typed, as_value, command, last_wins, normalised, quoted


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("+experiment=sr/static", "experiment=sr/static"),
        ("+ladder=pbr", "ladder=pbr"),
        ("+study=a", "study=a"),
        ("+losses.a.b=1", "+losses.a.b=1"),
        ("rungs.a.seed=1", "rungs.a.seed=1"),
        ("rungs=[a]", "rungs=[a]"),
        ("seed=1", "seed=1"),
        ("~losses.gan", "~losses.gan"),
    ],
)
def test_equivalent_forms_become_one(typed, taken):
    assert normalised(typed) == taken


@pytest.mark.parametrize("name", ["My Photos (2026)", "Größe", "a=b", "a,b", "it's", "[x]", "~a"])
def test_a_value_that_names_an_existing_path_is_quoted(tmp_path, name):
    (tmp_path / name).mkdir()
    path = str(tmp_path / name)
    (override,) = OverridesParser.create().parse_overrides([normalised(f"data.root={path}")])
    assert override.value() == path


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    assert normalised("data.root=~/photos") == f"data.root='{tmp_path}/photos'"
    assert normalised("data.root=~/nowhere") == "data.root=~/nowhere"


def test_a_sweep_over_values_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert normalised("seed=1,2") == "seed=1,2"
    assert normalised("seed=" + "9," * 3000) == "seed=" + "9," * 3000  # too long for a name


@pytest.mark.parametrize("text", ["plain", "it's", "a\\", "\\'", "${x}", "a\\\\'b", ""])
def test_quotes_hold_any_text(text):
    (override,) = OverridesParser.create().parse_overrides([f"a={quoted(text)}"])
    assert override.value() == text


def test_a_path_is_quoted_only_where_it_must_be():
    assert as_value(Path("runs/a-b.c")) == "runs/a-b.c"
    assert as_value(Path("my runs")) == "'my runs'"


def test_of_two_values_for_one_key_the_later_wins():
    assert last_wins(["seed=0", "data=a", "+seed=1", "a@b=2"]) == ["+seed=1", "data=a", "a@b=2"]


def test_sections_are_told_apart():
    typed = Typed.read(["+data.root=x", "data=sr/folder", "seed=1", "hydra/launcher=slurm"])
    assert typed.of("data") == ["+data.root=x", "data=sr/folder"]
    assert typed.without("data", "hydra") == ["seed=1"]
    assert (typed.value("seed"), typed.value("nothing", 3)) == (1, 3)
    assert "seed" in typed and "sed" not in typed


def test_what_is_typed_for_all_rungs_comes_before_what_is_for_one():
    typed = Typed.read(["rungs.a.seed=2", "seed=1", "~rungs.a.ema", "+rungs.b.x=3"])
    assert typed.for_rung("a") == ["seed=1", "seed=2", "~ema"]


@pytest.mark.parametrize(
    ("typed", "own"),
    [
        (["ladder=pbr", "seed=1", "data.feed=8"], ["ladder=pbr", "seed=1"]),
        (["study=a", "module.x=1", "scale=full"], ["study=a", "scale=full"]),
        (["experiment=a", "data.feed=8"], ["experiment=a", "data.feed=8"]),
        (["experiment=a", "rungs.b.seed=1", "rungs=[b]"], ["experiment=a", "rungs=[b]"]),
    ],
)
def test_a_ladder_or_study_is_composed_without_what_its_trainings_have(typed, own):
    assert Typed.read(typed).of_the_whole == own


def test_a_command_can_be_typed_again():
    line = command("data.root='a b'", "seed=1")
    assert shlex.split(line)[1:] == ["-m", "launch", "data.root='a b'", "seed=1"]
    assert os.path.basename(shlex.split(line)[0]).startswith("python")


def test_a_command_carries_what_it_depends_on(monkeypatch):
    monkeypatch.setenv("LAUNCH_TARGETS", "mylab,other lab")
    monkeypatch.setattr(typed, "FLAGS", ["--config-dir", "more"])
    variable, *words = shlex.split(command("seed=1"))
    assert variable == "LAUNCH_TARGETS=mylab,other lab"
    assert words[1:] == ["-m", "launch", "--config-dir", "more", "seed=1"]
