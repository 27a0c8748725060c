"""What a person sees before and between the trainings of a climb. Imports no torch."""

from collections.abc import Iterator
from contextlib import contextmanager

from launch.composition.recipes import remark
from launch.ladder.target import Target
from launch.record.origin import now
from launch.record.run import Run
from launch.show.told import lines
from launch.start.start import typed_record


def outline(targets: "list[Target]") -> None:
    """What is going to happen, and how long it takes by what its file says."""
    trainings = sum(len(list(target.trainings())) for target in targets)
    if trainings > 1:
        names = ", then ".join(target.name for target in targets)
        several = f"{len(targets)} experiments, " if len(targets) > 1 else ""
        print(f"{several}{trainings} trainings: {names}", flush=True)
    last = targets[-1]
    group = "ladder" if last.ladder and not last.ladder.of else "experiment"
    time = remark(group, last.name, "Time")
    if time:
        print(f"time: {time}", flush=True)


@contextmanager
def waiting(target: "Target", run: Run, first: list[str]) -> Iterator[None]:
    """While what comes first is trained, the folder of what was asked for says that it waits."""
    with run.lock():
        record = {"experiment": target.name, "task": "train", "error": f"waits for {first[-1]}"}
        record |= typed_record(target.composition) | run.record
        run.show(**record | {"status": "waiting", "started": now()})
        try:
            yield
        finally:
            run.derive()


def told_of(run: Run) -> list[str]:
    """The numbers of a finished run that have a baseline, as text."""
    record = run.reread().record
    return lines(record["metrics"], (record.get("main_metric") or {}).get("name"))
