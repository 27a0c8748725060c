"""MLflow's own client finds one run: names, steps, settings, pictures."""

from pathlib import Path
from typing import Any

import pytest

from tests.trackers.log import GROUP, NAME, interrupted

mlflow: Any = pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy", reason="mlflow-skinny has no store of its own")


def test_its_reader_finds_one_run(tmp_path: Path) -> None:
    folder = interrupted("mlflow.MLflow", tmp_path)
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("launch")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == NAME
    assert run.data.tags["group"] == GROUP
    assert run.data.params["module.lr"] == "0.1"
    history = client.get_metric_history(run.info.run_id, "loss/total")
    last = {m.step: m.value for m in sorted(history, key=lambda m: m.timestamp)}
    assert last == pytest.approx({0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4})
    assert [str(path) for path in (folder / "mlruns").rglob("*.png")]
