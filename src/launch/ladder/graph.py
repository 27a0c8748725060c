"""A climb as jobs that wait for each other, for a cluster that runs them. Imports no torch.

`step=RUNG` is one of them: that rung and its gates, in the folder of the whole ladder.
"""

from dataclasses import dataclass
from pathlib import Path

from launch.composition.typed import Typed, as_value
from launch.errors import ConfigError, nearest
from launch.ladder.climb import Climber
from launch.ladder.ladder import Rung
from launch.ladder.outcome import conclude
from launch.ladder.target import Target
from launch.record.references import meant, references
from launch.record.run import Run
from launch.start import devices

SECONDS_TO_WAIT = 60.0
"""For the record of a ladder, which its steps write one after the other."""


@dataclass(frozen=True)
class Step:
    """A job of a climb.

    Attributes:
        name: of what it trains.
        arguments: of the command that does it.
        needs: names of the steps that have to end well before.
    """

    name: str
    arguments: list[str]
    needs: list[str]


def steps(climber: Climber, target: Target, folder: Path, typed: Typed) -> list[Step]:
    """What a climb consists of, in an order in which nothing comes before what it needs."""
    found: list[Step] = []
    for name in climber.missing(target):
        first = climber.named(name)
        place = first.composition.folder_below(climber.runs)
        where = [f"run_dir={as_value(place)}", f"runs={as_value(climber.runs)}"]
        arguments = [f"experiment={name}", *climber.passed, *where]
        found.append(Step(name, arguments, climber.missing(first)))
    before = [step.name for step in found]
    whole = [*typed.without("run_dir", "hydra"), f"run_dir={as_value(folder)}"]
    if target.ladder is None or target.ladder.of:
        return [*found, Step(target.name, whole, before)]
    for place, (rung, inner) in enumerate(target.inner):
        earlier = [r.experiment for r, t in target.inner[:place] if is_needed(r, t, rung, inner)]
        arguments = [*whole, f"step={rung.short}"]
        found.append(Step(rung.experiment, arguments, [*before, *earlier]))
    return found


def is_needed(earlier: Rung, climbed: Target, rung: Rung, inner: Target) -> bool:
    """Whether a rung waits for an earlier one: starts from it, is compared with it, or must not
    begin while its gates may still stop the ladder."""
    given = {training.name for training in climbed.trainings()}
    started_from = {
        meant(reference, training.name)
        for training in inner.trainings()
        for reference in references(training.config)
    }
    since = {str(getattr(gate, "since", None)) for gate in rung.gates}
    stops = any("stop" in (gate.action(False), gate.action(True)) for gate in earlier.gates)
    return bool(given & started_from) or earlier.experiment in since or stops


def climb_step(climber: Climber, target: Target, folder: Path, step: str) -> int:
    """One rung of a ladder, which other steps have prepared; returns the exit code.

    Raises:
        ConfigError: if there is no such rung.
    """
    ladder, names = target.ladder, [rung.short for rung, _ in target.inner]
    if ladder is None or step not in names:
        known = nearest(step, names) or f" It has {', '.join(names) or 'none'}."
        raise ConfigError(f"step={step}: {target.name} has no such rung.{known}")
    place = names.index(step)
    rung, inner = target.inner[place]
    for training in inner.trainings():
        devices.require(training.config)
    code = climber.step(ladder, rung, inner, folder, [r for r, _ in target.inner[:place]])
    run = Run(folder)
    with run.lock(SECONDS_TO_WAIT):
        climber.tell(target, run, code)
        done = ladder.results(folder)
        if code or {result.status for result in done} == {"completed"}:
            conclude(run, done, code)
    return code
