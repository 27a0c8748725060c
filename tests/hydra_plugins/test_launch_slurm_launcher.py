"""Hydra finds the launcher, and a job is told to Slurm as the command that trains it alone."""

import sys

from launch.front import slurm

SWEEP = ["-m", "+experiment=sr/static", "hydra/launcher=slurm", "seed=0,1", "run_dir=sweep"]


def test_without_submitit_it_says_what_to_install(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    code, printed = here(*SWEEP)
    assert code == 3
    assert "pip install 'launch-recipes[slurm]'" in printed


def test_each_job_is_a_command_of_its_own_and_nobody_waits(here, monkeypatch, worker):
    told = []

    def submitted(folder, commands, settings):
        told.extend(commands)
        return [f"7_{number}" for number in range(len(commands))]

    monkeypatch.setattr(slurm, "submitted", submitted)
    code, printed = here(*SWEEP)
    assert code == 0
    assert [command[-2:] for command in told] == [
        ["seed=0", "run_dir=sweep/0"], ["seed=1", "run_dir=sweep/1"],
    ]  # fmt: skip
    assert "submitted 2 jobs: 7_0 to 7_1" in printed
    assert worker.trained == []
