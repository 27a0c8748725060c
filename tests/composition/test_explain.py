"""Errors that Hydra raises, in words."""

import pytest
from hydra.errors import OverrideParseException

from launch.composition import explain
from launch.composition.compose import compose, started
from launch.composition.typed import Typed
from launch.errors import ConfigError
from launch.record.stopping import Stopped

STATIC = "experiment=sr/static"

EXPLAINED = [
    # what is typed beside the experiment, what the answer says
    (["trainer.max_iteration=3"], "there is no key 'trainer.max_iteration'. Did you mean 'tra"),
    (["+seed=1"], "seed is there already; type seed=VALUE without the +"),
    (["~trainable"], "~trainable: it is null already"),
    (["data=sr/foldr"], "data=sr/foldr: there is no such data. Did you mean 'sr/folder'"),
    (["optimiser=adam"], "there is no key 'optimiser'"),
    (["seed=1,2"], "seed=1,2 is a sweep: add -m. As a list it is seed=[1,2]."),
    (["network={a: 1}"], "network={a: 1}: a group takes the name of one of its options"),
    (["=3"], "'=3' names no key. Overrides are KEY=VALUE"),
    (["losses=[a]"], "losses have names here; type losses.NAME.KEY=VALUE"),
    (["data.crop=${nowhere}"], "nowhere"),
]


@pytest.fixture(scope="module", autouse=True)
def hydra():
    with started():
        yield


@pytest.mark.parametrize("typed, said", EXPLAINED, ids=lambda value: str(value)[:24])
def test_what_is_wrong_is_said_with_what_to_type(typed, said):
    with pytest.raises(ConfigError) as caught:
        _ = compose([STATIC, *typed]).plain
    assert said in caught.value.message


def test_what_a_request_to_stop_has_broken_is_no_mistake(monkeypatch):
    monkeypatch.setattr(explain.requests, "at", 1.0)
    with pytest.raises(Stopped):
        explain.explain(ValueError(""), [])


def test_several_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        compose([STATIC, "trainer.max_iteration=3", "data.cropp=1"])
    assert caught.value.message.startswith("2 problems:")
    assert "'trainer.max_iterations'" in caught.value.message
    assert "'data.crop'" in caught.value.message


def test_a_value_with_odd_characters_is_shown_as_it_has_to_be_quoted():
    with pytest.raises(OverrideParseException) as caught:
        Typed.read(["data.root=a [b"])
    assert explain.unreadable(caught.value).message.endswith("""Quote it: "data.root='a [b'\"""")


@pytest.mark.parametrize(
    "message, line",
    [("one\ntwo", "one"), ("In 'a': raised while composing:\nthe cause", "In 'a': raised while "
      "composing: the cause")],
)  # fmt: skip
def test_a_line_that_only_announces_another_is_told_with_it(message, line):
    assert explain.first_line(ValueError(message)) == line


def test_the_keys_beside_a_mistyped_one():
    assert explain.siblings("data.x", ["data.a", "data.b.c", "seed"]) == " Keys in data: a, b."
