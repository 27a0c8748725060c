"""What a process that forks workers has to be sure of; tests/start/test_pool.py starts them."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from launch.record.process import LOCK, PARENT
from launch.train import zygote


def test_what_torch_computes_is_noted_once():
    with zygote.Dispatched() as dispatched:
        assert zygote.unsafe(dispatched) is None
        torch.ones(2).add(1)
        torch.ones(2).mul(2)
    assert zygote.unsafe(dispatched) == "torch has computed aten.ones.default"


def test_what_an_import_asks_is_not_taken_for_a_computation(monkeypatch):
    monkeypatch.setattr(zygote, "HARMLESS", ("aten.ones.default",))
    with zygote.Dispatched() as dispatched:
        torch.ones(2)
    assert zygote.unsafe(dispatched) is None


def test_a_process_that_uses_cuda_is_not_forked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert zygote.unsafe(zygote.Dispatched()) == "CUDA is in use"


def test_modules_are_imported_where_they_may_be_and_mistakes_are_left_to_the_worker(monkeypatch):
    asked = []
    monkeypatch.setattr(zygote, "import_module", asked.append)
    zygote.preload(["launch.losses.pixel.L1", "os.system", "launch.losses.nothing.Here"])
    assert asked == ["launch.losses.pixel", "launch.losses.nothing"]


def test_a_front_end_that_is_gone_is_no_error():
    here, there = socket.socketpair()
    zygote.tell(here, process=5)
    assert there.recv(100) == b'{"process": 5}'
    there.close()
    zygote.tell(here, code=0)


def test_nothing_more_to_do_ends_it():
    here, there = socket.socketpair()
    there.close()
    assert zygote.forked(here, zygote.Dispatched()) is None


BECOME = """
import os, sys
from launch.train.zygote import become
output, errors = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), os.open(sys.argv[2], 65)
become({"place": sys.argv[3], "environment": {"KEPT": "1"}}, 7, output, errors)
print(os.getcwd(), sorted(os.environ.items()), os.getpgid(0) == os.getpid(), flush=True)
print("told", file=sys.stderr)
"""


@pytest.mark.slow
def test_a_fork_takes_over_streams_place_and_environment(tmp_path):
    out, err = tmp_path / "out", tmp_path / "err"
    done = subprocess.run([sys.executable, "-c", BECOME, out, err, tmp_path], check=True,
                          capture_output=True, env=os.environ | {"LOST": "1"})  # fmt: skip
    assert done.stdout == b""
    place, rest = out.read_text().split(" ", 1)
    assert place == str(tmp_path)
    expected = sorted({"KEPT": "1", LOCK: "7", PARENT: str(os.getpid())}.items())
    assert rest == f"{expected} True\n"
    assert err.read_text() == "told\n"
