"""The page as one HTML document."""

from html import escape
from pathlib import Path

from launch.show.report.content import Content, encoded
from launch.show.report.pictures import Pictures

HERE = Path(__file__).parent
STYLES = ("vendor/uPlot.min.css", "page.css")
SCRIPTS = (
    "vendor/uPlot.iife.min.js",
    *(f"page/{name}.js" for name in ("core", "table", "curves", "pictures", "ladder", "sweep")),
    *(f"page/{name}.js" for name in ("runs", "main")),
)


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
