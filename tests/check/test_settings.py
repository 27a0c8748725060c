"""The types of the shared settings against what the repository itself composes."""

from pathlib import Path

import pytest
import yaml

from launch.check.settings import keys, problems
from launch.record.run import REPOSITORY

CONF = REPOSITORY / "conf"


def load(path: Path) -> dict:
    return {k: v for k, v in yaml.safe_load(path.read_text()).items() if k != "defaults"}


def test_every_setting_of_the_trainer_is_written_in_its_yaml():
    written = load(CONF / "trainer" / "auto.yaml")
    assert written.keys() == set(keys("trainer"))
    assert not list(problems({"trainer": written}))


@pytest.mark.parametrize("path", sorted((CONF / "trainer").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_trainer_is_valid(path: Path):
    written = load(CONF / "trainer" / "auto.yaml") | load(path)
    assert not list(problems({"trainer": written}))


def test_the_root_yaml_writes_keys_that_exist():
    assert load(CONF / "launch.yaml").keys() - {"hydra"} <= set(keys())


TRAINER = load(CONF / "trainer" / "auto.yaml")


@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "64-true", 64])
def test_weights_in_other_than_float32_are_refused(precision: object):
    (found,) = problems({"trainer": TRAINER | {"precision": precision}})
    assert found.key == "trainer.precision" and "'bf16-mixed'" in found.message


@pytest.mark.parametrize("decay", [-0.1, 1, 1.0, "0.9", True])
def test_a_decay_lies_in_zero_to_one(decay: object):
    config = {"trainer": TRAINER, "ema": {"modules": ["network"], "decay": decay}}
    assert [problem.key for problem in problems(config)] == ["ema.decay"]


def test_the_key_from_is_not_called_by_its_python_name():
    assert "from" in keys()
    assert "from_" not in keys()
