"""Tells Optuna of the validations that a run writes anyway, and stops one that is pruned."""

import math
import threading
from pathlib import Path
from types import TracebackType

import optuna

from launch.record.history import logged
from launch.record.run import Run

SECONDS_BETWEEN_LOOKS = 1.0


class Follower:
    """Follows a run while it trains, in a thread.

    Validations are judged one by one in their order, also those that were written before anyone
    looked, so that the iteration at which a trial is pruned does not depend on when that was.
    """

    def __init__(self, trial: optuna.Trial, run: Run, metric: str) -> None:
        self.trial, self.run, self.metric = trial, run, metric
        self.known = set(trial.study.get_trials()[trial.number].intermediate_values)
        self.pruned_at: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def look(self) -> bool:
        """Report what is new; returns whether the trial is pruned."""
        for iteration, value in curve(self.run.folder, self.metric):
            if self.pruned_at is not None:
                break
            if iteration not in self.known:
                self.known.add(iteration)
                self.trial.report(value, iteration)
            if iteration == max(self.known) and self.trial.should_prune():
                self.pruned_at = iteration
        return self.pruned_at is not None

    def _follow(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            if self.look():
                self.run.ask_to_stop()
                return

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.look()


def curve(folder: Path, metric: str) -> list[tuple[int, float]]:
    """Iteration and value of every validation."""
    rows = logged(folder / "metrics.csv")
    found = [(int(row["iteration"]), float(row[metric])) for row in rows if metric in row]
    return [(iteration, value) for iteration, value in found if math.isfinite(value)]
