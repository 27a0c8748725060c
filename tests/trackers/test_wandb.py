"""The offline files of W&B, read by its own messages: one run by its id, in two parts."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from launch.record.run import Run
from launch.trackers.tracker import Identity
from tests.trackers.log import GROUP, NAME, interrupted

pb: Any = pytest.importorskip("wandb.proto.wandb_internal_pb2")
BLOCK, HEADER, FIRST_BYTES = 32768, struct.Struct("<IHB"), 7
WHOLE, LAST = 1, 4


def records(path: Path) -> Iterator[Any]:
    """The messages of a `.wandb` file, a log in the format of LevelDB."""
    data, place, collected = path.read_bytes(), FIRST_BYTES, b""
    while place + HEADER.size < len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER.size:
            place += left
            continue
        _, size, kind = HEADER.unpack_from(data, place)
        start = place + HEADER.size
        place = start + size
        collected += data[start:place]
        if kind in (WHOLE, LAST):
            record = pb.Record()
            record.ParseFromString(collected)
            collected = b""
            yield record


def test_its_messages_tell_of_one_run(tmp_path: Path) -> None:
    folder = interrupted("wandb.Wandb", tmp_path)
    parts = [list(records(path)) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
    assert len(parts) == 2
    runs = [next(r.run for r in part if r.HasField("run")) for part in parts]
    assert {run.run_id for run in runs} == {Identity.of(Run(folder)).id}
    assert {(run.display_name, run.run_group) for run in runs} == {(NAME, GROUP)}
    assert set(runs[0].tags) == {"task train", "scale demo", "seed 3"}
    rows = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in r.history.item}
        for part in parts
        for r in part
        if r.HasField("history")
    ]
    losses = {row["trainer/global_step"]: row["loss/total"] for row in rows if "loss/total" in row}
    assert losses == pytest.approx({0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4})
    assert [row["trainer/global_step"] for row in rows if "images" in row] == [3, 4]
    settings = {
        item.key: item.value_json for part in parts for r in part for item in r.config.update
    }
    settings |= {item.key: item.value_json for run in runs for item in run.config.update}
    assert settings["module.lr"] == "0.1"
