"""The last lines of a command: what came out, where it lies, what to type next. No torch."""

import resource
import time
from datetime import timedelta
from typing import Any

from launch.composition.recipes import remark
from launch.composition.typed import command
from launch.record.run import Run
from launch.show.told import lines

BEGUN = time.monotonic()


def conclude(run: Run, code: int) -> None:
    """The last lines of a run: its numbers, its picture, its folder, and how to go on."""
    record = run.reread().record
    for line in [*numbers(record, run), *picture(record, run), took()]:
        print(line)
    begun = record.get("iteration") or code not in (2, 3)
    if code and begun and record.get("task") == "train":
        print(f"{run.folder}  resume: {command(f'resume={run.folder}')}")
        return
    if not code and record.get("task") == "train":
        use = command("task=predict", f"from={run.folder}", "input=FOLDER", "output=FOLDER")
        print(f"next: {use}\n      {command('task=report')}")
    print(f"{run.folder}  repeat: {record.get('command')}")


def numbers(record: dict[str, Any], run: Run) -> list[str]:
    """Those with a baseline, when the best checkpoint was made, and where all the others are."""
    metrics, main = run.all_metrics, record.get("main_metric") or {}
    shown = lines(metrics, main.get("name")) or [f"{n} {v:.4g}" for n, v in metrics.items()][:3]
    best = record.get("best") or {}
    if record.get("status") == "completed" and best and best["iteration"] != record["iteration"]:
        value = f"{main['name']} {best['value']:.4g} after {best['iteration']} iterations"
        shown.append(f"best: {value}; predict and later rungs take that")
    if len(metrics) > len(shown):
        shown.append(f"all {len(metrics)} numbers: {run.folder / 'run.json'}")
    return shown


def took() -> str:
    """How long the command took, and how much of a core it had."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = (time.monotonic() - BEGUN, used.ru_utime + used.ru_stime)
    wall, core = (timedelta(seconds=round(s)) for s in seconds)
    return f"took {wall}, {core} of CPU time"


def picture(record: dict[str, Any], run: Run) -> list[str]:
    """The last picture, and what its experiment says that it shows."""
    found = sorted((run.rung().folder / "images").glob("*.png"))
    told = remark("experiment", str(record.get("experiment")), "Picture")
    return [f"picture: {found[-1]}", *([f"  {told}"] if told else [])] if found else []
