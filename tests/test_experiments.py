"""Every shipped experiment composes at both scales, passes the check, is built and stepped."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

from launch import check
from launch.compose import finalise
from launch.explain import description, options
from launch.run import CONF

EXPERIMENTS = options("experiment")


def composed(experiment, *overrides):
    typed = [f"+experiment={experiment}", *overrides]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("launch", typed, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        plain = finalise(config, typed)
    return list((plain.get("rungs") or {"": plain}).values())


def test_they_are_found():
    assert len(EXPERIMENTS) >= 4
    assert {name.split("/")[0] for name in EXPERIMENTS} >= {"sr"}


@pytest.mark.parametrize("scale", ["demo", "full"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_it_composes_and_passes_the_check(experiment, scale):
    for rung in composed(experiment, f"scale={scale}"):
        found = [str(p) for p in check.problems(rung) if p.exit_code == 2]
        assert not found


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_its_first_lines_say_what_command_result_and_time(experiment):
    path = CONF / "experiment" / f"{experiment}.yaml"
    head = path.read_text().split("defaults:")[0]
    assert description(path)
    assert f"+experiment={experiment}" in head
    assert "Expected:" in head
    assert "Time:" in head
