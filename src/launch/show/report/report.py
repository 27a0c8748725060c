"""`task=report runs=GLOB`: which run is best, by how much, and what changed while it trained.

One HTML page that needs no other file and no network; `watch=true` serves it on this machine and
follows running jobs. Imports no torch.
"""

from pathlib import Path

from launch.errors import MissingError, nearest
from launch.record.run import find_runs
from launch.record.storage import write
from launch.show.report.content import content, panels
from launch.show.report.document import page


def main(pattern: str, output: str | None = None, watch: bool = False) -> int:
    """Write the page of all runs at or below what a glob matches, or serve it until interrupted.

    Raises:
        MissingError: if there is no run to write about.
    """
    if watch:
        from launch.show.report.serve import serve  # noqa: PLC0415 - needed here only

        return serve(pattern)
    found = content(pattern)
    if not found["runs"] and not found["notes"]:
        known = sorted({str(run.folder.parent) for run in find_runs(Path("runs"))})
        raise MissingError(f"runs={pattern}: no run is there.{nearest(pattern, known)}")
    path = Path(output) if output else Path("runs") / "report.html"
    if path.suffix != ".html":
        path /= "report.html"
    write(path, page(found, panels(found)))
    count = len(found["runs"])
    print(f"report: {path} ({count} run{'s' * (count != 1)})")
    for note in found["notes"]:
        print(f"note: {note['where']}: {note['what']}")
    return 0
