"""What all gates of a rung say of all its jobs, and how `run.json` records it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from launch.ladder import table
from launch.ladder.gates import Earlier, Gate, Row, Verdict
from launch.ladder.ladder import Rung
from launch.record.history import at_best, jobs_of, validations
from launch.record.run import Run


def judge(
    gates: Iterable[Gate], jobs: Mapping[str, Sequence[Row]], earlier: Mapping[str, Earlier]
) -> list[Verdict]:
    """Every verdict of every gate on every job that reports what the gate looks at.

    Args:
        jobs: validations of each job of the rung, under "" if it has only one.
        earlier: for each job, the metrics of the same job in earlier rungs.
    """
    return [verdict for gate in gates for verdict in _of(gate, jobs, earlier)]


def _of(
    gate: Gate, jobs: Mapping[str, Sequence[Row]], earlier: Mapping[str, Earlier]
) -> Iterator[Verdict]:
    concerned = [job for job, rows in jobs.items() if rows and reports(rows, gate.metrics())]
    for job in concerned:
        said = gate.judge(jobs[job], earlier.get(job, {}))
        yield Verdict(said.passed, said.values, said.sentence, gate, job)
    if not concerned:
        wanted = ", ".join(gate.metrics()) or "any metric"
        yield Verdict(None, {}, f"no validation reports {wanted}", gate)


def reports(rows: Sequence[Row], wanted: Iterable[str]) -> bool:
    return all(any(fnmatchcase(name, w) for row in rows for name in row) for w in wanted)


def as_record(verdicts: Sequence[Verdict], retried: bool) -> dict[str, Any]:
    """The `gate` of `run.json`: whether nothing is closed, and every rule with its numbers."""
    rules = [
        {
            "type": v.gate.type,
            "job": v.job,
            "passed": v.passed,
            "values": v.values,
            "sentence": v.sentence,
            "action": v.gate.action(retried) if v.passed is False else None,
        }
        for v in verdicts
    ]
    return {"passed": all(v.passed is not False for v in verdicts), "rules": rules}


def wants(verdicts: list[Verdict], action: str, retried: bool) -> list[Verdict]:
    """The closed gates that ask for an action."""
    return [v for v in verdicts if v.passed is False and v.gate.action(retried) == action]


def pass_gates(rung: Rung, run: Run, earlier: dict[str, Run], retried: bool) -> list[Verdict]:
    """What the gates say of a finished rung; printed, and recorded in its `run.json`."""
    found = jobs_of(run)
    before = {job: seen_before(job, earlier) for job in found}
    verdicts = judge(rung.gates, {job: validations(r) for job, r in found.items()}, before)
    with run.lock():
        run.note("verdict", gate=as_record(verdicts, retried) if verdicts else None)
    for line in table.sentences(run.record["gate"]):
        print(f"gate {line}", flush=True)
    return verdicts


def seen_before(job: str, earlier: dict[str, Run]) -> dict[str, dict[str, float]]:
    """Metrics of earlier rungs by name: `pbr/phase_a` is its training of the same name."""
    seen = {}
    for experiment, run in earlier.items():
        found = jobs_of(run)
        seen |= {f"{experiment}/{name}": at_best(part) for name, part in found.items() if name}
        same = found.get(job) or found.get("")
        seen |= {experiment: at_best(same)} if same else {}
    return seen
