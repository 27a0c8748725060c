"""Checkpoints that a run starts from: `from=`, `rung:NAME`, `experiment:NAME`. Imports no torch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from launch import child
from launch.compose import Config
from launch.errors import ConfigError, LaunchError, MissingError, nearest
from launch.record.run import Run, find_runs, locate, sha256

REFERENCES = ("rung:", "experiment:")
PASSED_ON = ("scale", "seed", "data", "recipe", "trainer", "runs", "needs", "logger")
RECIPE = ("module", "losses", "masks", "ema", "trainable", "main_metric")


def with_sources(
    config: Config,
    experiment: str,
    overrides: list[str],
    finished: dict[str, Run],
    rung: str | None = None,
) -> tuple[Config, list[dict[str, str]]]:
    """The configuration with every checkpoint it starts from as a path, and those as parents."""
    source, task = config["from"], config["task"]
    if task != "train":
        config = config | {"needs": "none"} if config["needs"] == "auto" else config
    references = References(finished, config, overrides)
    if source and not str(source).startswith(REFERENCES):
        run, checkpoint = locate(source, Path(config["runs"]), experiment, rung)
        references.add(run, checkpoint)
        if task != "train":
            config = with_recipe(config, run, overrides)
        config = config | {"from": str(checkpoint)}
    return references.resolve(config), references.parents


def with_recipe(config: Config, source: Run, overrides: list[str]) -> Config:
    """Recipe settings of the run that the weights come from; values typed for them still win."""
    path = source.folder / "config.yaml"
    if not path.is_file():
        raise MissingError(f"{source.folder} has no config.yaml; give from= a run folder")
    saved = yaml.safe_load(path.read_text())
    changed = OmegaConf.create(config | {key: saved[key] for key in RECIPE})
    prefix = f"rungs.{source.record.get('rung')}."
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group.removeprefix(prefix)
        if key.split(".")[0] in RECIPE and not override.is_delete():
            OmegaConf.update(changed, key, override.value(), merge=False, force_add=True)
    return OmegaConf.to_container(changed)  # type: ignore[return-value]


def is_open(config: Any) -> bool:
    """Whether a configuration still refers to runs by name."""
    if isinstance(config, dict):
        return any(is_open(value) for value in config.values())
    if isinstance(config, list):
        return any(is_open(value) for value in config)
    return isinstance(config, str) and config.startswith(REFERENCES)


def require_parents(run: Run) -> None:
    """
    Raises:
        MissingError: if a checkpoint that the run was trained from is another one today.
    """
    for parent in run.record.get("parents", []):
        checkpoint = Path(parent.get("checkpoint", ""))
        if checkpoint.is_file() and sha256(checkpoint) != parent["sha256"]:
            raise MissingError(
                f"{run.folder} was trained from {checkpoint}, which is another file since (sha256 "
                f"{sha256(checkpoint)[:12]}, recorded {parent['sha256'][:12]}); delete "
                f"{run.folder} to train it again"
            )


@dataclass
class References:
    """Replaces `rung:NAME` and `experiment:NAME[/RUNG]` by the best checkpoints they mean.

    Attributes:
        finished: the runs of this experiment's earlier rungs by name.
        config: of the run that asks; another experiment's run must have its scale and data.
        overrides: as typed; a missing experiment is climbed with those that concern it.
        parents: folder, checkpoint and checksum of everything that was referred to.
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
        if not isinstance(value, str) or not value.startswith(REFERENCES):
            return value
        kind, _, name = value.partition(":")
        run = self.rung(name) if kind == "rung" else self.experiment(name)
        return None if run is None else str(self.add(run, run.checkpoint))

    def add(self, run: Run, checkpoint: Path) -> Path:
        """Note a parent.

        Raises:
            MissingError: if its best checkpoint is not the one that its run has recorded.
        """
        checksum = sha256(checkpoint)
        recorded = (run.record.get("best") or {}).get("sha256", checksum)
        if checkpoint.resolve() == run.best.resolve() and recorded != checksum:
            raise MissingError(
                f"{checkpoint} is not the file that its run recorded (sha256 {checksum[:12]}, "
                f"recorded {recorded[:12]}); train {run.folder} again"
            )
        parent = {"folder": str(run.folder), "checkpoint": str(checkpoint), "sha256": checksum}
        if parent not in self.parents:
            self.parents.append(parent)
        return checkpoint

    def rung(self, name: str) -> Run | None:
        if name in self.finished:
            return self.finished[name]
        if self.config["task"] != "train":
            return None
        raise ConfigError(
            f"rung:{name} is not an earlier rung of this experiment.{nearest(name, self.finished)}"
        )

    def experiment(self, name: str) -> Run | None:
        """The latest finished run of another experiment, climbed first if `needs` allows it."""
        run = self.latest(name)
        needs = self.config["needs"]
        if run is None and needs == "auto":
            self.climb_first(owner(name))
            run = self.latest(name)
        if run is None and needs != "none":
            root = self.config["runs"]
            where = "" if root == "runs" else f" runs={root}"
            command = f"python -m launch +experiment={owner(name)}{where}"
            raise MissingError(f"needs a finished run of {name} under {root}; train it: {command}")
        return run

    def latest(self, name: str) -> Run | None:
        """The latest finished run of an experiment, or of one of its rungs."""
        wanted = name.removeprefix(owner(name)).lstrip("/")
        for run in self.runs_of(owner(name)):
            part = run.rung(wanted or None)
            if run.status == "completed" and wanted in ("", part.record.get("rung")):
                return part
        return None

    def runs_of(self, experiment: str) -> Iterator[Run]:
        """Trainings of an experiment with this scale and data, the latest first."""
        for run in reversed(find_runs(Path(self.config["runs"]))):
            record = run.record
            whole = record.get("task") == "train" and not record.get("rung")
            if whole and record.get("experiment") == experiment and self.fits(record):
                yield run

    def fits(self, record: dict[str, Any]) -> bool:
        """Whether another run used the same scale and data."""
        same_data = data_of(record.get("overrides", [])) == data_of(self.overrides)
        return record.get("scale") == self.config["scale"] and same_data

    def climb_first(self, experiment: str) -> None:
        """Train an earlier experiment, as `make` builds a prerequisite, or go on with its training.

        Raises:
            LaunchError: if that does not succeed.
        """
        kept = [o for o in self.overrides if section(o) in PASSED_ON]
        arguments = [f"+experiment={experiment}", *kept]
        for run in self.runs_of(experiment):
            made = [o for o in run.record["overrides"] if section(o) in PASSED_ON]
            resumable = run.status == "interrupted" and (run.folder / "config.yaml").exists()
            if resumable and made == kept:
                arguments = [f"resume={run.folder}"]
                break
        print(f"first {experiment}: python -m launch {' '.join(arguments)}", flush=True)
        code = child.launch(arguments)
        if code:
            message = f"{experiment}, which comes first, ended with exit code {code}"
            raise LaunchError(message, code if code in (143, 4) else 3)


def owner(name: str) -> str:
    """The experiment in `pbr/phase_a/albedo`: two parts, the third names a rung."""
    return "/".join(name.split("/")[:2])


def section(override: str) -> str:
    """The first part of a typed key: `data` of `+data.root=x`."""
    return override.lstrip("+~").split("=")[0].split(".")[0].split("@")[0]


def data_of(overrides: list[str]) -> set[str]:
    """What was typed to choose the data: the option and the texts below `data.`, as paths are."""
    kept = [o for o in overrides if section(o) == "data"]
    parsed = zip(kept, OverridesParser.create().parse_overrides(kept), strict=True)
    return {text.lstrip("+") for text, override in parsed if isinstance(override.value(), str)}
