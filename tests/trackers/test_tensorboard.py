"""TensorBoard's own reader finds one run: names, steps, settings, pictures."""

from pathlib import Path
from typing import Any

import pytest

from tests.trackers.log import NAME, interrupted

event_accumulator: Any = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator"
)


def test_its_reader_finds_one_run(tmp_path: Path) -> None:
    folder = interrupted("tensorboard.TensorBoard", tmp_path)
    found = event_accumulator.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"loss/total", "psnr_y"}
    losses = [(event.step, round(event.value, 3)) for event in found.Scalars("loss/total")]
    assert losses == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    assert [event.step for event in found.Images("images")][-1] == 4
    assert NAME in found.Tensors("run/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "module.lr: 0.1" in (folder / "tensorboard" / "hparams.yaml").read_text()
