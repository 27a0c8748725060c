"""Workers that share the import of torch are forked, and give what those of their own give."""

import hashlib
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from launch.record.process import PARENT
from launch.record.run import Run
from launch.start import pool
from tests.conftest import answer

TINY = {
    "sr": [
        "+experiment=sr/static", "module.network.num_feat=8", "module.network.num_conv=1",
        "data.scenes=4", "data.size=96", "data.crop=16", "data.batch_size=2",
        "data.validation_images=1",
    ],
    "winding": ["+experiment=winding/no_mask"],
    "pbr": ["+experiment=pbr/phase_a0", "rungs=[albedo]", "trainer.max_epochs=null"],
    "roi": ["+experiment=roi/standard", "needs=none"],
    "smoke": ["+experiment=smoke/autoencoder"],
}  # fmt: skip
"""A training of each scenario."""

SHORT = ["trainer.threads=1", "trainer.max_iterations=2", "trainer.validate_every=2",
         "trainer.image_every=100000"]  # fmt: skip


@pytest.fixture
def channel():
    """A zygote, and our end of its channel."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield here, there
    here.close()
    there.close()


def test_a_zygote_in_which_torch_has_computed_forks_no_more(channel):
    here, there = channel
    script = (
        "import socket, sys, torch\n"
        "from launch.train import zygote\n"
        "zygote.preload = lambda targets: torch.ones(2) @ torch.ones(2)\n"
        "zygote.main(socket.socket(fileno=int(sys.argv[1])))\n"
    )
    environment = os.environ | {PARENT: str(os.getpid())}
    process = subprocess.Popen([sys.executable, "-c", script, str(there.fileno())],
                               env=environment, pass_fds=[there.fileno()])  # fmt: skip
    there.close()
    here.settimeout(120)
    socket.send_fds(here, [json.dumps({"targets": []}).encode()], [0, 1, 2])
    assert json.loads(here.recv(4096)) == {"refused": "torch has computed aten.ones.default"}
    here.close()
    assert process.wait(60) == 0


def test_what_cannot_be_forked_gets_a_process_of_its_own(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(pool.subprocess, "Popen", lambda command, **_: started.append(command))
    alone = {"trainer": {"devices": 1, "strategy": "auto"}}
    with pool.opened() as shared:
        shared.refused = "torch has computed aten.mm"
        pool.started(tmp_path, alone, {}, 0)
        shared.refused = None
        for trainer in ({"devices": 2, "strategy": "auto"}, {"devices": 1, "strategy": "ddp"}):
            pool.started(tmp_path, {"trainer": trainer}, {}, 0)
    pool.started(tmp_path, alone, {}, 0)
    assert [command[2] for command in started] == ["launch.train.worker"] * 4


def test_it_forks_one_at_a_time():
    shared = pool.Pool()
    shared.last = pool.Forked(socket.socket(), 1)
    assert shared.fork(Path(), {}, {}, 0) is None


def weights(folder: Path) -> str:
    [path] = folder.rglob("*.safetensors")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", TINY)
def test_a_fork_trains_the_same_weights(scenario, tmp_path, monkeypatch):
    typed = ["-m", *TINY[scenario], *SHORT, "seed=3"]
    forks: list[object] = []
    fork = pool.Pool.fork
    monkeypatch.setattr(pool.Pool, "fork", lambda *job: forks.append(fork(*job)) or forks[-1])
    code, printed = answer(*typed, f"run_dir={tmp_path / 'forked'}")
    assert code == 0, printed
    assert forks and all(forks)
    monkeypatch.setattr(pool, "is_suited", lambda config: False)
    assert answer(*typed, f"run_dir={tmp_path / 'own'}")[0] == 0
    assert weights(tmp_path / "forked") == weights(tmp_path / "own")


def cpu_seconds() -> float:
    whole = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, whole))


def spent(count: int, folder: Path) -> float:
    before = cpu_seconds()
    code, printed = answer("-m", *TINY["sr"], "trainer.threads=1", "trainer.max_iterations=5",
                           f"seed=range({count})", f"run_dir={folder}")  # fmt: skip
    assert code == 0, printed
    return cpu_seconds() - before


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_64_jobs_of_5_iterations_take_a_third_of_the_cpu_time(tmp_path, monkeypatch):
    forked = spent(64, tmp_path / "forked")
    monkeypatch.setattr(pool, "is_suited", lambda config: False)
    own = spent(8, tmp_path / "own") * 8
    print(f"{forked:.0f} s of CPU against {own:.0f} s")
    assert forked < own / 3
    for seed in range(8):
        assert weights(tmp_path / f"forked/{seed}") == weights(tmp_path / f"own/{seed}")


@pytest.mark.slow
def test_a_fork_hears_that_it_shall_stop(tmp_path):
    run = Run(tmp_path / "0")
    stop = threading.Timer(0, lambda: None)

    def ask() -> None:
        while not run.last.is_file():
            stop.finished.wait(0.1)
        run.ask_to_stop()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    code, _ = answer("-m", *TINY["sr"], "trainer.max_iterations=100000",
                     "trainer.checkpoint_every=20", f"run_dir={tmp_path}")  # fmt: skip
    assert code == 143
    assert run.reread().status == "interrupted"
