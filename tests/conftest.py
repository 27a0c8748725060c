"""The command line in this process, with a worker that trains nothing."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from launch.front import command_line
from launch.record import origin
from launch.record.checksum import sha256
from launch.record.run import Run
from launch.start import start

Answer = tuple[int, str]


@dataclass
class StandIn:
    """Stands for the worker: notes each training and leaves a checkpoint and metrics.

    Attributes:
        trained: folders in the order in which they were asked for.
        ends: last part of a folder -> exit codes of its next trainings; 0 without.
        codes: of the next trainings in other folders.
        histories: last part of a folder -> values of `val_loss`, of its first training and so on.
        configs: what each folder was trained with.
    """

    trained: list[Path] = field(default_factory=list)
    ends: dict[str, list[int]] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    histories: dict[str, list[list[float]]] = field(default_factory=dict)
    configs: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, run: Run, config: dict[str, Any], lock: int) -> int:
        self.trained.append(run.folder)
        self.configs[run.folder] = yaml.safe_load((run.folder / "config.yaml").read_text())
        (run.folder / "checkpoints").mkdir(exist_ok=True)
        run.last.write_text(f"{run.record['identity']} begun")
        codes = self.ends.get(run.folder.name) or self.codes or [0]
        code = codes.pop(0)
        if code:
            status = "interrupted" if code == 143 else "failed"
            run.finish(status, error="told to", exit_code=code)
            return code
        self.finish(run, (config["main_metric"] or {}).get("name", "val_loss"))
        return 0

    def finish(self, run: Run, metric: str) -> None:
        told = self.histories.get(run.folder.name) or [[1.0, 0.5, 0.25]]
        history = told.pop(0) if len(told) > 1 else told[0]
        lines = ["iteration,loss/total,val_loss", "0,9.0,"]
        lines += [f"{10 * place},,{value}" for place, value in enumerate(history, 1)]
        (run.folder / "metrics.csv").write_text("\n".join(lines) + "\n")
        run.best.write_text(str(run.record["identity"]))
        best = {
            "iteration": 10 * (1 + history.index(min(history))),
            "value": min(history),
            "metrics": {"val_loss": min(history), metric: min(history)},
            "sha256": sha256(run.best),
        }
        metrics = {"val_loss": history[-1], metric: history[-1]}
        run.finish("completed", metrics=metrics, best=best, iteration=30, exit_code=0)

    @property
    def names(self) -> list[str]:
        """The last parts of the folders."""
        return [folder.name for folder in self.trained]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """What is trained instead of training."""
    stand_in = StandIn()
    monkeypatch.setattr(start, "work", stand_in)
    monkeypatch.setattr(origin, "git_state", lambda: None)
    return stand_in


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: StandIn
) -> Iterator[Callable[..., Answer]]:
    """here("+experiment=sr/static", ...): exit code and what was printed, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    yield answer


def answer(*arguments: object) -> Answer:
    """Exit code and what `python -m launch ARGUMENTS` prints to both streams, in this process."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["launch", *map(str, arguments)])
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                command_line.main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            else:
                code = 0
    return code, printed.getvalue()
