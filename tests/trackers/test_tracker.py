"""A tracked run is known by where it comes from, and its settings by what one would type."""

from pathlib import Path

import pytest
import yaml

from launch.record.run import CONF, Run
from launch.trackers.tracker import Identity, settings_of
from tests.trackers.log import CONFIG, GROUP, NAME, OVERRIDES, RECORD


def test_identity_outlives_a_resume_and_a_move(tmp_path: Path) -> None:
    run = Run(tmp_path / "a" / "0")
    run.start(**RECORD, overrides=OVERRIDES)
    first = Identity.of(run)
    assert (first.name, first.group) == (NAME, GROUP)
    assert first.tags == {"task": "train", "scale": "demo", "seed": "3"}
    run.note("end", status="running", iteration=40)
    run.folder.parent.rename(tmp_path / "b")
    assert Identity.of(Run(tmp_path / "b" / "0")).id == first.id


def test_another_run_is_another(tmp_path: Path) -> None:
    ids = set()
    for job in ("0", "1"):
        run = Run(tmp_path / job)
        run.start(**RECORD, overrides=OVERRIDES)
        ids.add(Identity.of(run).id)
    assert len(ids) == 2


def test_settings_are_flat_without_places() -> None:
    assert settings_of(CONFIG) == {
        "seed": 3,
        "module.lr": 0.1,
        "module._target_": "a.B",
        "masks": "[]",
    }


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_every_tracker_is_a_choice_of_logger(name: str) -> None:
    (node,) = yaml.safe_load((CONF / "logger" / f"{name}.yaml").read_text()).values()
    assert node["_target_"].startswith(f"launch.trackers.{name}.")
