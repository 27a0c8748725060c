"""Lists to read: experiments, ladders and studies; runs with their status and metric. No torch."""

from pathlib import Path
from textwrap import shorten

from launch.composition.recipes import description, folders, options
from launch.record.run import CONF, Run, find_runs
from launch.tools.columns import columns

LISTED = ("experiment", "ladder", "study", "search")


def listing() -> str:
    """All experiments, ladders and studies with their one-line descriptions."""
    lines = ["python -m launch +experiment=NAME [key=value ...]\n"]
    for group in LISTED:
        found = {name: folder for folder in folders() for name in options(folder, group)}
        lines += [f"{group}:"] * bool(found)
        own_first = sorted(found.items(), key=lambda option: option[1] == CONF)
        lines += [
            f"  {name:24} {description(folder / group / f'{name}.yaml')}"
            for name, folder in own_first
        ]
    lines.append(
        "\ntask=plan draws every schedule without training; task=validate and task=predict use a "
        "finished run (from=latest);\nresume=RUN_DIR continues; -m sweeps; task=runs lists runs; "
        "--cfg job shows the configuration. See README.md."
    )
    return "\n".join(lines)


def runs(root: Path) -> str:
    """`task=runs`: every run below a folder with its status and main metric."""
    found = find_runs(root)
    return table([(run.name, run) for run in found]) if found else f"no run is below {root}"


def table(rows: list[tuple[str, Run]]) -> str:
    """Name, task, status, main metric and folder, in columns."""
    lines = [("job", "task", "status", "metric", "folder")]
    for name, run in rows:
        record = run.record
        metric, value = run.main_metric
        text = f"{metric} {value:.4g}" if metric else record.get("error") or "-"
        first = shorten(str(text).split("\n")[0], 80, placeholder=" ...")
        lines.append((name, str(record.get("task")), run.status, first, str(run.folder)))
    return columns(lines)
