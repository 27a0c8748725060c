"""Every schedule as a table of iteration and value; every edge has its row."""

import math

import pytest

from launch.errors import ConfigError
from launch.schedules import (
    Constant,
    Exponential,
    LossWeight,
    Points,
    silent_intervals,
    weight,
)

RAMP = {"loss_weight": 0.12, "start_iter": 0, "target_iter": 20000, "target_weight": 0.26}
GAN = {
    "loss_weight": 0.0,
    "start_iter": 20000,
    "target_weight": 0.08,
    "schedule_type": "step",
}
LDL = {"loss_weight": 0.5, "disable_after": 50000}
JUMP = {"loss_weight": 0.1, "start_iter": 100, "target_weight": 0.3}
TWO_JUMPS = {
    "loss_weight": 0.1,
    "start_iter": 10,
    "target_iter": 20,
    "target_weight": 0.3,
    "schedule_type": "step",
}
COSINE = {"loss_weight": 0.0, "target_iter": 100, "target_weight": 1.0, "schedule_type": "cosine"}
OUT = {"loss_weight": 0.5, "target_iter": 100, "target_weight": 0.0}
CUT = {"loss_weight": 0.0, "target_iter": 100, "target_weight": 1.0, "disable_after": 50}

WEIGHTS = [
    # keys, iteration, weight
    ({"loss_weight": 0.7}, 0, 0.7),
    ({"loss_weight": 0.7}, 10**6, 0.7),
    ({}, 0, 1.0),  # a loss without any key has weight 1
    ({"loss_weight": 0.7, "schedule_type": "cosine"}, 5, 0.7),  # a type alone changes nothing
    (RAMP, 0, 0.12),
    (RAMP, 10000, 0.19),
    (RAMP, 19999, 0.12 + 0.14 * 19999 / 20000),
    (RAMP, 20000, 0.26),  # exactly, without a residue of the interpolation
    (RAMP, 10**6, 0.26),
    (GAN, 0, 0.0),
    (GAN, 19999, 0.0),
    (GAN, 20000, 0.08),  # without target_iter the jump is at start_iter
    (GAN, 20001, 0.08),
    (LDL, 49999, 0.5),
    (LDL, 50000, 0.0),  # off at the number: it took part in exactly 50000 updates
    (LDL, 50001, 0.0),
    (JUMP, 99, 0.0),
    (JUMP, 100, 0.3),  # linear without target_iter jumps too (and warns)
    (TWO_JUMPS, 9, 0.0),
    (TWO_JUMPS, 10, 0.1),
    (TWO_JUMPS, 19, 0.1),
    (TWO_JUMPS, 20, 0.3),
    (COSINE, 0, 0.0),  # a ramp from 0 starts at 0 and is not dropped
    (COSINE, 25, (1 - math.sqrt(0.5)) / 2),
    (COSINE, 50, 0.5),
    (COSINE, 100, 1.0),
    (OUT, 50, 0.25),  # an explicit target of 0 ramps out
    (OUT, 100, 0.0),
    (OUT, 200, 0.0),
    (CUT, 49, 0.49),
    (CUT, 50, 0.0),
    ({"loss_weight": 0.4, "start_iter": 7}, 6, 0.0),
    ({"loss_weight": 0.4, "start_iter": 7}, 7, 0.4),
    ({"loss_weight": 0.4, "target_iter": 50}, 50, 0.4),  # target_iter alone is no ramp
    ({"loss_weight": [[0, 1.0], [100, 0.0]]}, 25, 0.75),
    ({"loss_weight": [[10, 1.0], [20, 3.0], [20 + 5, 3.0]]}, 0, 1.0),
    ({"loss_weight": [[10, 1.0], [20, 3.0]]}, 15, 2.0),
    ({"loss_weight": [[10, 1.0], [20, 3.0]]}, 99, 3.0),
    ({"loss_weight": [[0, 0.0], [20, 3.0]], "schedule_type": "step"}, 19, 0.0),
    ({"loss_weight": [[0, 0.0], [20, 3.0]], "schedule_type": "step"}, 20, 3.0),
]


@pytest.mark.parametrize(("keys", "iteration", "expected"), WEIGHTS)
def test_weight(keys, iteration, expected):
    assert weight(keys)(iteration) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"loss_weight": -0.5}, ["loss_weight", "negative", "-0.5"]),
        ({"loss_weight": math.nan}, ["loss_weight", "finite"]),
        ({"loss_weight": "heavy"}, ["loss_weight", "'heavy'"]),
        ({"loss_weight": 1.0, "target_weight": -1}, ["target_weight", "-1"]),
        ({"loss_weight": 1.0, "target_weight": math.inf}, ["target_weight", "finite"]),
        ({"start_iter": -1}, ["start_iter", "-1"]),
        ({"start_iter": 1.5}, ["start_iter", "1.5"]),
        ({"start_iter": True}, ["start_iter", "True"]),
        ({"start_iter": 100, "target_iter": 50}, ["target_iter 50", "start_iter 100"]),
        ({"start_iter": 100, "disable_after": 100}, ["disable_after 100", "start_iter 100"]),
        ({"schedule_type": "cosin"}, ["'cosin'", "Did you mean 'cosine'"]),
        ({"loss_weight": [[0, 1], [0, 2]]}, ["increasing", "[0, 0]"]),
        ({"loss_weight": [[0, -1]]}, ["negative"]),
        ({"loss_weight": [[0, 1]], "start_iter": 5}, ["start_iter", "points"]),
        ({"loss_weight": []}, ["points"]),
    ],
)
def test_what_makes_no_sense_is_an_error_naming_both_numbers(keys, words):
    with pytest.raises(ConfigError) as error:
        weight(keys)
    assert all(word in error.value.message for word in words), error.value.message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (JUMP, "target_iter"),
        (CUT, "cut by disable_after 50"),
        ({"loss_weight": 0.4, "target_iter": 50}, "target_weight"),
        (GAN, None),
        (RAMP, None),
        (LDL, None),
    ],
)
def test_what_is_seldom_meant_is_a_warning(keys, words):
    warnings = LossWeight(**keys).warnings()
    assert bool(warnings) == bool(words)
    assert not words or words in warnings[0]


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (LossWeight(**RAMP), (20000,)),
        (LossWeight(**GAN), (20000,)),
        (LossWeight(**LDL), (50000,)),
        (LossWeight(**TWO_JUMPS), (10, 20)),
        (LossWeight(), ()),
        (Points([[0, 1], [10, 2]]), (0, 10)),
        (Constant(3.0), ()),
        (Exponential(0.7, 0.98, 0.2), (63,)),
    ],
)
def test_changes_are_where_another_formula_begins(schedule, points):
    assert schedule.changes() == points


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.7), (1, 0.686), (19, 0.7 * 0.98**19), (62, 0.2000), (63, 0.2)]
)
def test_exponential_decay_per_epoch_stops_at_its_floor(epoch, expected):
    schedule = Exponential(initial=0.7, rate=0.98, floor=0.2)
    assert schedule.unit == "epoch"
    assert schedule(epoch) == pytest.approx(expected, abs=1e-4)


FROM_ZERO = {"loss_weight": 0.0, "target_iter": 100, "target_weight": 1.0}
TO_ZERO = {"loss_weight": 1.0, "start_iter": 0, "target_iter": 50, "target_weight": 0.0}
LATE = {"start_iter": 40}
EARLY = {"disable_after": 30}
COSINE_FROM_ZERO = FROM_ZERO | {"target_iter": 10**9, "schedule_type": "cosine"}

SILENT = [
    # losses, end of the run, intervals without any
    ([{}], 100, []),
    ([{"loss_weight": 0}], 100, [(0, 100)]),
    ([LATE], 100, [(0, 40)]),
    ([EARLY], 100, [(30, 100)]),
    ([EARLY], 30, []),  # the run ends with the loss
    ([EARLY, LATE], 100, [(30, 40)]),
    ([EARLY, {}], 100, []),
    ([FROM_ZERO], 100, [(0, 1)]),  # a ramp from 0 is 0 in its first iteration only
    ([TO_ZERO], 100, [(50, 100)]),
    ([FROM_ZERO | {"start_iter": 20}], 100, [(0, 21)]),  # stretches that touch are one
    ([FROM_ZERO | {"schedule_type": "step"}], 200, [(0, 100)]),
    ([TO_ZERO, FROM_ZERO | {"start_iter": 60}], 100, [(50, 61)]),
    ([{"loss_weight": [[0, 1], [10, 0], [20, 0], [30, 1]]}], 40, [(10, 21)]),
]


@pytest.mark.parametrize(("losses", "end", "expected"), SILENT)
def test_intervals_in_which_no_loss_is_active(
    losses: list[dict], end: int, expected: list[tuple[int, int]]
):
    weights = {str(place): weight(keys) for place, keys in enumerate(losses)}
    assert silent_intervals(weights, end) == expected


def test_silent_intervals_agree_with_looking_at_every_iteration():
    weights = {
        "a": weight(EARLY),
        "b": weight(FROM_ZERO | {"start_iter": 60}),
        "c": weight(TO_ZERO),
    }
    silent = [i for i in range(120) if all(schedule(i) == 0 for schedule in weights.values())]
    assert [i for span in silent_intervals(weights, 120) for i in range(*span)] == silent


def test_silence_is_found_where_a_cosine_underflows():
    ((start, stop),) = silent_intervals({"a": weight(COSINE_FROM_ZERO)}, 1000)
    assert start == 0
    assert weight(COSINE_FROM_ZERO)(stop - 1) == 0 < weight(COSINE_FROM_ZERO)(stop)


def test_a_weight_counted_in_epochs_is_taken_as_active():
    assert silent_intervals({"a": Exponential(initial=1.0, rate=0.5)}, 100) == []


def test_a_weight_may_be_any_schedule_named_by_target():
    falling = {"_target_": "launch.schedules.Exponential", "initial": 0.8, "rate": 0.5}
    assert weight({"loss_weight": falling}) == Exponential(0.8, 0.5)


@pytest.mark.parametrize(
    "spec, words",
    [
        ({"_target_": "launch.schedules.Exponential", "inital": 0.8}, ["inital"]),
        ({"_target_": "torch.nn.Identity"}, ["no schedule"]),
        ({"_target_": "torch.load", "f": "x"}, ["not allowed", "pyproject.toml"]),
    ],
)
def test_a_target_that_gives_no_schedule_is_refused(spec, words):
    with pytest.raises(ConfigError) as error:
        weight({"loss_weight": spec})
    assert all(word in error.value.message for word in words)


def test_keys_beside_a_schedule_have_no_meaning():
    falling = {"_target_": "launch.schedules.Exponential", "initial": 0.8, "rate": 0.5}
    with pytest.raises(ConfigError, match="start_iter has no meaning"):
        weight({"loss_weight": falling, "start_iter": 5})
