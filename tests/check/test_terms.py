"""Losses, their schedules and the masks that gate them."""

from typing import Any

import pytest

from launch.check import terms

DISC = {"label": "disc", "type": "disc", "losses": ["pixel"]}
GROWTH = {"ramp_start_it": 0, "ramp_stop_it": 10}


def losses(**entries: Any) -> dict[str, Any]:
    return {"losses": entries, "trainer": {"max_iterations": 100}}


def masks(*entries: dict[str, Any]) -> dict[str, Any]:
    named = {"pixel": {"type": "l1"}, "fft": {"type": "fft"}, "own": {"type": "nonsense"}}
    return {"losses": named, "masks": [DISC | GROWTH | entry for entry in entries]}


BAD_LOSSES = [
    # an entry called `a`, the key of its problem, what is said about it
    ({"type": "charbonier"}, "a.type", "there is no such type. Did you mean 'charbonnier'"),
    ({"type": "zebra"}, "a.type", "there is no such type. Types: charbonnier, colour, convnext,"),
    ({"loss_weight": 1}, "a", "names no type and no _target_. Types: charbonnier, colour,"),
    ({"_target_": "launch.losses.pixel.L3"}, "a._target_", "launch.losses.pixel has no 'L3'"),
    ({"type": "charbonnier", "epsi": 1}, "a.epsi", "Charbonnier has no argument 'epsi'. Did you"),
    ({"type": "charbonnier", "eps": 0}, "a.eps", "must be greater than 0"),
    ({"type": "l1", "start_itr": 5}, "a.start_itr", "L1 has no argument 'start_itr'. Did you mean"),
    ({"type": "l1", "loss_weight": -1}, "a.loss_weight", "loss_weight must not be negative"),
    ({"type": "l1", "loss_weight": "1"}, "a.loss_weight", "loss_weight must be a finite number"),
    ({"type": "l1", "loss_weight": [[5, 1], [5, 2]]}, "a.loss_weight", "points must be at incr"),
    ({"type": "l1", "start_iter": 1.5}, "a.start_iter", "start_iter must be a whole number"),
    ({"type": "l1", "start_iter": 9, "disable_after": 3}, "a.disable_after", "disable_after 3 is"),
    ({"type": "l1", "schedule_type": "cosin"}, "a.schedule_type", "schedule_type 'cosin' is not"),
]


@pytest.mark.parametrize(("entry", "key", "message"), BAD_LOSSES)
def test_a_loss_with_a_problem(entry: dict[str, Any], key: str, message: str):
    (problem,) = terms.losses(losses(a=entry))
    assert problem.key == f"losses.{key}"
    assert problem.message.startswith(message)


def test_every_loss_is_looked_at():
    found = terms.losses(losses(a={"type": "l1", "start_iter": -1}, b={"type": "x"}))
    assert [problem.key for problem in found] == ["losses.a.start_iter", "losses.b.type"]


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "l1loss", "loss_weight": 0.12, "target_iter": 50, "target_weight": 0.26},
        {"type": "charbonnier", "eps": 1e-3, "loss_weight": [[0, 0], [10, 1]]},
        {"_target_": "launch.losses.pixel.MSE"},
    ],
)
def test_a_loss_without_problems(entry: dict[str, Any]):
    assert list(terms.losses(losses(a=entry))) == []


@pytest.mark.parametrize(
    ("entries", "messages"),
    [
        ({"a": {}}, []),
        ({"a": {"start_iter": 1}}, ["no loss is active in iteration 0; a run needs one at all"]),
        (
            {"a": {"disable_after": 20}, "b": {"start_iter": 30}},
            ["no loss is active in iterations"],
        ),
        ({"a": {"start_iter": -1}}, []),  # has a problem of its own
        ({}, []),  # likewise
    ],
)
def test_an_interval_without_any_loss(entries: dict[str, Any], messages: list[str]):
    found = [problem.message for problem in terms.silence(losses(**entries))]
    assert len(found) == len(messages)
    assert all(text.startswith(start) for text, start in zip(found, messages, strict=True))


def test_a_run_counted_in_epochs_needs_a_loss_at_its_first_iteration():
    config = losses(a={"start_iter": 5}) | {"trainer": {"max_iterations": None, "max_epochs": 3}}
    assert [p.message.split(";")[0] for p in terms.silence(config)] == [
        "no loss is active in iteration 0"
    ]


BAD_MASKS = [
    ({"type": "disk"}, "type", "there is no such type. Did you mean 'disc'?"),
    ({"losses": ["pixl"]}, "losses.0", "there is no such loss. Did you mean 'pixel'?"),
    (
        {"losses": ["zebra"]},
        "losses.0",
        "there is no such loss. Losses that take masks: pixel",
    ),
    ({"losses": ["pixel", "fft"]}, "losses.1", "this loss ignores masks. Losses that take masks:"),
    ({"losses": []}, "losses", "gates no loss and would change nothing"),
    ({"losses": "pixel"}, "losses", "must be a list"),
    ({"label": 3}, "label", "must be text"),
    ({"start": "soon"}, "start", "must be a whole number"),
    ({"ramp_stop_itt": 3}, "ramp_stop_itt", "Disc has no argument 'ramp_stop_itt'. Did you mean"),
    ({"ramp_stop_it": -3}, "ramp_stop_it", "must be at least 0"),
]


@pytest.mark.parametrize(("entry", "key", "message"), BAD_MASKS)
def test_a_mask_with_a_problem(entry: dict[str, Any], key: str, message: str):
    (problem,) = terms.masks(masks(entry))
    assert problem.key == f"masks.0.{key}"
    assert problem.message.startswith(message)


def test_a_mask_is_named_by_its_class_too():
    own = {"label": "own", "_target_": "launch.masks.disc.Disc", "losses": ["pixel"]}
    config = masks({}) | {"masks": [own | GROWTH | {"softnes": 1}]}
    (problem,) = terms.masks(config)
    assert problem.message.startswith("Disc has no argument 'softnes'. Did you mean 'softness'")


def test_a_mask_needs_a_label_and_losses():
    config = masks({}) | {"masks": [{"type": "disc"} | GROWTH]}
    assert [p.key for p in terms.masks(config)] == ["masks.0.label", "masks.0.losses"]


@pytest.mark.parametrize(
    ("entries", "keys"),
    [
        ([{}, {"label": "other"}], []),
        ([{}, {}], ["masks.1.label"]),
        ([{"stop": 10}, {"start": 10}], []),  # one after the other
        ([{"stop": 11}, {"start": 10}], ["masks.1.label"]),
        ([{"start": 10}, {"stop": 10}], []),
    ],
)
def test_two_masks_share_a_label_only_one_after_the_other(
    entries: list[dict[str, Any]], keys: list[str]
):
    assert [problem.key for problem in terms.masks(masks(*entries))] == keys
