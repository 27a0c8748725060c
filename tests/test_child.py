"""A child `python -m launch` ends with its parent, however that ends. A shell stands for it."""

import os
import subprocess
import sys
import time

import pytest
from launch.child import PARENT, StoppedError, launch

from launch import child


def stand_in(tmp_path, monkeypatch, script):
    """Make what `launch` starts a shell script."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 4", 4), ("exit 143", 143), ("kill -KILL $$", 143)]
)
def test_the_exit_code_is_the_childs_and_a_killed_child_is_an_interrupted_one(
    tmp_path, monkeypatch, script, code
):
    stand_in(tmp_path, monkeypatch, script)
    assert launch([]) == code


def test_a_child_gets_the_arguments(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/said')
    launch(["+experiment=toy/a", "seed=3"])
    assert (tmp_path / "said").read_text() == "-m launch +experiment=toy/a seed=3\n"


def test_a_stop_is_passed_on_and_said(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "kill -TERM $PPID\nexec sleep 60")
    begun = time.monotonic()
    with pytest.raises(StoppedError) as caught:
        launch([])
    assert caught.value.exit_code == 143
    assert time.monotonic() - begun < 30


ORPHAN = "from launch.child import die_with_parent; die_with_parent(); print('alive')"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.parametrize(("parent", "code"), [(os.getpid(), 0), (1, 143)])
def test_a_child_whose_parent_is_gone_already_ends(parent, code):
    environment = os.environ | {PARENT: str(parent)}
    result = subprocess.run([sys.executable, "-c", ORPHAN], env=environment, check=False)
    assert result.returncode == code


def test_without_a_front_end_nothing_is_arranged(monkeypatch):
    monkeypatch.delenv(PARENT, raising=False)
    before = dict(os.environ)
    child.die_with_parent()
    assert dict(os.environ) == before
