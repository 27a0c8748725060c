"""`callbacks:` takes Lightning's own: they find loggers and metrics, act, and resume."""

import csv
import json
from pathlib import Path

import pytest
import torch

from tests.conftest import answer
from tests.own_project.test_own_project import stars  # noqa: F401 - a fixture

CALLBACKS = """
+callbacks.rate={_target_: lightning.pytorch.callbacks.LearningRateMonitor}
+callbacks.stop={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: error, patience: 2, min_delta: 10}
+callbacks.device={_target_: lightning.pytorch.callbacks.DeviceStatsMonitor, cpu_stats: false}
+callbacks.summary={_target_: lightning.pytorch.callbacks.RichModelSummary}
+callbacks.kept={_target_: lightning.pytorch.callbacks.ModelCheckpoint, monitor: error, dirpath: kept, enable_version_counter: false}
""".strip().splitlines()  # noqa: E501 - as one types them
SHORT = ["+experiment=stars/first", "trainer.validate_every=10", *CALLBACKS]

pytestmark = pytest.mark.slow


def trained(run, *typed):
    code, printed = answer(*SHORT, f"run_dir={run}", *typed)
    assert code == 0, printed
    return json.loads(Path(run, "run.json").read_text())


def states(run):
    """State of the callbacks in the last checkpoint, without this launcher's own."""
    saved = torch.load(Path(run, "checkpoints", "last.ckpt"), weights_only=True)
    return {key: state for key, state in saved["callbacks"].items() if key != "Checkpoints"}


def test_they_act(stars):  # noqa: F811 - the fixture
    record = trained("run")
    assert record["iteration"] == 30  # the third validation without a gain of 10
    assert list(Path("kept").glob("*.ckpt"))
    with Path("run", "metrics.csv").open() as file:
        rates = {row["lr-Adam"] for row in csv.DictReader(file)}
    assert rates >= {"0.01"}


def test_their_state_resumes(stars):  # noqa: F811
    trained("whole")
    trained("parts", "trainer.max_iterations=20")
    code, printed = answer("resume=parts", "trainer.max_iterations=60")
    assert code == 0, printed
    assert json.loads(Path("parts", "run.json").read_text())["iteration"] == 30
    one, other = states("whole"), states("parts")
    (stopping,) = [key for key in one if "EarlyStopping" in key]
    assert one[stopping] == other[stopping]
    assert one[stopping]["wait_count"] == 2
    assert one["Count"] == other["Count"]
