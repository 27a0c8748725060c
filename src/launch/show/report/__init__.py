"""`task=report runs=GLOB`: which run is best, by how much, and what changed while it trained.

One HTML page that needs no other file and no network; `watch=true` serves it on this machine and
follows running jobs. Imports no torch.
"""

from html import escape
from pathlib import Path

from launch.errors import MissingError, nearest
from launch.record.run import find_runs
from launch.show.report.content import Content, content, encoded, panels
from launch.show.report.pictures import Pictures

HERE = Path(__file__).parent
STYLES = ("vendor/uPlot.min.css", "page.css")
SCRIPTS = (
    "vendor/uPlot.iife.min.js",
    *(f"page/{name}.js" for name in ("core", "table", "curves", "pictures", "ladder", "sweep")),
    *(f"page/{name}.js" for name in ("runs", "main")),
)


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
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(found, panels(found)), encoding="utf-8")
    count = len(found["runs"])
    print(f"report: {path} ({count} run{'s' * (count != 1)})")
    for note in found["notes"]:
        print(f"note: {note['where']}: {note['what']}")
    return 0


def page(found: Content, pictures: list[Pictures], watch: bool = False) -> str:
    """The whole document. Pictures stand apart, so that the table need not wait for them."""
    template = (HERE / "page.html").read_text()
    parts = {
        "title": escape(found["title"]),
        "style": "\n".join((HERE / name).read_text() for name in STYLES),
        "licence": (HERE / "vendor" / "uPlot-LICENSE").read_text().strip(),
        "script": "\n".join((HERE / name).read_text() for name in SCRIPTS),
        "watch": "true" if watch else "false",
        "content": encoded(found),
        "pictures": "\n".join(
            f'<script type="application/json" id="pictures-{place}">{encoded(panel)}</script>'
            for place, panel in enumerate(pictures)
        ),
    }
    first, *rest = template.split("{{")
    filled = [parts[name] + text for name, text in (piece.split("}}", 1) for piece in rest)]
    return first + "".join(filled)
