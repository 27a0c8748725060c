"""The one place that asks Hydra for a configuration. Imports no torch."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from launch.composition import recipes
from launch.composition.explain import COMPOSING, explain
from launch.composition.typed import Typed
from launch.errors import ConfigError
from launch.record import targets
from launch.record.run import CONF, Run

Config = dict[str, Any]

ROOT = "launch"
SAVED = "saved"
"""Name of the configuration of a run folder, as the primary one of a composition."""

PLACES = ("run_dir", "runs", "input", "output", "accept")
"""What a saved configuration says of one start on one machine, and is not taken over."""

CALL = re.compile(r"\$\{[^${}]*:")

REPLACED = {"data": "data", "logger": "logger"}
"""Groups that may be chosen anew for a run that is there, and the section they stand for."""


@dataclass(frozen=True)
class Composition:
    """A finished configuration.

    Attributes:
        whole: with Hydra's own node.
        overrides: that it was composed with.
        primary: name of the configuration that it starts from.
    """

    whole: DictConfig
    overrides: list[str]
    primary: str = ROOT

    @property
    def config(self) -> DictConfig:
        """Without Hydra's node, interpolations as written."""
        config = self.whole.copy()
        with open_dict(config):
            config.pop("hydra", None)
        return config

    @property
    def plain(self) -> Config:
        """Resolved, in plain containers.

        Raises:
            ConfigError: for an interpolation that leads nowhere.
        """
        return resolved(self.whole, self.overrides)

    def overrides_of_task(self) -> list[str]:
        """What was typed, without Hydra's own."""
        return Typed.read(self.overrides).without("hydra")

    @property
    def folder(self) -> Path:
        return Path(self.whole.hydra.run.dir)

    def folder_below(self, runs: Path) -> Path:
        """Where a run would lie that no `run_dir` was typed for."""
        return runs / str(self.whole.name) / f"{datetime.now():%Y%m%d-%H%M%S-%f}"


def resolved(config: DictConfig, overrides: Sequence[str] = ()) -> Config:
    """A configuration in plain containers, without Hydra's node.

    Raises:
        ConfigError: for an interpolation that leads nowhere.
    """
    try:
        return {str(key): plain(config, key) for key in config if key != "hydra"}
    except OmegaConfBaseException as error:
        raise explain(error, list(overrides)) from error


def plain(config: DictConfig, key: Any) -> Any:
    value = config[key] if not OmegaConf.is_missing(config, key) else "???"
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


@contextmanager
def started(config_path: str | None = None, config_dir: str | None = None) -> Iterator[Any]:
    """Hydra, set up to read recipes; everything that composes happens inside."""
    recipes.register(config_dir)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(Path(config_path or CONF).resolve()), "launch", "1.3"):
        yield GlobalHydra.instance().hydra


def compose(overrides: list[str], primary: str = ROOT) -> Composition:
    """The configuration that overrides give.

    Raises:
        ConfigError: for everything that is wrong with them.
    """
    try:
        chosen = Typed.read(overrides).of_the_whole
        whole = hydra.compose(primary, chosen, return_hydra_config=True)
    except COMPOSING as error:
        raise explain(error, overrides, primary) from error
    require_own_callbacks(whole)
    HydraConfig.instance().set_config(whole)
    return Composition(whole, overrides, primary)


def compose_saved(run: Run, typed: Typed) -> Composition:
    """The configuration that a run folder holds, with every value changed that is typed.

    What an earlier version of launch did not know yet has its default.

    Raises:
        ConfigError: if the folder holds none, for a choice that cannot be made anew, and for
            everything that is wrong with what is typed.
    """
    saved = finished(saved_config(run), run.config)
    for group in [*typed_groups(typed)]:
        if group not in REPLACED:
            known = ", ".join(f"{name}=" for name in REPLACED)
            raise ConfigError(
                f"{group}= chooses a file, but {run.folder} has its configuration already; only "
                f"{known} can be chosen anew. Change single values, such as {group}.KEY=VALUE"
            )
        saved.pop(REPLACED[group], None)
    root: Any = OmegaConf.load(CONF / f"{ROOT}.yaml")
    saved |= {key: root[key] for key in PLACES} | {"name": safe_name(run, saved.get("name"))}
    quiet = [entry for entry in root.defaults if "_logging" in str(entry)]
    chosen = [{f"/{group}": None} for group in REPLACED]
    later = {key: root[key] for key in root if key not in saved}
    trainer: Any = OmegaConf.load(CONF / "trainer" / "auto.yaml")
    node = {**later, **saved, "defaults": ["_self_", *chosen, *quiet], "hydra": root.hydra}
    node["trainer"] = {**trainer, **(saved.get("trainer") or {})}
    ConfigStore.instance().store(name=SAVED, node=node)
    return compose(typed.texts, SAVED)


def finished(saved: Any, resolved: Any) -> Any:
    """A saved configuration without calls such as `${oc.env:HOME}`: what they gave then stands.

    References to other keys stay, so that what is typed reaches whatever follows from it.
    """
    if isinstance(saved, dict):
        known = resolved if isinstance(resolved, dict) else {}
        return {key: finished(value, known.get(key)) for key, value in saved.items()}
    if isinstance(saved, list):
        items = resolved if isinstance(resolved, list) else []
        return [finished(value, item) for value, item in zip_longest(saved, items[: len(saved)])]
    return resolved if isinstance(saved, str) and CALL.search(saved) else saved


def safe_name(run: Run, name: Any) -> Any:
    """The name of an experiment, which becomes part of a path.

    Raises:
        ConfigError: if that path would lead elsewhere.
    """
    if name is not None and (Path(str(name)).is_absolute() or ".." in Path(str(name)).parts):
        raise ConfigError(f"{run.folder} is called {name!r}, which leads out of the runs folder")
    return name


def require_own_callbacks(whole: DictConfig) -> None:
    """
    Raises:
        ConfigError: if Hydra would call what is not allowed, as a foreign record may ask for.
    """
    hooks = OmegaConf.to_container(OmegaConf.create({"all": whole.hydra.get("callbacks")}))
    for target in targets.targets(hooks):
        if not target.startswith("hydra."):
            targets.require(target)


def typed_groups(typed: Typed) -> Iterator[str]:
    """Config groups of which an option was typed."""
    for override in typed.parsed:
        group = override.key_or_group
        chosen = isinstance(override.value(), str) and not group.startswith("hydra")
        if chosen and (CONF / group).is_dir():
            yield group


def saved_config(run: Run) -> Config:
    """`.hydra/config.yaml` of a run folder, interpolations as written.

    Raises:
        ConfigError: if it is not there or not readable.
    """
    path = run.folder / ".hydra" / "config.yaml"
    if "identity" not in run.record or not path.is_file():
        raise ConfigError(
            f"{run.folder} was not made by this version of launch (run.json names no identity, or "
            ".hydra/config.yaml is missing); train it again, or use the version that made it"
        )
    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(path))
    except Exception as error:
        raise ConfigError(f"{path} is damaged ({error}); restore it from config.yaml") from error
    if not content or not isinstance(content, dict):
        raise ConfigError(f"{path} is damaged: it holds no mapping; restore it from config.yaml")
    return content
