"""Gates as tables of histories. `h` is a metric's value at each validation, first to last."""

import math

import pytest
from pydantic import TypeAdapter, ValidationError

from launch.ladder.gates import AnyGate
from launch.ladder.verdicts import as_record, judge

ADAPTER = TypeAdapter(AnyGate)


def gate(kind: str, **settings):
    return ADAPTER.validate_python({"type": kind, **settings})


def rows(**histories):
    length = max(map(len, histories.values()))
    return [{n: float(h[i]) for n, h in histories.items() if i < len(h)} for i in range(length)]


def verdict(judging, earlier=None, **histories):
    (said,) = judge([judging], {"": rows(**histories)}, {"": earlier or {}})
    return said


@pytest.mark.parametrize(
    ("history", "passed"),
    [
        ([0.5, 0.4], True),
        ([0.5, math.nan, 0.4], False),
        ([0.5, math.inf], False),
    ],
)
def test_finite_wants_every_number_of_every_validation(history, passed):
    assert verdict(gate("finite"), mat_val_loss=history, other=[1.0]).passed is passed


PLATEAUS = [
    # history, mode, min_delta, validations since the last gain
    ([1.0], "min", 0.01, 0),
    ([1.0, 0.9, 0.8], "min", 0.01, 0),
    ([1.0, 0.9, 0.9, 0.91, 0.95, 0.9], "min", 0.01, 4),
    ([1.0, 0.995, 0.989], "min", 0.01, 0),  # two small gains are one large one
    ([1.0, 0.995, 0.992], "min", 0.01, 2),
    ([0.3, 0.5, 0.4, 0.45], "max", 0.01, 2),
]


@pytest.mark.parametrize(("history", "mode", "min_delta", "since"), PLATEAUS)
def test_validations_since_the_last_gain(history, mode, min_delta, since):
    waiting = gate("plateau", metric="m", mode=mode, min_delta=min_delta)
    assert waiting.waited(rows(m=history))[0] == since
    assert verdict(gate("plateau", metric="m", mode=mode), m=history).passed is (since >= 4)
    assert verdict(gate("patience", metric="m", mode=mode), m=history).passed is (since <= 3)


@pytest.mark.parametrize(
    ("lpips", "l1", "passed"),
    [
        ([0.2, 0.3, 0.4, 0.5], [0.9, 0.8, 0.7, 0.6], False),
        ([0.2, 0.3, 0.25, 0.5], [0.9, 0.8, 0.7, 0.6], True),  # one step down
        ([0.2, 0.3, 0.4, 0.5], [0.9, 0.8, 0.85, 0.6], True),  # the L1 rose once
        ([0.9, 0.2, 0.3, 0.4, 0.5], [1.0, 0.9, 0.8, 0.7, 0.6], False),  # only the end counts
        ([0.2, 0.3, 0.4], [0.9, 0.8, 0.7], None),  # two steps are too few
    ],
)
def test_overfit_is_lpips_up_while_l1_falls_three_times_running(lpips, l1, passed):
    rule = gate("overfit", rises="lpips_val*", falls="u_alb_L1")
    assert verdict(rule, lpips_val_random=lpips, u_alb_L1=l1).passed is passed


def test_overfit_leaves_out_a_validation_before_the_first_update_which_has_no_train_loss():
    rule = gate("overfit", rises="val_loss", falls="train_loss")
    trained = [{"val_loss": v, "train_loss": 1 - v} for v in (0.2, 0.3, 0.4, 0.5)]
    [found] = judge([rule], {"": [{"val_loss": 0.1}, *trained]}, {})
    assert found.passed is False
    assert found.values["val_loss before"] == 0.2
    [found] = judge([rule], {"": [{"val_loss": 0.1}, *trained[:3]]}, {})
    assert found.passed is None


@pytest.mark.parametrize(
    ("sky", "mat", "passed"),
    [
        ([1.0, 0.97, 0.95], [0.5, 0.6, 0.55], True),
        ([1.0, 0.97, 0.951], [0.5, 0.5, 0.5], False),
        ([1.0, 0.97, 0.90], [0.5, 0.5, 0.56], False),
        ([9.0, 1.0, 0.97, 0.95], [0.1, 0.5, 0.5, 0.5], True),  # two validations ago, no earlier
        ([1.0, 0.9], [0.5, 0.5], None),
    ],
)
def test_ratio_compares_with_two_validations_ago(sky, mat, passed):
    rule = gate("ratio", at_most={"sky_val_loss": 0.95, "mat_val_loss": 1.10})
    assert verdict(rule, sky_val_loss=sky, mat_val_loss=mat).passed is passed


@pytest.mark.parametrize(
    ("mode", "before", "now", "passed"),
    [
        ("max", 0.60, 0.54, True),
        ("max", 0.60, 0.53, False),
        ("max", 0.60, 0.70, True),
        ("min", 0.20, 0.22, True),
        ("min", 0.20, 0.23, False),
        ("max", 0.0, 0.0, True),
    ],
)
def test_forgetting_allows_a_tenth(mode, before, now, passed):
    rule = gate("forgetting", metric="seg_iou_mat", since="pbr/phase_a", mode=mode)
    said = verdict(rule, {"pbr/phase_a": {"seg_iou_mat": before}}, seg_iou_mat=[0.1, now])
    assert said.passed is passed
    assert said.values == {"before": before, "now": now}


def test_forgetting_is_not_judged_without_the_earlier_rung():
    rule = gate("forgetting", metric="seg_iou_mat", since="pbr/phase_a")
    assert verdict(rule, seg_iou_mat=[0.5]).passed is None


@pytest.mark.parametrize(
    ("before", "history", "passed"),
    [
        (None, [1.0, 0.9, 1.05], True),
        (None, [1.0, 0.8, 1.05], False),
        (0.5, [0.59], True),
        (0.5, [0.7, 0.6], False),
        (None, [1.0], None),
    ],
)
def test_spike_is_a_fifth_above_the_validation_before(before, history, passed):
    earlier = {} if before is None else {"c": {"sky_val_loss": before}}
    rule = gate("spike", metric="sky_val_loss", since="c")
    assert verdict(rule, earlier, sky_val_loss=history).passed is passed


def test_a_gate_looks_at_every_job_that_reports_its_metrics():
    jobs = {
        "segformer": rows(val_loss=[1.0, 0.5, 0.4], seg_iou_mat=[0.1, 0.2, 0.3]),
        "albedo": rows(val_loss=[1.0, 1.5, 1.6]),
    }
    said = judge([gate("ratio", at_most={"val_loss": 0.95})], jobs, {})
    assert [(v.job, v.passed) for v in said] == [("segformer", True), ("albedo", False)]
    said = judge([gate("plateau", metric="seg_iou_mat", mode="max")], jobs, {})
    assert [v.job for v in said] == ["segformer"]


def test_a_gate_whose_metric_nobody_reports_is_not_judged_and_says_so():
    said = verdict(gate("plateau", metric="lpips_val"), mat_val_loss=[0.5])
    assert said.passed is None
    assert said.sentence == "no validation reports lpips_val"


def test_the_record_holds_rule_numbers_and_action():
    jobs = {"": rows(mat_val_loss=[1.0, 1.0, 1.2])}
    rules = [
        gate("finite", on_fail="stop"),
        gate("ratio", at_most={"mat_val_loss": 1.1}, on_fail="retry", remedy=["seed=1"]),
    ]
    record = as_record(judge(rules, jobs, {}), retried=False)
    assert record["passed"] is False
    assert [rule["action"] for rule in record["rules"]] == [None, "retry"]
    assert record["rules"][1]["values"] == {"mat_val_loss before": 1.0, "mat_val_loss now": 1.2}
    assert record["rules"][1]["sentence"] == "mat_val_loss 1.2 > 1.1 x 1"
    assert as_record(judge(rules, jobs, {}), retried=True)["rules"][1]["action"] == "stop"


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "platau", "metric": "x"},
        {"type": "plateau"},
        {"type": "plateau", "metric": "x", "validations": 0},
        {"type": "ratio", "at_most": {}},
        {"type": "finite", "on_fale": "stop"},
    ],
)
def test_a_misspelt_gate_is_refused(wrong):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(wrong)


@pytest.mark.parametrize(
    ("settings", "history", "passed"),
    [
        ({"at_least": 0.55}, [0.3, 0.56, 0.5], True),  # its best counts
        ({"at_least": 0.55}, [0.3, 0.54], False),
        ({"at_most": 0.18}, [0.3, 0.17, 0.2], True),
        ({"at_most": 0.18}, [0.3, 0.19], False),
    ],
)
def test_threshold(settings, history, passed):
    assert verdict(gate("threshold", metric="m", **settings), m=history).passed is passed


def test_a_threshold_is_a_bound_on_one_side():
    for settings in ({}, {"at_least": 1, "at_most": 2}):
        with pytest.raises(ValidationError, match="either at_least or at_most"):
            gate("threshold", metric="m", **settings)


@pytest.mark.parametrize(
    ("settings", "history", "passed"),
    [
        ({}, [0.30, 0.40, 0.29], True),
        ({}, [0.30, 0.20, 0.31], False),  # a better one between does not make the last one good
        ({"drop": 0.05}, [0.30, 0.31], True),
        ({"mode": "max"}, [0.30, 0.29], False),
        ({"mode": "max"}, [0.30, 0.30], True),
        ({}, [0.30], None),
    ],
)
def test_start_compares_the_last_validation_with_the_first(settings, history, passed):
    assert verdict(gate("start", metric="m", **settings), m=history).passed is passed
