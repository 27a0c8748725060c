"""Trial after trial, in as many processes as one starts with the same command. No torch."""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna
from omegaconf import DictConfig
from optuna.trial import TrialState

from launch.composition.compose import compose
from launch.composition.typed import Typed
from launch.errors import ConfigError, LaunchError
from launch.ladder.climb import climb_command, require_startable
from launch.ladder.gates import Threshold, Verdict
from launch.ladder.verdicts import judge
from launch.record.history import jobs_of, validations
from launch.record.identity import differences
from launch.record.run import Run
from launch.record.storage import read_json, write_json
from launch.search import results
from launch.search.engine import CONSTRAINTS, ERROR, opened, sampler
from launch.search.follow import Follower
from launch.search.search import Search, read
from launch.start import pool
from launch.start.start import refuse

FILE = "search.json"
STOPPED = 143


@dataclass(frozen=True)
class Searching:
    """A search in its folder.

    Attributes:
        metric: what a trial is judged by.
    """

    folder: Path
    search: Search
    metric: str
    study: optuna.Study

    def place(self, number: int) -> Path:
        """Where the runs of a trial lie, one for each seed."""
        return self.folder / f"{number:03d}"

    def go_on(self) -> int:
        """Trials until there are as many as wanted; 143 if it was told to stop, else 0."""
        while not Run(self.folder).is_asked_to_stop:
            with ExitStack() as held:
                trial = self.claim(held)
                if trial is None:
                    return 0
                values = " ".join(f"{key}={value}" for key, value in trial.params.items())
                print(f"\ntrial {trial.number} of {self.search.trials}: {values}", flush=True)
                if not self.train(trial):
                    return STOPPED
        return STOPPED

    def claim(self, held: ExitStack) -> optuna.Trial | None:
        """A trial that a process has left behind, else a new one, else None; it stays locked."""
        with Run(self.folder).lock():
            running = self.study.get_trials(states=(TrialState.RUNNING,))
            left = [t for t in running if not Run(self.place(t.number)).is_locked()]
            number = left[0].number if left else len(self.study.get_trials(deepcopy=False))
            if number >= self.search.trials and not left:
                return None
            self.study.sampler = sampler(self.search, number)
            trial = optuna.Trial(self.study, left[0]._trial_id) if left else self.study.ask()
            held.enter_context(Run(self.place(number)).lock())
            for dimension in self.search.dimensions:  # a value that it has already stays
                trial._suggest(dimension.key, dimension.distribution())
            return trial

    def train(self, trial: optuna.Trial) -> bool:
        """Every seed of a trial; returns whether it has come to an end."""
        found: list[float] = []
        violations: list[list[float]] = []
        for seed in self.search.seeds:
            run = Run(self.place(trial.number) / f"seed_{seed}")
            follower = Follower(trial, run, self.metric)
            followed = not found and self.search.pruner is not None
            if not (followed and follower.look()):
                code = self.one(run, self.search.overrides(trial.params, seed),
                                follower if followed else None)  # fmt: skip
            if follower.pruned_at is not None:
                self.prune(trial, run, follower.pruned_at)
                return True
            if code == STOPPED:
                return False
            value = run.reread().all_metrics.get(self.metric, math.nan)
            if code or math.isnan(value):
                self.fail(trial, run)
                return True
            found.append(value)
            violations.append([violation(verdict) for verdict in self.verdicts(run)])
        trial.set_user_attr(
            CONSTRAINTS, [max(several) for several in zip(*violations, strict=True)]
        )
        self.study.tell(trial, fmean(found))
        return True

    def one(self, run: Run, overrides: list[str], follower: Follower | None) -> int:
        """One training; returns its exit code."""
        composition = compose(overrides)
        try:
            with ExitStack() as following:
                if follower:
                    following.enter_context(follower)
                return climb_command(composition, run.folder, Typed.read(overrides))
        except LaunchError as error:
            print(f"error: {error.message}", flush=True)
            refuse(run, composition, error)
            return error.exit_code

    def verdicts(self, run: Run) -> list[Verdict]:
        rows = {name: validations(job) for name, job in jobs_of(run).items()}
        return judge(self.search.constraints, rows, {})

    def prune(self, trial: optuna.Trial, run: Run, iteration: int) -> None:
        text = f"pruned at iteration {iteration}"
        print(text, flush=True)
        if run.reread().status != "completed":
            with run.lock():
                run.note("pruned", error=text)
        trial.set_user_attr(CONSTRAINTS, [violation(v) for v in self.verdicts(run)])
        self.study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: optuna.Trial, run: Run) -> None:
        reason = run.record.get("error") or f"no validation reports {self.metric}"
        trial.set_user_attr(ERROR, str(reason))
        self.study.tell(trial, state=TrialState.FAIL)


def violation(verdict: Verdict) -> float:
    """At most 0 where a gate is open; of a threshold, how far it is missed."""
    if verdict.passed is None:
        return 1.0
    gate = verdict.gate
    if isinstance(gate, Threshold):
        best = verdict.values["best"]
        return gate.at_least - best if gate.at_least is not None else best - (gate.at_most or 0)
    return 0.0 if verdict.passed else 1.0


def main(config: DictConfig, typed: list[str]) -> int:
    """Begin or continue a search; returns the exit code.

    Raises:
        LaunchError: for what is wrong with it, or if the folder holds another one; no trial has
            begun.
    """
    search = read(config.search, typed)
    folder = Path(config.run_dir or Path(config.runs, "search", search.name))
    metric, mode = goal(search, folder)
    with Run(folder).lock():
        require_own(folder, search)
        write_json(folder / FILE, search.identity)
        study = opened(search, mode, folder)
        Run(folder).forget_stop()
    searching = Searching(folder, search, metric, study)
    with pool.opened():
        code = searching.go_on()
    with Run(folder).lock():  # whoever takes it clears away files that others are writing
        results.write_all(folder, search, metric, study)
    return code or results.show(folder, study)


def goal(search: Search, folder: Path) -> tuple[str, str]:
    """Metric and mode; the ends of the space are composed and checked on the way.

    Raises:
        LaunchError: if neither the first nor the last values can run.
    """
    problems: list[LaunchError] = []
    main_metric: Any = None
    for end in (0, 1):
        values = {d.key: d.ends[end] for d in search.dimensions}
        try:
            composition = compose(search.overrides(values, search.seeds[0]))
            require_startable(composition, folder / "unused")
        except LaunchError as error:
            problems.append(error)
        else:
            main_metric = composition.whole.main_metric
    if len(problems) == 2:
        raise problems[0]
    if search.metric and search.mode:
        return search.metric, search.mode
    if not main_metric:
        raise ConfigError("search: there is no main metric; give search.metric and search.mode")
    return str(main_metric.name), str(main_metric.mode)


def require_own(folder: Path, search: Search) -> None:
    """
    Raises:
        ConfigError: if the folder holds another search, naming what differs.
    """
    before = read_json(folder / FILE)
    found = [*differences(before, search.identity)] if before else []
    if found:
        raise ConfigError(
            f"{folder} holds another search; it differs in {', '.join(found)}. Choose another "
            "run_dir or search.name; search.trials alone may grow"
        )
