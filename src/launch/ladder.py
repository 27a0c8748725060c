"""`+ladder=NAME`: experiments in order, each from the best of those before it, with gates between.

Every rung is a run of its own in the ladder's folder, made by a child `python -m launch`. Finished
rungs are skipped and interrupted ones continued, so the same command continues a ladder. Imports
no torch.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from launch import child, jobs
from launch.composition.explain import explain
from launch.errors import ConfigError, LaunchError, nearest
from launch.ladder import table as ladder_table
from launch.ladder.gates import AnyGate, Verdict
from launch.ladder.verdicts import as_record, judge
from launch.record.history import at_best, jobs_of, validations
from launch.record.run import Run
from launch.references import require_parents, section
from launch.study import path

CLOSED = 4
OWN = ("ladder", "rungs", "run_dir", "runs", "task")
PLACE = ("run_dir", "runs", "needs", "hydra")


@dataclass(frozen=True)
class Rung:
    """One experiment of a ladder.

    Attributes:
        gates: what is asked of its validations before the next rung begins.
        overrides: what differs here from the experiment, as one would type it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    experiment: str
    gates: list[AnyGate] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ladder:
    """What a `ladder:` section says.

    Attributes:
        metrics: columns of the table at the end; names or patterns.
        show: columns of task=plan, label -> dotted key of the experiments.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^\w[\w-]*$")]
    rungs: Annotated[list[Rung], Field(min_length=1)]
    metrics: list[str] = field(default_factory=list)
    show: dict[str, str] = field(default_factory=dict)


def main(overrides: list[str], typed: dict[str, str]) -> int:
    """Climb or plan the ladder that the command line names; returns the exit code.

    Raises:
        LaunchError: for everything that is wrong with the ladder or its experiments, before any
            rung has begun.
    """
    own = [o for o in overrides if section(o) in ("ladder", "hydra")]
    ladder = choose(read(compose("launch", own).get("ladder")), typed.get("rungs"))
    shared = [o for o in overrides if section(o) not in OWN]
    folder = Path(typed.get("run_dir", f"{typed.get('runs', 'runs')}/ladder/{ladder.name}"))
    if typed.get("task") == "plan":
        from launch import ladder_plan  # noqa: PLC0415 - plotting is slow to import

        return ladder_plan.main(ladder, folder, shared)
    if typed.get("task", "train") != "train":
        raise ConfigError(f"+ladder climbs or plans; for task={typed['task']} give from=RUN_DIR")
    with Run(folder).lock():
        require(ladder, folder, shared)
        return climb(ladder, folder, shared)


def read(section: Any) -> Ladder:
    """The ladder of a `ladder:` section.

    Raises:
        ConfigError: for everything that is missing, unknown or contradictory.
    """
    plain = OmegaConf.to_container(section) if OmegaConf.is_config(section) else section
    try:
        ladder = TypeAdapter(Ladder).validate_python(plain)
    except ValidationError as error:
        places = (
            f"ladder.{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors(include_url=False)
        )
        raise ConfigError("\n".join(places)) from error
    names = [rung.experiment for rung in ladder.rungs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"ladder.rungs: {', '.join(twice)} is there twice")
    return ladder


def choose(ladder: Ladder, typed: str | None) -> Ladder:
    """The ladder with the rungs in `rungs=[...]` only, by experiment or the last part of its name.

    Raises:
        ConfigError: for a rung that the ladder does not have.
    """
    if typed is None:
        return ladder
    value = OverridesParser.create().parse_override(f"rungs={typed}").value()
    wanted = [str(name) for name in (value if isinstance(value, list) else [value])]
    known = {rung.experiment: rung for rung in ladder.rungs}
    known |= {name.rpartition("/")[2]: rung for name, rung in known.items()}
    for name in wanted:
        if name not in known:
            raise ConfigError(f"rungs: ladder {ladder.name} has no {name!r}.{nearest(name, known)}")
    chosen = [known[name] for name in wanted]
    return replace(ladder, rungs=[rung for rung in ladder.rungs if rung in chosen])


# Before the first rung


def require(ladder: Ladder, folder: Path, shared: list[str]) -> None:
    """
    Raises:
        ConfigError: if a rung cannot run, or its folder holds a run of other settings.
    """
    problems: dict[str, list[str]] = {}
    for rung in ladder.rungs:
        for problem in rung_problems(rung, folder, shared):
            problems.setdefault(problem, []).append(rung.experiment.rpartition("/")[2])
    if problems:
        raise ConfigError("\n".join(f"{', '.join(who)}: {p}" for p, who in problems.items()))


def rung_problems(rung: Rung, folder: Path, shared: list[str]) -> Iterator[str]:
    """What is wrong with a rung or with its remedies."""
    run = first(folder, rung.experiment)
    yield from foreign(run, settings(rung, shared))
    if run.status == "completed":
        return
    remedies = [gate.remedy for gate in rung.gates if gate.on_fail == "retry"]
    for remedy in [[], *remedies]:
        try:
            composed(settings(rung, shared, remedy), run.folder)
        except LaunchError as error:
            yield error.message
            return


def foreign(run: Run, wanted: list[str]) -> Iterator[str]:
    """Whether a folder holds a run that was made with other settings."""
    made = {o for o in run.record.get("overrides", []) if section(o) not in PLACE}
    other = set(wanted) - {o for o in wanted if section(o) in PLACE}
    if made != other and run.status in ("completed", "interrupted", "running"):
        yield (
            f"{run.folder} was made with {' '.join(sorted(made - other)) or 'nothing'} where the "
            f"ladder now has {' '.join(sorted(other - made)) or 'nothing'}; delete it or choose "
            "another run_dir"
        )


def composed(overrides: list[str], folder: Path) -> dict[str, Any]:
    """The checked plain configuration that a rung would run with.

    Raises:
        LaunchError: as for a run of its own.
    """
    try:
        return jobs.composed(overrides, folder)
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides) from error


def settings(rung: Rung, shared: list[str], remedy: list[str] | None = None) -> list[str]:
    """Overrides of a rung; what is typed wins over the ladder's, a remedy over both."""
    listed = [f"+experiment={rung.experiment}", *rung.overrides, *shared, *(remedy or [])]
    return list({re.split("[=@]", o.lstrip("+~"))[0]: o for o in listed}.values())


# Climbing


def first(folder: Path, experiment: str) -> Run:
    return Run(folder / experiment)


def second(folder: Path, experiment: str) -> Run:
    """The run with a remedy."""
    return Run(folder / f"{experiment}_retry")


def result(folder: Path, experiment: str) -> Run:
    """The run from which later rungs start: the one with a remedy, if it is finished."""
    retried = second(folder, experiment)
    return retried if retried.status == "completed" else first(folder, experiment)


def climb(ladder: Ladder, folder: Path, shared: list[str]) -> int:
    """Every rung in order, until one fails or a gate stops; returns the exit code."""
    code = 0
    for place, rung in enumerate(ladder.rungs):
        print(f"\n{ladder.name} {place + 1}/{len(ladder.rungs)}: {rung.experiment}", flush=True)
        earlier = [r.experiment for r in ladder.rungs[:place]]
        code = step(rung, folder, shared, earlier)
        runs = {r.experiment: result(folder, r.experiment) for r in ladder.rungs}
        ladder_table.write(ladder.name, runs, ladder.metrics, folder, code)
        if code:
            break
    print(f"\n{(folder / 'ladder.md').read_text()}")
    print(f"{folder}  {farewell(code)}")
    return code


def farewell(code: int) -> str:
    if code == CLOSED:
        return "a gate stays closed; rungs=[...] climbs the rungs behind it all the same"
    return "the same command continues" if code else "completed"


def step(rung: Rung, folder: Path, shared: list[str], earlier: list[str]) -> int:
    """One rung and its gates, once more with the remedies that they ask for; the exit code."""
    try:
        run = first(folder, rung.experiment)
        train(run, folder, settings(rung, shared))
        verdicts = pass_gates(rung, run, folder, earlier, retried=False)
        remedy = [o for v in wants(verdicts, "retry", False) for o in v.gate.remedy]
        retried = bool(wants(verdicts, "retry", False)) and not wants(verdicts, "stop", False)
        if retried:
            print(f"once more with {' '.join(remedy)}", flush=True)
            run = second(folder, rung.experiment)
            train(run, folder, settings(rung, shared, remedy))
            verdicts = pass_gates(rung, run, folder, earlier, retried=True)
    except LaunchError as error:
        print(f"error: {error.message}", flush=True)
        return error.exit_code
    return CLOSED if wants(verdicts, "stop", retried) else 0


def wants(verdicts: list[Verdict], action: str, retried: bool) -> list[Verdict]:
    """The closed gates that ask for an action."""
    return [v for v in verdicts if v.passed is False and v.gate.action(retried) == action]


def train(run: Run, folder: Path, overrides: list[str]) -> None:
    """Bring a rung to its end, unless it is completed; an interrupted one is continued.

    Raises:
        LaunchError: if it does not end well, or if its parents are not what they were.
    """
    status = run.status
    if status == "completed":
        for job in jobs_of(run).values():
            require_parents(job)
        print(f"{run.folder} is completed already", flush=True)
        return
    if status == "interrupted" and (run.folder / "config.yaml").is_file():
        code = child.launch([f"resume={run.folder}"])
    else:
        needs = [] if any(section(o) == "needs" for o in overrides) else ["needs=require"]
        place = [f"run_dir={path(run.folder)}", f"runs={path(folder)}"]
        code = child.launch([*overrides, *needs, *place])
    if code:
        raise LaunchError(f"{run.folder} ended with exit code {code}", code)


def pass_gates(
    rung: Rung, run: Run, folder: Path, earlier: list[str], retried: bool
) -> list[Verdict]:
    """What the gates say of a finished rung; printed, and recorded in its `run.json`."""
    found = jobs_of(run)
    before = {job: seen_before(job, folder, earlier) for job in found}
    verdicts = judge(rung.gates, {job: validations(r) for job, r in found.items()}, before)
    run.update(gate=as_record(verdicts, retried) if verdicts else None)
    for line in ladder_table.sentences(run.record["gate"]):
        print(f"gate {line}", flush=True)
    return verdicts


def seen_before(job: str, folder: Path, earlier: list[str]) -> dict[str, dict[str, float]]:
    """Metrics of earlier rungs by name: `pbr/phase_a` is its job of the same name."""
    seen = {}
    for experiment in earlier:
        found = jobs_of(result(folder, experiment))
        seen |= {f"{experiment}/{name}": at_best(run) for name, run in found.items() if name}
        same = found.get(job) or found.get("")
        seen |= {experiment: at_best(same)} if same else {}
    return seen
