"""Rungs in order, each from the best checkpoint of those before it. Imports no torch."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launch.compose import Config
from launch.errors import ConfigError, MissingError, nearest
from launch.run import Run, find_runs, sha256

PASSED_ON = ("scale", "seed", "data", "trainer", "runs", "needs", "logger")


@dataclass
class References:
    """Replaces `rung:NAME` and `experiment:NAME[/RUNG]` by the best checkpoints they mean.

    Attributes:
        finished: the runs of this experiment's earlier rungs by name.
        config: of the run that asks; another experiment's run must have its scale and data.
        overrides: as typed; a missing experiment is climbed with those that concern it.
        parents: folder and checksum of every checkpoint that was referred to.
    """

    finished: dict[str, Run]
    config: Config
    overrides: list[str]
    parents: list[dict[str, str]] = field(default_factory=list)

    def resolve(self, value: Any) -> Any:
        """The value with every reference in it replaced by a path, or by null if it may miss."""
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, str) or not value.startswith(("rung:", "experiment:")):
            return value
        kind, _, name = value.partition(":")
        run = self.rung(name) if kind == "rung" else self.experiment(name)
        if run is None:
            return None
        checkpoint = run.checkpoint
        checksum = sha256(checkpoint)
        recorded = (run.record.get("best") or {}).get("sha256", checksum)
        if checkpoint == run.best and recorded != checksum:
            raise ConfigError(
                f"{checkpoint} is not the file that its run recorded (sha256 {checksum[:12]}, "
                f"recorded {recorded[:12]}); train {run.folder} again"
            )
        self.parents.append({"folder": str(run.folder), "sha256": checksum})
        return str(checkpoint)

    def rung(self, name: str) -> Run:
        if name not in self.finished:
            raise ConfigError(
                f"rung:{name} is not an earlier rung of this experiment."
                f"{nearest(name, self.finished)}"
            )
        return self.finished[name]

    def experiment(self, name: str) -> Run | None:
        """The latest finished run of another experiment, climbed first if `needs` allows it."""
        run = self.latest(name)
        needs = self.config["needs"]
        if run is None and needs == "auto":
            climb_first(self.owner(name), self.overrides)
            run = self.latest(name)
        if run is None and needs != "none":
            command = f"python -m launch +experiment={self.owner(name)}"
            raise MissingError(f"needs a finished run of {self.owner(name)}; train it: {command}")
        return run

    def owner(self, name: str) -> str:
        """The experiment in `pbr/phase_a/albedo`: two parts, the third names a rung."""
        return "/".join(name.split("/")[:2])

    def latest(self, name: str) -> Run | None:
        rung = name.removeprefix(self.owner(name)).lstrip("/") or None
        for run in reversed(find_runs(Path(self.config["runs"]))):
            record = run.record
            wanted = {"experiment": self.owner(name), "rung": rung, "task": "train"}
            wanted["status"] = "completed"
            if wanted.items() <= record.items() and self.fits(record):
                return run
        return None

    def fits(self, record: dict[str, Any]) -> bool:
        """Whether another run used the same scale and the same kind of data."""
        data = self.config["data"]["_target_"].rsplit(".", 1)[-1]
        same_data = (record.get("data") or {}).get("name") in (None, data)
        return record.get("scale") == self.config["scale"] and same_data


def climb_first(experiment: str, overrides: list[str]) -> None:
    """Train an earlier experiment, as `make` builds a prerequisite.

    Raises:
        MissingError: if that does not succeed.
    """
    kept = [o for o in overrides if o.lstrip("+").split("=")[0].split(".")[0] in PASSED_ON]
    command = ["-m", "launch", f"+experiment={experiment}", *kept]
    print(f"first {experiment}: python {' '.join(command)}", flush=True)
    code = subprocess.run([sys.executable, *command], check=False).returncode
    if code:
        raise MissingError(f"{experiment}, which comes first, ended with exit code {code}")


def climb(
    run: Run, rungs: dict[str, Config], start: Callable[[Run, str, Config, dict[str, Run]], int]
) -> int:
    """Run the rungs of one experiment below its folder; finished ones are skipped.

    `start(run, name, config, finished)` runs one of them and returns its exit code.
    """
    finished: dict[str, Run] = {}
    for name, config in rungs.items():
        rung = Run(run.folder / name)
        if rung.status == "completed":
            print(f"{name}: completed already", flush=True)
        else:
            print(f"{name}: {len(finished) + 1} of {len(rungs)}", flush=True)
            code = start(rung, name, config, finished)
            if code:
                run.finish(rung.status, error=rung.record.get("error"), exit_code=code)
                return code
        finished[name] = rung
    run.finish("completed", exit_code=0, **gathered(finished))
    return 0


def gathered(rungs: dict[str, Run]) -> dict[str, Any]:
    """What the whole experiment records: the metrics of all rungs, the later ones winning."""
    records = [run.record for run in rungs.values()]
    last = records[-1]
    metrics = {name: value for record in records for name, value in record["metrics"].items()}
    keys = ("iteration", "data", "best", "main_metric")
    return {"metrics": metrics, **{key: last.get(key) for key in keys}}
