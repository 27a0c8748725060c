"""`task=report runs=GLOB`: one HTML page of runs that needs no other file. Imports no torch."""

import base64
import csv
import glob
import io
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from launch.errors import MissingError, nearest
from launch.ladder.table import sentences
from launch.record.run import Run, find_runs
from launch.show.report_chart import chart

PICTURE_WIDTH = 960  # pixels
JPEG_QUALITY = 85
OBJECTIVE = "loss/total"

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #0072b2; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { font-weight: 600; } h2 { margin-top: 3rem; border-top: 1px solid var(--line);
  padding-top: 1rem; font-size: 1.1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid var(--line); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td, th { white-space: nowrap; } td.main { font-weight: 600; }
a { color: var(--accent); } code { background: var(--soft); padding: .1rem .3rem;
  border-radius: 3px; font-size: .85em; overflow-wrap: anywhere; }
.status::before { content: "● "; } .completed::before { color: #009e73; }
.failed::before { color: #d55e00; } .running::before { color: #56b4e9; }
.interrupted::before, .missing::before { color: #e69f00; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; } figure { margin: 0; }
figcaption { font-size: .8rem; } svg { display: block; } img { max-width: 100%; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .85rem; }
dt { opacity: .7; } dd { margin: 0; }
"""


def main(pattern: str, output: str | None = None) -> int:
    """Write the page of all runs at or below what a glob matches, and say where it is.

    Raises:
        MissingError: if there is no run.
    """
    found = runs(pattern)
    if not found:
        known = sorted({str(run.folder.parent) for run in find_runs(Path("runs"))})
        raise MissingError(f"runs={pattern}: no run is there.{nearest(pattern, known)}")
    path = Path(output) if output else Path("runs") / "report.html"
    if path.suffix != ".html":
        path /= "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(found, pattern), encoding="utf-8")
    print(f"report: {path} ({len(found)} runs)")
    return 0


def runs(pattern: str) -> list[Run]:
    """The runs at or below every path that a glob matches, oldest first, each once."""
    folders = (Path(match) for match in glob.glob(pattern, recursive=True))
    found = {run.folder: run for folder in folders for run in find_runs(folder)}
    return sorted(found.values(), key=lambda run: str(run.record.get("started", "")))


def page(found: Sequence[Run], title: str) -> str:
    """The whole document."""
    names = metric_names(found)
    heading = ["run", "status", "seed", *names, "time", "data"]
    rows = "\n".join(row(number, run, names) for number, run in enumerate(found))
    sections = "\n".join(section(number, run) for number, run in enumerate(found))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<div class="wide"><table>
<tr>{"".join(f"<th>{escape(name)}</th>" for name in heading)}</tr>
{rows}
</table></div>
{sections}
</body></html>
"""


def metric_names(found: Iterable[Run]) -> list[str]:
    """Every metric of the runs, main metrics first."""
    records = [run.record for run in found]
    leading = {str((record.get("main_metric") or {}).get("name")) for record in records}
    names = dict.fromkeys(name for record in records for name in record.get("metrics", {}))
    return sorted(names, key=lambda name: name not in leading)


def row(number: int, run: Run, names: Sequence[str]) -> str:
    """A run in the table at the top."""
    record = run.record
    main_name = (record.get("main_metric") or {}).get("name")
    cells = [
        f'<td><a href="#run{number}">{escape(label(run))}</a></td>',
        f'<td><span class="status {escape(run.status)}">{escape(run.status)}</span></td>',
        f'<td class="number">{escape(str(record.get("seed", "")))}</td>',
        *(metric(record, name, is_main=name == main_name) for name in names),
        f'<td class="number">{escape(duration(record))}</td>',
        f"<td>{escape(str((record.get('data') or {}).get('name', '')))}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def metric(record: dict[str, Any], name: str, is_main: bool) -> str:
    value = record.get("metrics", {}).get(name)
    text = "" if value is None else format(value, ".4g")
    return f'<td class="number{" main" * is_main}">{text}</td>'


def label(run: Run) -> str:
    """Experiment, rung and folder name."""
    record = run.record
    parts = [record.get("experiment"), record.get("rung"), run.folder.name]
    return " / ".join(dict.fromkeys(str(part) for part in parts if part))


def duration(record: dict[str, Any]) -> str:
    """Wall-clock time from start to end, pauses of an interrupted run included."""
    if not record.get("started") or not record.get("ended"):
        return ""
    ended, started = (datetime.fromisoformat(record[key]) for key in ("ended", "started"))
    seconds = (ended - started).total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


# The section of a run


def section(number: int, run: Run) -> str:
    """Where a run came from, its curves and its pictures."""
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{v}</dd>" for k, v in details(run).items())
    figures = "".join(
        f"<figure>{chart(points)}<figcaption>{escape(name)}</figcaption></figure>"
        for name, points in curves(run).items()
    )
    return (
        f'<h2 id="run{number}">{escape(label(run))}</h2><dl>{facts}</dl>'
        f'<div class="charts">{figures}</div>{pictures(run)}'
    )


def details(run: Run) -> dict[str, str]:
    """What to know about a run, as HTML."""
    record = run.record
    commit = record.get("git") or {}
    changed = " with changes" if commit.get("dirty") else ""
    data = record.get("data") or {}
    facts = {
        "command": _code(record.get("command")),
        "folder": _code(run.folder),
        "error": escape(str(record.get("error") or "")) if run.status != "completed" else "",
        "iteration": escape(str(record.get("iteration", ""))),
        "scale": escape(str(record.get("scale") or "")),
        "data": escape(", ".join(f"{key} {value}" for key, value in data.items() if value)),
        "commit": _code(commit.get("commit", "")[:12] + changed),
        "parents": "<br>".join(_code(parent["folder"]) for parent in record.get("parents") or []),
        "gate": escape("; ".join(sentences(record.get("gate")))),
    }
    return {key: value for key, value in facts.items() if value}


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>" if text else ""


def curves(run: Run) -> dict[str, list[tuple[float, float]]]:
    """Validation metrics and the objective of `metrics.csv` over the iteration."""
    path = run.folder / "metrics.csv"
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        logged = list(csv.DictReader(file))
    names = [*run.record.get("metrics", {}), OBJECTIVE]
    found = {name: list(_points(logged, name)) for name in names}
    return {name: points for name, points in found.items() if points}


def _points(logged: list[dict[str, str]], name: str) -> Iterable[tuple[float, float]]:
    for entry in logged:
        if entry.get("iteration") and entry.get(name):
            value = float(entry[name])
            if math.isfinite(value):
                yield float(entry["iteration"]), value


def pictures(run: Run) -> str:
    """The plan and the last picture of a run."""
    last = sorted((run.folder / "images").glob("*.png"))[-1:]
    paths = [path for path in (*last, run.folder / "plan.png") if path.is_file()]
    return "".join(
        f'<p><img alt="{escape(path.name)}" src="{embedded(path)}"></p>' for path in paths
    )


def embedded(path: Path) -> str:
    """A picture as a data URL, no wider than the page shows it."""
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail((PICTURE_WIDTH, 10 * PICTURE_WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
