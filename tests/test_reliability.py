"""The table of RELIABILITY.md names tests that are there."""

import re

from launch.record.run import REPOSITORY

TEXT = (REPOSITORY / "RELIABILITY.md").read_text()


def test_every_row_names_a_test():
    files = dict(re.findall(r"(\w) = `(tests/\S+?)`", TEXT))
    rows = [line.split("|")[1:-1] for line in TEXT.splitlines() if re.match(r"\| (?!fault)", line)]
    assert len(rows) >= 50
    for fault, happens, test in rows:
        assert fault.strip() and happens.strip()
        file, _, name = test.strip().partition("::")
        assert f"\ndef {name}(" in (REPOSITORY / files[file]).read_text(), test
