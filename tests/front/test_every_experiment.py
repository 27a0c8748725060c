"""What holds for every shipped experiment at every scale: what is shown can be typed."""

import re
from typing import Any

import pytest
from omegaconf import OmegaConf

from launch.composition.compose import Composition, compose, started
from launch.composition.recipes import names, scales
from launch.composition.typed import normalised, quoted
from launch.errors import ConfigError, LaunchError
from launch.record.inside import children
from launch.record.run import CONF
from launch.start.start import checked
from tests.compositions import trainings

EVERY = [
    pytest.param(name, scale, marks=[pytest.mark.slow] * (scale != "demo"))
    for name in names("experiment")
    for scale in sorted(scales(CONF))
]
GROUPS = ("data", "network", "trainer", "logger", "ladder", "study", "search", "scale")
"""Sections that are config groups, whose names choose an option; their keys are typed."""


def value(content: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(content, dict):
        return "{" + ",".join(f"{key}:{value(inner)}" for key, inner in content.items()) + "}"
    if isinstance(content, list):
        return "[" + ",".join(map(value, content)) + "]"
    if isinstance(content, str):
        return quoted(content)
    return {None: "null", True: "true", False: "false"}.get(content, repr(content))


def leaves(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value, lists and empty mappings as they are."""
    found: dict[str, Any] = {}
    for key, inner in content.items():
        nested = isinstance(inner, dict) and inner
        found |= leaves(inner, f"{prefix}{key}.") if nested else {f"{prefix}{key}": inner}
    return found


def shown(*overrides: str) -> dict[str, Any]:
    """What `--cfg job` shows."""
    plain: Any = OmegaConf.to_container(compose([*map(normalised, overrides)]).config)
    return plain


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_each_leaf_of_what_is_shown_is_typed_back(name, scale):
    chosen = [f"experiment={name}", f"scale={scale}"]
    with started():
        first = shown(*chosen)
        typed = [f"{k}={value(v)}" for k, v in leaves(first).items() if k not in GROUPS]
        assert shown(*chosen, *typed) == first


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_each_leaf_is_typed_back_alone(name, scale):
    chosen = [f"experiment={name}", f"scale={scale}"]
    with started():
        first = shown(*chosen)
        for key, content in leaves(first).items():
            if key not in GROUPS:
                assert shown(*chosen, f"{key}={value(content)}") == first, key


@pytest.mark.parametrize("group", ["data", "ladder", "study"])
def test_a_group_takes_no_null_and_says_what_to_type(group):
    with started(), pytest.raises(ConfigError, match=f"to go without, type ~{group}"):
        shown("experiment=sr/static", f"{group}=null")


CANNOT_DO_WITHOUT = re.compile(
    r"losses: there is no loss; an objective needs at least one"
    r"|losses: no loss is active in iterations? \d+.*; a run needs one at all times"
    r"|masks\.\d+\.losses\.\d+ = (?P<gated>\w+): there is no such loss"
)


@pytest.mark.parametrize("name", ["sr/gan_ramp", "winding/no_mask", "pbr/phase_d_ao"])
def test_a_loss_is_deleted_or_refused_as_what_the_run_cannot_do_without(name):
    require_deletable(name, "demo")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_each_loss_is_deleted_or_refused_as_what_the_run_cannot_do_without(name, scale):
    require_deletable(name, scale)


def require_deletable(name: str, scale: str) -> None:
    for rung, composition in trainings(f"experiment={name}", f"scale={scale}").items():
        chosen = [f"experiment={'/'.join(filter(None, (name, rung)))}", f"scale={scale}"]
        before = problems(composition)
        for loss in children(composition.plain["losses"]):
            with started():
                without = compose([*chosen, f"~losses.{loss}"])
                assert loss not in without.whole.losses
                for problem in problems(without) - before:
                    reason = CANNOT_DO_WITHOUT.match(problem)
                    assert reason and reason["gated"] in (None, loss), problem


def problems(composition: Composition) -> set[str]:
    """What is wrong with a configuration, a line each; files that are missing included."""
    try:
        checked(composition)
    except LaunchError as error:
        return set(error.message.splitlines())
    return set()


THIRD = "# @package _global_\n# Between the two.\nscale: middle\n"
OWN = """\
# @package _global_
defaults: [/experiment/sr/gan_ramp, _self_]
demo: {trainer: {max_iterations: 20}}
middle: {trainer: {max_iterations: 300}, losses: {gan: {start_iter: 30}}}
"""


def test_a_third_scale_is_one_more_file(tmp_path):
    for name, text in {"scale/middle": THIRD, "experiment/my/own": OWN}.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    expected = {"demo": (20, 400), "middle": (300, 30), "full": (100_000, 20_000)}
    with started(config_dir=str(tmp_path)):
        for scale, values in expected.items():
            whole = compose(["experiment=my/own", f"scale={scale}"]).whole
            assert (whole.trainer.max_iterations, whole.losses.gan.start_iter) == values
            assert not {"demo", "middle"} & set(whole)
