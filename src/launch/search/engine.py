"""Optuna behind a search: where its trials are kept, and what it proposes next. No torch."""

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from launch.errors import ConfigError, MissingError, nearest
from launch.search.search import Search

try:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
except ImportError as error:
    raise MissingError(
        "a search needs Optuna: pip install 'launch-recipes[search]' (optuna>=5)"
    ) from error

CONSTRAINTS = "constraints"
ERROR = "error"
SAMPLERS = ("TPESampler", "RandomSampler", "GPSampler", "CmaEsSampler")
"""Those that can be seeded anew for every trial and know the earlier ones from the storage."""


def opened(search: Search, mode: str, folder: Path) -> optuna.Study:
    """The study of a search in its storage, made if it is not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=storage(search.storage, folder),
        study_name=search.name,
        direction="maximize" if mode == "max" else "minimize",
        sampler=sampler(search, 0),
        pruner=pruner(search),
        load_if_exists=True,
    )


def storage(name: str, folder: Path) -> Any:
    """`sqlite` and `journal` lie in the folder; anything else is a URL."""
    if name == "journal":
        return JournalStorage(JournalFileBackend(str(folder / "search.journal")))
    url = f"sqlite:///{folder / 'search.db'}" if name == "sqlite" else name
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}}
                                      if url.startswith("sqlite") else None)  # fmt: skip


def sampler(search: Search, number: int) -> BaseSampler:
    """One for each trial, seeded by its number.

    What it proposes then follows from the trials that have ended and not from how many this process
    has asked for, so that a search that was stopped goes on as if it had not been.
    """
    arguments = {"seed": search.seed * 100_003 + number}
    if search.constraints:
        arguments |= {"constraints_func": constraints}
    return made(search.sampler, "sampler", optuna.samplers, SAMPLERS, arguments)


def pruner(search: Search) -> optuna.pruners.BasePruner:
    names = [name for name in optuna.pruners.__all__ if name not in ("BasePruner", "PatientPruner")]
    return made(search.pruner or {"type": "NopPruner"}, "pruner", optuna.pruners, names, {})


def made(
    node: dict[str, Any], what: str, module: Any, names: Sequence[str], own: dict[str, Any]
) -> Any:
    """The class of a `type` with its arguments.

    Raises:
        ConfigError: for a class or an argument that there is not.
    """
    given = {key: value for key, value in node.items() if key != "type"}
    kind = str(node.get("type"))
    if kind not in names:
        guess = nearest(kind, names) or f" One of {', '.join(names)}."
        raise ConfigError(f"search: {what}: there is no {kind}.{guess}")
    cls = getattr(module, kind)
    known = signature(cls).parameters
    for key in given.keys() - known.keys():
        raise ConfigError(f"search: {what}: {kind} has no {key!r}.{nearest(key, known)}")
    try:
        return cls(**{key: value for key, value in (own | given).items() if key in known})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"search: {what}: {kind}: {error}") from error


def constraints(trial: optuna.trial.FrozenTrial) -> Sequence[float]:
    """How far each constraint is violated; at most 0 if it is kept."""
    return trial.user_attrs.get(CONSTRAINTS, ())


def is_feasible(trial: optuna.trial.FrozenTrial) -> bool:
    return all(value <= 0 for value in constraints(trial))
