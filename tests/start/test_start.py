"""A checked configuration becomes a run, with a worker that trains nothing."""

import multiprocessing
import os
import random
import subprocess
import time
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from launch.composition.compose import compose, started
from launch.errors import ConfigError, LaunchError, MissingError
from launch.record.checksum import sha256
from launch.record.ledger import events
from launch.record.run import Run
from launch.start import start
from launch.start.start import Job, announce, checked, concluded, perform
from tests.conftest import answer

STATIC = "experiment=sr/static"


@pytest.fixture(scope="module")
def hydra():
    with started():
        yield


@pytest.fixture(scope="module")
def composition(hydra):
    return compose([STATIC, "seed=5"])


@pytest.fixture
def job(composition):
    return Job(composition, checked(composition))


def test_the_first_record_says_what_was_typed_and_what_it_is(job):
    origin = job.origin()
    assert origin["overrides"] == [STATIC, "seed=5"]
    assert origin["command"].endswith("-m launch experiment=sr/static seed=5")
    assert (origin["experiment"], origin["rung"], origin["seed"]) == ("sr/static", None, 5)
    assert origin["identity"] == job.identity
    assert Job(job.composition, job.config | {"seed": 6}).identity != job.identity


@pytest.mark.parametrize(
    "typed, error, said",
    [
        (["task=validate"], ConfigError, "task=validate needs from=latest"),
        (["task=predict", "from=x"], ConfigError, "task=predict needs input=PATH"),
        (["task=predict", "from=x", "input=absent"], ConfigError, "needs output=PATH"),
        (["task=predict", "from=x", "input=absent", "output=o"], MissingError, "input=absent: th"),
        (["trainer.devices=0"], ConfigError, "trainer.devices = 0"),
    ],
)
def test_what_cannot_be_done_is_told_before_a_folder_exists(hydra, typed, error, said):
    with pytest.raises(error) as caught:
        checked(compose([STATIC, *typed]))
    assert said in caught.value.message


def test_the_first_lines_name_scale_and_data_and_each_warning_once(job, capsys):
    late = job.config | {"losses": {"pixel": job.config["losses"]["pixel"] | {"start_iter": 10**9}}}
    announce([late, late])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "scale demo, data SyntheticScenes"
    assert len([line for line in rest if "losses.pixel is 0 throughout" in line]) == 1


def test_a_run_is_trained_once_and_known_again(job, worker, tmp_path, capsys):
    run = Run(tmp_path / "run")
    assert perform(job, run) == 0
    assert perform(job, run.reread()) == 0
    assert worker.trained == [run.folder]
    assert "is completed already" in capsys.readouterr().out
    assert (run.folder / ".hydra" / "config.yaml").is_file()
    assert run.config == job.config
    assert run.reread().main_metric == ("psnr_y", 0.25)


def test_one_that_was_stopped_goes_on(job, worker, tmp_path):
    worker.codes = [143, 0]
    run = Run(tmp_path / "run")
    assert [perform(job, run.reread()) for _ in range(2)] == [143, 0]
    assert len(worker.trained) == 2
    assert Run(run.folder).status == "completed"


def test_a_folder_of_another_run_is_refused(job, worker, composition, tmp_path):
    run = Run(tmp_path / "run")
    perform(job, run)
    with pytest.raises(LaunchError, match="seed"):
        perform(Job(composition, job.config | {"seed": 6}), run.reread())


def test_a_checkpoint_that_it_was_trained_from_has_to_stay(tmp_path):
    checkpoint = tmp_path / "a.ckpt"
    checkpoint.write_text("a")
    run = Run(tmp_path / "run")
    run.note("end", parents=[{"checkpoint": str(checkpoint), "sha256": sha256(checkpoint)}])
    start.require_parents(run)
    checkpoint.write_text("b")
    with pytest.raises(MissingError, match="is another file since"):
        start.require_parents(run)


@pytest.mark.parametrize(
    "code, status, error, ended",
    [
        (1, "failed", "worker ended with 1", 1),
        (-9, "failed", "ended by SIGKILL, as the system does when memory runs out", 137),
        (-11, "failed", "ended by SIGSEGV", 139),
        (-15, "interrupted", "stopped on request", 143),
    ],
)
def test_a_worker_that_could_not_speak_is_spoken_for(tmp_path, code, status, error, ended):
    run = Run(tmp_path / "run")
    run.note("end", status="running")
    assert concluded(run, code) == ended
    record = Run(run.folder).record
    assert (record["status"], record["exit_code"]) == (status, ended)
    assert error in record["error"]


def test_what_a_worker_has_said_stands(tmp_path):
    run = Run(tmp_path / "run")
    run.note("end", status="failed", error="the loss was nan")
    assert concluded(run, 1) == 1
    assert Run(run.folder).record["error"] == "the loss was nan"


def test_a_worker_that_does_not_stop_in_time_is_killed(tmp_path, monkeypatch):
    sent, killed = [], []

    def wait(seconds):
        if killed:
            return -9
        raise subprocess.TimeoutExpired("worker", seconds)

    process = SimpleNamespace(pid=1, wait=wait, send_signal=sent.append)
    monkeypatch.setattr(start, "killed", killed.append)
    run = Run(tmp_path)
    run.ask_to_stop()
    assert start.end_of(process, run, stop_within=0) == -9
    assert (len(sent), killed) == (1, [process])


def slowly(run: Run, config: dict[str, Any], lock: int) -> int:
    """Stands for the worker, long enough for another starter to come."""
    time.sleep(0.2)
    run.finish("completed", exit_code=0)
    return 0


def starts(folder: Path, seed: int, together: Barrier, delay: float) -> None:
    """`python -m launch` that looks for the folder's owner at a moment of its own."""
    lock = Run.lock

    def at_the_moment(run: Run, patience: float = 0.0) -> AbstractContextManager[int]:
        together.wait(60)
        time.sleep(delay)
        return lock(run, patience)

    Run.lock = at_the_moment  # type: ignore[method-assign]
    code, printed = answer(STATIC, f"seed={seed}", f"run_dir={folder}")
    folder.with_suffix(f".{seed}").write_text(printed)
    os._exit(code)


@pytest.mark.slow
@pytest.mark.parametrize("count", [100])
def test_of_two_starters_one_owns_the_folder_and_the_other_is_told(tmp_path, monkeypatch, count):
    """Up to 20 ms apart; what is recorded is the owner's."""
    monkeypatch.setattr(start, "work", slowly)
    fork = multiprocessing.get_context("fork")
    generator = random.Random(0)
    for place in range(count):
        folder, together = tmp_path / str(place), fork.Barrier(2)
        delays = [0.0, generator.uniform(0, 0.02)]
        starters = [
            fork.Process(target=starts, args=(folder, seed, together, delay))
            for seed, delay in enumerate(generator.sample(delays, 2))
        ]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join(60)
        codes = [starter.exitcode for starter in starters]
        assert sorted(codes) == [0, 2], codes
        owner = codes.index(0)
        run = Run(folder)
        assert run.record["seed"] == run.config["seed"] == owner
        assert run.record["status"] == "completed"
        assert [event["event"] for event in events(folder)] == ["start", "end"]
        assert "at work in" in folder.with_suffix(f".{1 - owner}").read_text()
