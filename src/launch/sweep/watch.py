"""`task=watch` follows a sweep or a run from anywhere; `task=cancel` stops it. No torch."""

import time
from datetime import datetime
from pathlib import Path

from launch.errors import MissingError
from launch.record.run import Run, find_runs
from launch.sweep import cluster
from launch.sweep.folder import Sweep, at_work, latest, names, totals
from launch.sweep.results import Results

SECONDS_BETWEEN_LOOKS = 2.0


def meant(folder: str | None, runs: Path) -> Path:
    """The folder that is meant: the one typed, or that of the latest sweep.

    Raises:
        MissingError: if nothing is there.
    """
    if folder is None:
        found = latest(runs)
        if found is None:
            raise MissingError(f"no sweep is below {runs}; type run_dir=FOLDER of a sweep or a run")
        return found.folder
    path = Path(folder)
    if not Sweep(path).jobs and not find_runs(path):
        raise MissingError(f"run_dir={folder}: neither a sweep nor a run is there")
    return path


def watch(folder: Path) -> int:
    """Print what changes until nothing runs; returns 1 if a job has not completed, else 0."""
    seen: dict[str, str] = {}
    while True:
        busy = Run(folder).is_locked() or bool(at_work(folder) or cluster.queued(folder))
        found = statuses(folder)
        for name, status in found.items():
            if seen.get(name) != status and (seen or status != "completed"):
                print(f"{datetime.now():%H:%M:%S}  {name}: {status}", flush=True)
        if seen != found:
            print(totals(status.split(" ")[0] for status in found.values()), flush=True)
        seen = found
        if not busy:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return conclude(folder)


def statuses(folder: Path) -> dict[str, str]:
    """Status and main metric of every job of a sweep, or of every run that is there."""
    sweep = Sweep(folder)
    named = (
        zip(names(sweep.jobs), map(sweep.run, sweep.jobs), strict=True)
        if sweep.jobs
        else ((str(run.folder), run) for run in find_runs(folder))
    )
    return {name: described(run) for name, run in named}


def described(run: Run) -> str:
    metric, value = run.main_metric
    status = "waiting" if run.status == "missing" else run.status
    return f"{status}{f' {metric} {value:.4g}' if metric else ''}"


def conclude(folder: Path) -> int:
    """The table of a sweep that has ended."""
    results = Results.of(folder)
    if not results.jobs:
        return int(any(run.status != "completed" for run in find_runs(folder)))
    print(f"\n{results.text()}\n{results.write_csv()}")
    return int(set(results.statuses) != {"completed"})


def cancel(folder: Path) -> int:
    """Ask a sweep, a ladder or a run to stop after a checkpoint; the same command continues it."""
    working = at_work(folder)
    if not working and not Run(folder).is_locked() and not cluster.queued(folder):
        print(f"nothing runs in {folder}")
        return 0
    for place in {folder, *(run.folder for run in working)}:
        Run(place).ask_to_stop()
    withdrawn = cluster.withdraw(folder)
    if withdrawn:
        print(f"took {withdrawn} jobs out of the queue")
    print(f"asked {len(working)} running job{'s' * (len(working) != 1)} below {folder} to stop "
          f"after a checkpoint; the same command continues, with run_dir={folder}")  # fmt: skip
    return 0
