"""A worker ends with its front end, however that ends."""

import os
import subprocess
import sys

import pytest

from launch.record import process as child
from launch.record.process import PARENT

ORPHAN = "from launch.record.process import die_with_parent; die_with_parent(); print('alive')"


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
