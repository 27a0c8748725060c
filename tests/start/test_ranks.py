"""Ranks that torchrun or srun has started, and what two of them train."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from launch.errors import ConfigError
from launch.record import process
from launch.record.history import logged
from launch.record.run import REPOSITORY, Run
from launch.start import ranks
from launch.train.build import build_module
from launch.train.worker import as_built
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
    """Of every training of a run, by its place and name."""
    return {
        f"{path.relative_to(folder)}: {name}": value
        for path in folder.rglob("*.safetensors")
        for name, value in load_file(path).items()
        if value.is_floating_point()
    }


def norm(values: Iterable[torch.Tensor]) -> float:
    return sum(float(value.square().sum()) for value in values) ** 0.5


def initial(folder: Path) -> dict[str, torch.Tensor]:
    """As `weights`, before the first iteration."""
    found = {}
    for path in folder.rglob("*.safetensors"):
        built = build_module(as_built(Run(path.parent))).weights()
        found |= {f"{path.relative_to(folder)}: {name}": value for name, value in built.items()}
    return found


def strayed(several: Path, one: Path) -> dict[str, float]:
    """Weights that are further from those of one rank than 0.1 % of the way that they have gone.

    What rounding makes of a gradient that is 0, as of a bias before a norm, may be a millionth of a
    tensor or of the way of all.
    """
    a, b, before = weights(several), weights(one), initial(one)
    assert a.keys() == b.keys() <= before.keys()
    way = {name: norm([b[name] - before[name]]) for name in b}
    whole = norm(b[name] - before[name] for name in b)
    assert whole > 1e-3 * norm(b.values())  # else nothing has been trained
    apart = {name: norm([a[name] - b[name]]) for name in b}
    allowed = {n: 1e-3 * way[n] + 1e-6 * max(norm([b[n]]), whole) for n in b}
    return {name: apart[name] / allowed[name] for name in b if apart[name] > allowed[name]}


def difference(one: Path, other: Path) -> float:
    """Norm of the difference of all weights, relative to theirs.

    For a codebook: black is one latent, and rounding chooses among the codes that are alike.
    """
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    return norm(a[name] - b[name] for name in b) / norm(b.values())


def losses(folder: Path) -> list[float]:
    """The total of every iteration, and what a validation says of them, of every training."""
    rows = [row for path in sorted(folder.rglob("metrics.csv")) for row in logged(path)]
    names = "loss/total", "train_loss"
    return [float(row[name]) for row in rows for name in names if name in row]


def on(ranks: int, batch: int) -> list[str]:
    """Typed for so many ranks that share a batch."""
    shared = [f"data.batch_size={batch // ranks}", "trainer.accelerator=cpu"]
    return [*shared, f"trainer.devices={ranks}"]


STEPS = ["trainer.threads=1", "trainer.max_iterations=3", "trainer.validate_every=3",
         "trainer.log_every=1", "trainer.image_every=1000"]  # fmt: skip


def sgd(*rungs: str, rate: float = 0.1) -> list[str]:
    """SGD in place of Adam, which makes a whole step of a gradient that is nothing but rounding."""
    keys = [f"rungs.{rung}.module.optimizer" for rung in rungs] or ["module.optimizer"]
    return [t for key in keys for t in (f"{key}._target_=torch.optim.SGD", f"{key}.lr={rate}")]


SCENARIOS = {
    "sr": [*TINY["sr"], *sgd()],
    "sr gan": [
        *TINY["sr"], *sgd(), "+losses.gan={type: ganloss, gan_type: r3gan, loss_weight: 0.1}",
        "module.discriminator={_target_: launch.losses.patch_discriminator.PatchDiscriminator, "
        "channels: 8}", "module.discriminator_optimizer={_target_: torch.optim.SGD, "
        "_partial_: true, lr: 0.01}",
    ],
    "roi": [*TINY["roi"], *sgd(rate=1)],
    "roi masks": ["+experiment=roi/stochastic", "needs=none", *sgd("classifier", "mask", rate=1)],
    "smoke": TINY["smoke"],
    "smoke flow": ["+experiment=smoke/weighted", "module.autoencoder_gain=null", *sgd()],
    "pbr": [
        *TINY["pbr"], *sgd(), "module.dropout=false",
        "+callbacks.rest={_target_: tests.start.watching.BatchNormsAtRest}",
    ],
}  # fmt: skip
"""Winding has one batch, its slice. Of pbr, batch norms and dropout are left out: they are a rank's
own, as everywhere under DDP; with them the first loss is .0848 on two ranks and .0836 on one."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ranks_train_what_one_does_with_the_whole_batch(scenario, tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCH_TARGETS", "tests")
    typed = [t for t in [*SCENARIOS[scenario], *STEPS] if not t.startswith("data.batch_size")]
    if scenario == "smoke flow":
        code, printed = launch(*TINY["smoke"], *STEPS, f"run_dir={tmp_path / 'autoencoder'}")
        assert code == 0, printed
        typed += [f"module.autoencoder={tmp_path / 'autoencoder/checkpoints/last.ckpt'}"]
    for count in (1, 2, 4):
        place = f"run_dir={tmp_path / str(count)}"
        code, printed = launch(*typed, *on(count, batch=4), place)
        assert code == 0, printed
        assert "find_unused_parameters" not in printed
    one = tmp_path / "1"
    assert losses(one) and weights(one)
    for several in (tmp_path / "2", tmp_path / "4"):
        assert losses(several) == pytest.approx(losses(one), rel=1e-5)
        if scenario == "smoke":
            assert difference(several, one) < 1e-3
        else:
            assert not strayed(several, one)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_number_of_ranks_may_change_on_the_way(tmp_path, monkeypatch):
    """1 -> 2 -> 4 -> 1 ranks that share eight samples read each once and learn the same."""
    monkeypatch.setenv("LAUNCH_TARGETS", "tests")
    keys = {name: tmp_path / f"{name}.txt" for name in ("undisturbed", "elastic")}
    for name, course in (
        ("undisturbed", [(1, 12)]),
        ("elastic", [(1, 3), (2, 5), (4, 9), (1, 12)]),
    ):
        written = f"{{_target_: tests.start.watching.KeysRead, file: {keys[name]}}}"
        first = [*TINY["sr"], *STEPS, f"+callbacks.keys={written}", f"run_dir={tmp_path / name}"]
        for count, end in course:
            typed = first if end == course[0][1] else [f"resume={tmp_path / name}"]
            end_at = f"trainer.max_iterations={end}"
            code, printed = launch(*typed, end_at, *on(count, batch=8))
            assert code == 0, printed
    undisturbed, elastic = (path.read_text().split("\n") for path in keys.values())
    assert sorted(elastic) == sorted(undisturbed)
    assert len(set(elastic)) == len(elastic) == 12 * 8 + 1  # and what follows the last line
    curves = losses(tmp_path / "elastic"), losses(tmp_path / "undisturbed")
    assert curves[0] == pytest.approx(curves[1], abs=1e-5) and len(curves[0]) == 12


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_in_a_sweep_every_rank_of_a_job_has_the_parameters_of_that_job(tmp_path, monkeypatch):
    """Ranks that were started as the command once more would each be a sweep of its own."""
    monkeypatch.setenv("LAUNCH_TARGETS", "tests")
    code, printed = launch(
        "-m", *TINY["sr"], *STEPS, *on(2, batch=4), "+callbacks.seen={_target_: "
        "tests.start.watching.Seen}", "module.optimizer.lr=1e-3,2e-3", "seed=3,4",
        f"run_dir={tmp_path}",
    )  # fmt: skip
    assert code == 0, printed
    seen = {p.parent.name: set() for p in tmp_path.glob("*/rank-0.txt")}
    for path in tmp_path.glob("*/rank-*.txt"):
        seen[path.parent.name].add((path.name, path.read_text()))
    assert seen == {
        str(number): {(f"rank-{rank}.txt", f"{seed} {rate}") for rank in (0, 1)}
        for number, (rate, seed) in enumerate(product((0.001, 0.002), (3, 4)))
    }
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set("0123")


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
