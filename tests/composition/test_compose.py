"""The one place that composes: what a saved configuration keeps, and what may be chosen anew."""

import pytest
import yaml
from omegaconf import OmegaConf

from launch.composition.compose import (
    compose,
    compose_saved,
    finished,
    require_own_callbacks,
    safe_name,
    saved_config,
    started,
)
from launch.composition.typed import Typed
from launch.errors import ConfigError
from launch.record.run import Run

STATIC = "experiment=sr/static"


@pytest.fixture(scope="module")
def hydra():
    """Hydra as it is set up for a command."""
    with started() as started_hydra:
        yield started_hydra


@pytest.fixture(scope="module")
def static(hydra):
    return compose([STATIC, "seed=7", "hydra.verbose=false"])


@pytest.fixture
def run(static, tmp_path):
    """A run folder as `static` leaves it."""
    run = Run(tmp_path / "run")
    run.note("end", identity="known")
    run.write_config(static.plain)
    (run.folder / ".hydra").mkdir()
    OmegaConf.save(static.config, run.folder / ".hydra" / "config.yaml")
    return run


def test_a_finished_configuration_is_plain_and_without_hydras_node(static):
    assert "hydra" in static.whole and "hydra" not in static.config
    assert static.config.module._target_ == static.plain["module"]["_target_"]
    assert OmegaConf.to_container(static.config)["data"]["scale"] == 4
    assert yaml.safe_load(yaml.safe_dump(static.plain)) == static.plain
    assert static.overrides_of_task() == [STATIC, "seed=7"]


def test_an_interpolation_that_leads_nowhere_is_told_with_its_key(hydra):
    with pytest.raises(ConfigError, match="nowhere"):
        _ = compose([STATIC, "data.crop='${nowhere}'"]).plain


def test_a_saved_run_is_composed_from_its_folder_and_what_is_typed(run):
    again = compose_saved(run, Typed.read(["trainer.max_iterations=3"])).plain
    before = run.config
    assert again["trainer"]["max_iterations"] == 3 != before["trainer"]["max_iterations"]
    assert again["seed"] == 7
    assert {k: again[k] for k in ("module", "losses", "data")} == {
        k: before[k] for k in ("module", "losses", "data")
    }


def test_only_data_and_logger_may_be_chosen_anew(run):
    chosen = compose_saved(run, Typed.read(["data=sr/folder", "data.root=photos"])).plain
    assert chosen["data"]["root"] == "photos"
    with pytest.raises(ConfigError, match=r"network= chooses a file, but .* only data=, logger="):
        compose_saved(run, Typed.read(["network=esrgan"]))


def test_calls_are_kept_as_what_they_gave_and_references_as_written():
    saved = {"home": "${oc.env:HOME}/x", "scale": "${data.scale}", "list": ["${oc.env:A}", 1]}
    resolved = {"home": "/home/me/x", "scale": 4, "list": ["a", 1]}
    assert finished(saved, resolved) == {
        "home": "/home/me/x", "scale": "${data.scale}", "list": ["a", 1],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
def test_the_name_of_an_experiment_cannot_lead_out_of_the_runs(run, name):
    with pytest.raises(ConfigError, match="leads out of the runs folder"):
        safe_name(run, name)
    assert safe_name(run, "sr/static") == "sr/static"


@pytest.mark.parametrize(
    "content, said",
    [(None, "was not made by this version"), ("[1]", "holds no mapping"), ("a: [", "is damaged")],
)
def test_a_folder_without_a_whole_configuration_is_refused(run, content, said):
    path = run.folder / ".hydra" / "config.yaml"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ConfigError, match=said):
        saved_config(run)


def test_hooks_of_hydra_are_targets_like_others():
    hooks = {"hydra": {"callbacks": {"a": {"_target_": "os.system"}}}}
    with pytest.raises(ConfigError, match=r"os\.system is not allowed"):
        require_own_callbacks(OmegaConf.create(hooks))
    fine = {"hydra": {"callbacks": {"a": {"_target_": "hydra.experimental.callbacks.Log"}}}}
    require_own_callbacks(OmegaConf.create(fine))
