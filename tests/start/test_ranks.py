"""Ranks that torchrun or srun has started, and what two of them train."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from launch.errors import ConfigError
from launch.record import process
from launch.record.history import logged
from launch.record.run import REPOSITORY, Run
from launch.start import ranks
from tests.command_line import launch
from tests.start.test_pool import TINY


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No rank is set, whoever runs the tests."""
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS",
                 "SLURM_STEP_ID"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "rank", "count"),
    [
        ({}, 0, 1),
        ({"LOCAL_RANK": "1"}, 1, 1),  # a child that Lightning has started
        ({"RANK": "2", "LOCAL_RANK": "0", "WORLD_SIZE": "4"}, 2, 4),  # of the second node
        ({"SLURM_STEP_ID": "0", "SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, 3, 4),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, 0, 1),  # sbatch without srun
        ({"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "1", "LOCAL_RANK": "1"}, 1, 1),
    ],
)
def test_the_global_rank_is_read_first(environment, rank, count, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (process.rank(), process.ranks()) == (rank, count)


def test_what_was_started_is_held_against_what_is_asked_for(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    config = {"trainer": {"devices": 2, "num_nodes": 1}}
    with pytest.raises(ConfigError, match=r"4 ranks were started, but .* are 2"):
        ranks.require(config, True, False)
    config["trainer"]["num_nodes"] = 2
    with pytest.raises(ConfigError, match="type run_dir=PATH"):
        ranks.require(config, False, False)
    with pytest.raises(ConfigError, match="start one training"):
        ranks.require(config, True, True)
    ranks.require(config, True, False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    [path] = folder.rglob("weights*.safetensors")
    return load_file(path)


def difference(one: Path, other: Path) -> float:
    """The largest difference of a weight, relative to the largest weight of its tensor."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    return max(
        float((a[k] - b[k]).abs().max() / (b[k].abs().max() + 1e-12)) for k in a if a[k].numel()
    )


TWO = ["trainer.accelerator=cpu", "trainer.devices=2",
       "trainer.strategy=ddp_find_unused_parameters_true"]  # fmt: skip

STEPS = ["trainer.threads=1", "trainer.max_iterations=3", "trainer.validate_every=3",
         "trainer.log_every=1", "trainer.image_every=1000"]  # fmt: skip

OTHERWISE = [
    pytest.param("smoke", marks=pytest.mark.xfail(reason="first loss 0.9621, alone 0.9640")),
    pytest.param("pbr", marks=pytest.mark.xfail(reason="first loss 0.0840, alone 0.0836")),
]
"""Where two ranks are not one with the larger batch, with what was measured; why is not known.
Winding has one batch, its slice."""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["sr", "roi", *OTHERWISE])
def test_two_ranks_train_what_one_does_with_the_whole_batch(scenario, tmp_path):
    key = "data.batch_size"
    typed = [t for t in [*TINY[scenario], *STEPS] if not t.startswith(key)]
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, size, more in ((one, 4, ["trainer.accelerator=cpu"]), (two, 2, TWO)):
        code, printed = launch(*typed, f"{key}={size}", *more, f"run_dir={folder}")
        assert code == 0, printed
    assert difference(two, one) < 1e-3
    losses = [
        [float(row["loss/total"]) for row in logged(path) if "loss/total" in row]
        for path in (next(folder.rglob("metrics.csv")) for folder in (one, two))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.slow
def test_torchrun_with_two_nodes_faked_on_one_machine(tmp_path):
    """Each node has a process of local rank 0; one alone keeps the record."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1",
               f"--master-port={port}", "-m", "launch", *TINY["sr"], *STEPS,
               "trainer.accelerator=cpu", "trainer.num_nodes=2", f"run_dir={tmp_path}"]  # fmt: skip
    nodes = [
        subprocess.Popen(
            [*command[:5], f"--node-rank={node}", *command[5:]],
            cwd=REPOSITORY,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for node in (0, 1)
    ]
    printed = [node.communicate(timeout=500)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], printed
    run = Run(tmp_path)
    assert run.status == "completed"
    assert run.record["metrics"]["psnr_y"] > 0
    assert len(logged(tmp_path / "metrics.csv")) == 4  # iterations 0 to 2, and the validation
