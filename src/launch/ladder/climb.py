"""Trains what a command asks for, and what has to come first. Imports no torch.

A training names what it starts from and never trains it. The climber knows all of it before
anything runs: it composes every training, looks for finished runs of the same identity, and brings
the missing ones to their end in order. Finished rungs are skipped and stopped ones continued, so
the same command continues a ladder.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from launch.check.configuration import require_read
from launch.composition.compose import Composition, compose
from launch.composition.typed import Typed, command
from launch.errors import LaunchError, MissingError
from launch.ladder import screen, table
from launch.ladder.ladder import Ladder, Rung, ladder_of
from launch.ladder.outcome import CLOSED, begin, conclude, farewell
from launch.ladder.target import Target
from launch.ladder.verdicts import pass_gates, wants
from launch.record.identity import identity, require_same
from launch.record.parents import Parent, Parents
from launch.record.references import PASSED_ON, meant, owner, references
from launch.record.run import Run, find_runs, locate
from launch.start import devices, pool, ranks
from launch.start.start import Job, announce, changed, checked, perform


@dataclass
class Climber:
    """Climbs one target.

    Attributes:
        runs: below which finished runs are looked for, and trainings that come first are put.
        needs: what to do about a missing one: auto trains it, require stops, none goes without.
        passed: overrides that hold for what comes first as well.
        family: finished runs of this climb by name, such as `pbr/phase_a/albedo`.
        written: whether Hydra has written `.hydra` of the first run already.
        resumed: finished rungs stand as they are, begun ones take what is typed now.
    """

    runs: Path
    needs: str
    passed: list[str]
    family: dict[str, Run] = field(default_factory=dict)
    written: bool = False
    resumed: bool = False
    known: "dict[tuple[str, ...], Target]" = field(default_factory=dict)

    # What there is

    def target(self, overrides: list[str]) -> Target:
        """What overrides ask for, composed and checked once.

        Raises:
            LaunchError: for everything that is wrong with it, or with any of its rungs.
        """
        key = tuple(overrides)
        if key not in self.known:
            self.known[key] = self.described(compose(overrides))
        return self.known[key]

    def described(self, composition: Composition) -> Target:
        """A composition as a training or a ladder."""
        ladder = ladder_of(composition)
        name = str(ladder.name if ladder else composition.whole.name)
        if ladder is None:
            return Target(name, composition, checked(composition))
        typed = Typed.read(composition.overrides)
        inner: list[tuple[Rung, Target]] = []
        problems: dict[str, list[str]] = {}
        for rung in ladder.rungs:
            try:
                overrides = ladder.overrides(rung, typed)
                inner.append((rung, self.target(overrides)))
                for gate in rung.gates:
                    self.target([*overrides, *gate.remedy])
            except LaunchError as error:
                if error.exit_code not in (2, 3):
                    raise
                problems.setdefault(error.message, []).append(rung.short)
                kind = type(error)
        if problems:
            raise kind("\n".join(f"{', '.join(who)}: {text}" for text, who in problems.items()))
        return Target(name, composition, composition.plain, ladder, inner)

    @cached_property
    def finished(self) -> dict[str, Run]:
        """Finished trainings below `runs` by identity, the latest of each."""
        completed = (run for run in find_runs(self.runs) if run.record.get("status") == "completed")
        return {str(run.record.get("identity")): run for run in completed}

    def identity(self, name: str) -> str:
        """Identity of the run that climbing a training now would give."""
        target = self.target([f"experiment={name}", *self.passed])
        parents = {r: self.identity(meant(r, name)) for r in references(target.config)}
        return identity(target.config, parents)

    def missing(self, target: Target) -> list[str]:
        """Experiments that have to be climbed before a target, in order.

        Raises:
            MissingError: if one is missing and `needs=require`.
        """
        within = {training.name for training in target.trainings()}
        found: list[str] = []
        for training in target.trainings():
            for reference in references(training.config):
                name = meant(reference, training.name)
                if name in within or name in self.family or self.needs == "none":
                    continue
                if self.identity(name) not in self.finished:
                    found += self.before(name, training.name)
        return list(dict.fromkeys(found))

    def before(self, name: str, asked_by: str) -> list[str]:
        """A missing training: the whole experiment it is a rung of, unless that is the asker's."""
        first = name if owner(name) == owner(asked_by) else owner(name)
        if self.needs == "require":
            where = [] if self.runs == Path("runs") else [f"runs={self.runs}"]
            example = command(f"experiment={first}", *self.passed, *where)
            raise MissingError(
                f"needs a finished run of {name} with these settings under {self.runs}; train it: "
                f"{example}"
            )
        return [*self.missing(self.target([f"experiment={first}", *self.passed])), first]

    # Climbing

    def run(self, target: Target, folder: Path) -> int:
        """Train a target and what it needs; returns the exit code."""
        self.require_own(target, folder)
        first = self.missing(target)
        screen.outline([*map(self.named, first), target])
        with pool.opened() if first or target.ladder else nullcontext():
            if first:
                with screen.waiting(target, Run(folder), first):
                    self.prepare_all(first)
                print(f"\n{target.name}: {folder}", flush=True)
            return self.climb(target, folder)

    def prepare_all(self, names: list[str]) -> None:
        """
        Raises:
            LaunchError: if one does not come to its end.
        """
        for name in names:
            code = self.prepare(name)
            if code:
                goes_on = "; the same command goes on there" if code == 143 else ""
                text = f"{name}, which comes first, ended with exit code {code}{goes_on}"
                raise LaunchError(text, code if code in (143, CLOSED) else 3)

    def named(self, name: str) -> Target:
        """What comes first, with what holds for it as well."""
        return self.target([f"experiment={name}", *self.passed])

    def prepare(self, name: str) -> int:
        """Bring an experiment to its end that comes first, or go on with its last training."""
        target = self.named(name)
        digest = identity(target.config, {}) if target.ladder else self.identity(name)
        stopped = [
            run
            for run in find_runs(self.runs)
            if run.record.get("identity") == digest and run.status == "interrupted"
        ]
        folder = stopped[-1].folder if stopped else target.composition.folder_below(self.runs)
        print(f"\n{name}: {folder}", flush=True)
        code = self.climb(target, folder)
        self.__dict__.pop("finished", None)
        if code == 0:
            print("\n".join(screen.told_of(Run(folder))), flush=True)
        return code

    def require_own(self, target: Target, folder: Path) -> None:
        """
        Raises:
            ConfigError: if a folder of a rung holds a training of other settings, before any
                training has begun.
        """
        if self.resumed:
            return
        held = Run(folder)
        if target.ladder is None or not held.record.get("rungs"):
            require_same(held, target.config)
        for rung, inner in target.inner:
            assert target.ladder is not None
            self.require_own(inner, folder / target.ladder.place(rung))

    def climb(self, target: Target, folder: Path, part: tuple[str, str] | None = None) -> int:
        """A training, or a ladder rung by rung; returns the exit code."""
        if target.ladder is None:
            return self.train(target, Run(folder), part)
        run = Run(folder)
        with run.lock():
            begin(target, run)
            try:
                code = self.rungs(target, run)
            except LaunchError as error:
                run.finish("failed", error=error.message, exit_code=error.exit_code)
                raise
            conclude(run, target.ladder.results(folder), code)
        return code

    def tell(self, target: Target, run: Run, code: int) -> None:
        """Write the table of a ladder as it stands."""
        ladder = target.ladder
        if ladder is not None and not ladder.of:
            found = zip(ladder.rungs, ladder.results(run.folder), strict=True)
            runs = {rung.experiment: result for rung, result in found}
            table.write(ladder.name, runs, ladder.metrics, run.folder, code)

    def train(self, target: Target, run: Run, part: tuple[str, str] | None) -> int:
        """One training, unless it is completed; a stopped one is continued."""
        parents: Parents = {r: self.parent(r, target.name) for r in references(target.config)}
        source = target.config["from"]
        if source and source not in parents:
            experiment, rung = part or (target.name, None)
            parents["from"] = Parent.of(*locate(str(source), self.runs, experiment, rung))
        job = Job(target.composition, target.config, parents, part)
        if self.resumed and run.status == "completed":
            code = 0
        elif self.resumed and run.last.is_file():
            code = changed(job, run)
        else:
            code = perform(job, run, self.written and part is None)
        if code == 0:
            self.family[target.name] = run
        return code

    def parent(self, reference: str, name: str) -> Parent | None:
        """The checkpoint that a reference means.

        Raises:
            ConfigError: if it names no training.
            MissingError: if it has not been trained and `needs` is not none.
        """
        wanted = meant(reference, name)
        run = self.family.get(wanted)
        if run is None and self.needs == "none":
            return None
        run = run or self.finished.get(self.identity(wanted))
        if run is None:
            raise MissingError(f"{reference}: {wanted} has not been trained")
        return Parent.of(run, run.checkpoint)

    def rungs(self, target: Target, run: Run) -> int:
        """Every rung in order, until one fails or a gate stops; returns the exit code."""
        ladder, code = target.ladder, 0
        assert ladder is not None
        for place, (rung, inner) in enumerate(target.inner):
            if run.is_asked_to_stop:
                return 143
            if not ladder.of:  # those of an experiment begin each of their lines with their name
                print(f"\n{ladder.name} {place + 1}/{len(ladder.rungs)}: {rung.short}", flush=True)
            code = self.step(ladder, rung, inner, run.folder, [r for r, _ in target.inner[:place]])
            self.tell(target, run, code)
            if code:
                break
        if not ladder.of:
            print(f"\n{(run.folder / 'ladder.md').read_text()}\n{run.folder}  {farewell(code)}")
        return code

    def step(
        self, ladder: Ladder, rung: Rung, inner: Target, folder: Path, earlier: list[Rung]
    ) -> int:
        """One rung and its gates, once more with the remedies that they ask for; the exit code."""
        part = (ladder.of, rung.short) if ladder.of else None
        run = ladder.run(rung, folder)
        code = self.climb(inner, run.folder, part)
        if code or not rung.gates:
            return code
        before = {r.experiment: ladder.result(r, folder) for r in earlier}
        verdicts = pass_gates(rung, run.reread(), before, retried=False)
        retried = bool(wants(verdicts, "retry", False)) and not wants(verdicts, "stop", False)
        if retried:
            asked = (o for v in wants(verdicts, "retry", False) for o in v.gate.remedy)
            remedy = list(dict.fromkeys(asked))
            print(f"once more with {' '.join(remedy)}", flush=True)
            run = ladder.run(rung, folder, retried=True)
            again = self.target([*inner.composition.overrides, *remedy])
            code = self.climb(again, run.folder, part)
            if code:
                return code
            verdicts = pass_gates(rung, run.reread(), before, retried=True)
        return CLOSED if wants(verdicts, "stop", retried) else 0


def climb_command(
    composition: Composition,
    folder: Path,
    typed: Typed,
    written: bool = False,
    resumed: bool = False,
) -> int:
    """Climb what a command line asks for, in a folder; returns the exit code.

    Args:
        written: whether Hydra has written `.hydra` there already.
        resumed: whether what is typed may differ from what the folder holds.

    Raises:
        LaunchError: for everything that is wrong with it, before anything has begun.
    """
    climber, target = prepared(composition, folder, typed)
    climber.written, climber.resumed = written, resumed
    several = target.ladder is not None or bool(climber.missing(target))
    for training in target.trainings():
        devices.require(training.config)
        ranks.require(training.config, "run_dir" in typed, several)
    return climber.run(target, folder)


def prepared(composition: Composition, folder: Path, typed: Typed) -> tuple[Climber, Target]:
    """A climber and its target, checked and told, whichever machine shall climb.

    Raises:
        LaunchError: for everything that is wrong with it.
    """
    climber = climber_of(composition, folder, typed)
    target = climber.described(composition)
    require_read((training.composition for training in target.trainings()), typed)
    announce(training.config for training in target.trainings())
    return climber, target


def climber_of(composition: Composition, folder: Path, typed: Typed) -> Climber:
    """One that knows where finished runs lie, for what a command line asks for."""
    config, passed = composition.whole, typed.of(*PASSED_ON)
    if config.get("ladder") is None:
        return Climber(Path(config.runs), str(config.needs), passed)
    # The rungs of a ladder start from each other only.
    found = [run for run in find_runs(folder) if run.record.get("status") == "completed"]
    family = {run.name: run for run in found if not run.record.get("rungs")}
    needs = config.needs if "needs" in typed else "require"
    return Climber(folder, str(needs), passed, family)


def require_startable(composition: Composition, folder: Path) -> None:
    """
    Raises:
        LaunchError: for everything that is wrong with a training or a ladder, and if the folder
            holds another one.
    """
    climber = climber_of(composition, folder, Typed.read(composition.overrides))
    climber.require_own(climber.described(composition), folder)
