"""`hydra/launcher=slurm`: through submitit's local processes, and a real Slurm of one machine.

The real one needs root and Debian's packages `slurm-wlm munge`: `make test-slurm`.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launch.record.run import Run
from launch.sweep import cluster
from tests.command_line import launch
from tests.pbr.test_ladder import TINY as PBR
from tests.start.test_pool import TINY

RESOURCES = "hydra.launcher.resources"

SWEEP = [
    *("-m", *TINY["sr"], "trainer.threads=1", "trainer.max_iterations=5"),
    *("trainer.validate_every=5", "trainer.image_every=1000", "hydra/launcher=slurm"),
    f"{RESOURCES}.timeout_min=20",
]

LONG = ["trainer.max_iterations=3000", "trainer.validate_every=3000", "trainer.log_every=500",
        "trainer.checkpoint_every=50"]  # fmt: skip

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
KillWait=30
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """A controller and a node on this machine, gone afterwards."""
    pytest.importorskip("submitit")
    if os.geteuid() or not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch"))):
        pytest.skip("needs root, slurm-wlm and munge")
    folder = Path(f"/tmp/launch-slurm-{os.getpid()}")  # a socket's path is short
    for inner in ("controller", "node"):
        (folder / inner).mkdir(parents=True)
    folder.chmod(0o711)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    host = socket.gethostname().split(".")[0]
    text = CONFIGURATION.format(folder=folder, host=host, cpus=os.cpu_count())
    (folder / "slurm.conf").write_text(text)
    munge = [f"--{name}={folder}/munge.{end}" for name, end in
             (("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log"),
              ("seed-file", "seed"))]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        subprocess.run(["munged", "--force", *munge], check=True)
        subprocess.run(["slurmctld"], check=True)
        subprocess.run(["slurmd"], check=True)
        wait(lambda: "idle" in output("sinfo", "--noheader"), 60)
        yield folder
        for name in ("slurmd.pid", "slurmctld.pid", "munge.pid"):
            os.kill(int((folder / name).read_text()), 15)
    shutil.rmtree(folder, ignore_errors=True)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def wait(reached: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, output("squeue") + output("sinfo")
        time.sleep(0.5)


@pytest.mark.slow
def test_jobs_are_submitted_and_followed_from_the_folder(tmp_path):
    pytest.importorskip("submitit")
    folder = tmp_path / "sweep"
    code, printed = launch(*SWEEP, "seed=0,1", "hydra.launcher.cluster=local", f"run_dir={folder}")
    assert code == 0, printed
    assert "submitted 2 jobs" in printed
    wait(lambda: all(Run(folder / n).status == "completed" for n in "01"), 300)
    code, printed = launch("task=watch", f"run_dir={folder}")
    assert code == 0
    assert "2 jobs: 2 completed" in printed
    assert "2 completed already" in launch(*SWEEP, "seed=0,1", f"run_dir={folder}")[1]


@pytest.mark.slow
def test_a_sweep_under_slurm_ends_with_nobody_there(slurm, tmp_path):
    folder = tmp_path / "sweep"
    typed = [*SWEEP, "seed=range(6)", f"{RESOURCES}.cpus_per_task=1", f"run_dir={folder}"]
    code, printed = launch(*typed)
    assert code == 0, printed
    assert len(cluster.queued(folder)) == 6
    assert "6 jobs are in the queue already" in launch(*typed)[1]
    wait(lambda: not cluster.queued(folder), 500)
    code, printed = launch("task=watch", f"run_dir={folder}")
    assert code == 0, printed
    assert "6 jobs: 6 completed" in printed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["signal", "requeue"])
def test_a_job_that_makes_room_goes_on_in_its_folder(how, slurm, tmp_path):
    """USR2 is what submitit is told shortly before the end; a requeue is Slurm's preemption."""
    folder = tmp_path / "sweep"
    code, printed = launch(*SWEEP, *LONG, f"{RESOURCES}.cpus_per_task=1", f"run_dir={folder}")
    assert code == 0, printed
    run = Run(folder / "0")
    wait(run.last.is_file, 300)
    [number] = cluster.jobs(folder).values()
    tell = ["scancel", "--signal=USR2"] if how == "signal" else ["scontrol", "requeue"]
    subprocess.run([*tell, number], check=True)
    wait(lambda: run.reread().status == "interrupted", 120)
    wait(lambda: "PENDING" in cluster.queued(folder).values(), 120)
    output("scontrol", "update", f"JobId={number}", "StartTime=now")  # it would be held a while
    wait(lambda: run.reread().status == "completed", 500)
    assert run.record["iteration"] == 3000


@pytest.mark.slow
def test_jobs_that_wait_are_taken_back(slurm, tmp_path):
    folder = tmp_path / "sweep"
    cores = f"{RESOURCES}.cpus_per_task={os.cpu_count()}"
    launch(*SWEEP, *LONG, "seed=range(4)", cores, f"run_dir={folder}")
    wait(lambda: any(Run(folder / n).last.is_file() for n in "0123"), 300)
    printed = launch("task=cancel", f"run_dir={folder}")[1]
    assert "took 3 jobs out of the queue" in printed
    wait(lambda: not cluster.queued(folder), 120)
    assert [Run(folder / n).status for n in "0123"].count("interrupted") == 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_ladder_of_pbr_climbs_as_a_graph_with_nobody_there(slurm, tmp_path):
    """Every rung waits for what it needs; gates are asked in between."""
    typed = ["+ladder=pbr", *PBR, "hydra/launcher=slurm", f"{RESOURCES}.cpus_per_task=1",
             f"{RESOURCES}.timeout_min=60", f"run_dir={tmp_path}"]  # fmt: skip
    code, printed = launch(*typed)
    assert code == 0, printed
    assert "submitted pbr/phase_a as" in printed and ", after pbr/phase_a0" in printed
    waiting = cluster.queued(tmp_path)
    assert len(waiting) == 11
    assert waiting["pbr/phase_d_height"] == "PENDING"
    assert "pbr/phase_a is in the queue already" in launch(*typed)[1]
    wait(lambda: not cluster.queued(tmp_path), 3000)
    whole = Run(tmp_path)
    assert (whole.status, whole.record["error"]) == ("completed", None)
    places = [Run(tmp_path / place) for place in whole.record["rungs"]]
    assert [run.status for run in places] == ["completed"] * 11
    ended = [str(run.record["ended"]) for run in places[:5]]  # A0 to C' need each other
    assert ended == sorted(ended)
    assert all(run.record["gate"] is not None for run in places)
    assert (tmp_path / "ladder.md").is_file()


CLOSED = """
# A gate that nothing passes.
name: closed
rungs:
  - experiment: sr/static
    gates: [{type: threshold, metric: psnr_y, at_least: 99, on_fail: stop}]
  - experiment: sr/loss_ramps
"""


@pytest.mark.slow
def test_what_waits_behind_a_closed_gate_leaves_the_queue(slurm, tmp_path):
    (tmp_path / "conf/ladder").mkdir(parents=True)
    (tmp_path / "conf/ladder/closed.yaml").write_text(CLOSED)
    typed = ["--config-dir", tmp_path / "conf", "+ladder=closed", *SWEEP[2:],
             f"{RESOURCES}.cpus_per_task=1", f"run_dir={tmp_path / 'run'}"]  # fmt: skip
    code, printed = launch(*typed)
    assert code == 0, printed
    wait(lambda: not cluster.queued(tmp_path / "run"), 500)
    whole = Run(tmp_path / "run")
    assert (whole.status, whole.record["error"]) == ("failed", "a gate stays closed")
    assert Run(tmp_path / "run/sr/static").status == "completed"
    assert not (tmp_path / "run/sr/loss_ramps").exists()
