"""trackio's own API finds one run: names, steps, settings, pictures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trackers.log import GROUP, NAME, interrupted

pytest.importorskip("trackio")
READ = """
import json, trackio
from trackio.sqlite_storage import SQLiteStorage
(run,) = trackio.Api().runs("launch")
rows = SQLiteStorage.get_logs("launch", run.name, run_id=run.id)
print(json.dumps({"name": run.name, "config": run.config, "rows": rows}, default=str))
"""


def test_its_reader_finds_one_run(tmp_path: Path) -> None:
    folder = interrupted("trackio.Trackio", tmp_path)
    place = os.environ | {"TRACKIO_DIR": str(folder / "trackio")}
    command = [sys.executable, "-c", READ]
    read = subprocess.run(command, env=place, check=True, capture_output=True, text=True)
    found = json.loads(read.stdout.splitlines()[-1])
    assert found["name"] == NAME
    assert found["config"]["module.lr"] == 0.1
    assert found["config"]["_Group"] == GROUP
    losses = {row["step"]: row["loss/total"] for row in found["rows"] if "loss/total" in row}
    assert losses == pytest.approx({0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4})
    assert [row["step"] for row in found["rows"] if "images" in row] == [3, 4]
