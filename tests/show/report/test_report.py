"""The report is one page that needs no other file, whatever the runs say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from launch.errors import MissingError
from launch.show.report import report
from tests.show.report.runs import make, sweep


def text(root: Path) -> str:
    found = report.content(str(root))
    return report.page(found, report.panels(found))


def test_a_page_refers_to_nothing_outside(tmp_path: Path) -> None:
    page = text(sweep(tmp_path))
    assert not re.search(r"<(script|img|link)[^>]*(src|href)=\"(?!data:)", page)
    assert not re.search(r"@import|url\(", page)
    assert set(re.findall(r"https?://[^\s\"'`)]+", page)) <= {
        "http://www.w3.org/2000/svg",  # a name, not an address
        "https://github.com/leeoniq/uPlot",
        "https://github.com/leeoniya/uPlot",
    }
    assert "Copyright (c) 2022 Leon Sorokin" in page  # the licence of the bundled library


def test_what_runs_say_is_text(tmp_path: Path) -> None:
    make(tmp_path / "a", error="</script><script>alert(1)</script>", status="failed")
    page = text(tmp_path)
    assert "<script>alert" not in page
    assert page.count("</script>") == 4  # content, switch, script, one run's pictures


@pytest.mark.parametrize("output", ["page.html", "folder"])
def test_output_is_a_file_or_a_folder(
    tmp_path: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "a")
    assert report.main(str(tmp_path), str(tmp_path / output)) == 0
    path = Path(capsys.readouterr().out.split()[1])
    assert path.suffix == ".html"
    assert path.read_text().startswith("<!doctype html>")


def test_bad_folders_are_told_and_do_not_end_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text('{"status": "comp')
    assert report.main(str(tmp_path), str(tmp_path / "page.html")) == 0
    printed = capsys.readouterr().out
    assert "(1 runs)" not in printed and "(1 run)" in printed
    assert f"note: {tmp_path / 'bad'}: JSONDecodeError" in printed


def test_no_runs_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no run is there"):
        report.main(str(tmp_path))


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    make(tmp_path / "a")
    code = (
        "import sys; from launch.show.report import report\n"
        f"report.main({str(tmp_path)!r}, {str(tmp_path / 'page.html')!r})\n"
        "assert not {'torch', 'lightning', 'matplotlib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
