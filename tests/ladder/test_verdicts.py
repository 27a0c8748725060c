"""What all gates of a rung say of all its jobs."""

from pydantic import TypeAdapter

from launch.ladder.gates import AnyGate
from launch.ladder.verdicts import as_record, judge, wants

FINITE = TypeAdapter(AnyGate).validate_python({"type": "finite"})
GOOD, BAD = [{"loss": 1.0}], [{"loss": float("nan")}]


def test_every_job_that_reports_something_is_judged():
    found = judge([FINITE], {"a": GOOD, "b": BAD, "c": []}, {})
    assert [(v.job, v.passed) for v in found] == [("a", True), ("b", False)]


def test_a_gate_that_no_job_reports_to_is_not_judged_and_keeps_nothing_closed():
    (verdict,) = judge([FINITE], {"": []}, {})
    assert verdict.passed is None and "no validation reports" in verdict.sentence
    assert as_record([verdict], retried=False)["passed"] is True


def test_the_record_says_what_a_closed_gate_asks_for():
    found = judge([FINITE], {"a": GOOD, "b": BAD}, {})
    record = as_record(found, retried=False)
    assert record["passed"] is False
    actions = [rule["action"] for rule in record["rules"]]
    assert actions == [None, FINITE.action(False)]
    assert wants(found, FINITE.action(False), False) == [found[1]]
