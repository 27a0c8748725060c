"""What a `search:` section says. Imports neither torch nor Optuna."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf
from pydantic import Field, NonNegativeInt, PositiveInt, TypeAdapter, ValidationError

from launch.composition.typed import Typed, last_wins, normalised
from launch.errors import ConfigError, nearest
from launch.ladder.gates import AnyGate
from launch.search.space import Dimension, dimension

Values = Mapping[str, Any]
GROWS = ("trials",)
"""What may differ when a search is continued."""


@dataclass(frozen=True)
class Search:
    """A search.

    Attributes:
        space: key -> what it may be, in Hydra's grammar of sweeps: `interval(0, 1)`,
            `tag(log, interval(1e-5, 1e-2))`, `int(interval(1, 8))`, `range(0, 400, 50)`,
            `choice(linear, cosine)`. A name that only `sums` mention is a number for them.
        sums: key -> names in the space whose sum it is, such as the end of a ramp from its start
            and its length.
        trials: how many, those that failed or were pruned included.
        seeds: each trial trains once with each; its value is their mean.
        metric, mode: what is searched for; the main metric of the experiment if null.
        constraints: gates (see `launch.ladder.gates`) that a trial has to leave open.
        sampler, pruner: classes of `optuna.samplers` and `optuna.pruners` by `type`, with their
            arguments. A trial is pruned by the validations of its first seed.
        seed: of the sampler. What it proposes depends on it, the number of the trial, and the
            trials that have ended.
        storage: `sqlite` or `journal` in the folder of the search, or a URL as Optuna takes it.
        shared: overrides of every trial.
    """

    name: str
    space: dict[str, str]
    shared: list[str] = field(default_factory=list)
    sums: dict[str, list[str]] = field(default_factory=dict)
    trials: PositiveInt = 30
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)] = field(default_factory=lambda: [0])
    metric: str | None = None
    mode: Literal["min", "max"] | None = None
    constraints: list[AnyGate] = field(default_factory=list)
    sampler: dict[str, Any] = field(default_factory=lambda: {"type": "TPESampler"})
    pruner: dict[str, Any] | None = None
    seed: NonNegativeInt = 0
    storage: str = "sqlite"

    @property
    def dimensions(self) -> list[Dimension]:
        return [dimension(key, text) for key, text in self.space.items()]

    def overrides(self, values: Values, seed: int) -> list[str]:
        """What the run of a trial is started with."""
        numbers = {d.key.lstrip("+"): values[d.key] for d in self.dimensions}
        added = {name for names in self.sums.values() for name in names}
        chosen = [
            d.override(values[d.key]) for d in self.dimensions if d.key not in added or "." in d.key
        ]
        chosen += [f"{key}={sum(numbers[n] for n in names)}" for key, names in self.sums.items()]
        return last_wins(map(normalised, [*self.shared, *chosen, f"seed={seed}"]))

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this search, in plain containers."""
        return {key: value for key, value in asdict(self).items() if key not in GROWS}


def read(config: DictConfig | Mapping[str, Any], typed: list[str]) -> Search:
    """The search of a `search:` section, and of what is typed beside it.

    Raises:
        ConfigError: for everything that is missing, unknown or contradictory.
    """
    plain: Any = OmegaConf.to_container(config) if isinstance(config, DictConfig) else dict(config)
    known = [f.name for f in fields(Search)]
    problems = [f"there is no {key!r}.{nearest(key, known)}" for key in plain.keys() - set(known)]
    given = Typed.read(typed)
    pairs = list(zip(given.texts, given.parsed, strict=True))
    swept = {o.get_key_element(): text.partition("=")[2] for text, o in pairs
             if o.is_sweep_override()}  # fmt: skip
    plain["space"] = {k: str(v) for k, v in (plain.get("space") or {}).items()} | swept
    plain["shared"] = [
        *(plain.get("shared") or []),
        *(text for text, o in pairs if not o.is_sweep_override()),
    ]
    if not plain["space"]:
        problems.append("nothing to choose; type a range, as module.optimizer.lr='interval(0, 1)'")
    try:
        search = TypeAdapter(Search).validate_python(plain)
        problems += contradictions(search)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    if problems:
        raise ConfigError("\n".join(f"search: {problem}" for problem in problems))
    return search


def contradictions(search: Search) -> Iterator[str]:
    """Rules between several keys."""
    keys = [d.key.lstrip("+") for d in search.dimensions]
    for key, names in search.sums.items():
        for name in names:
            if name not in keys:
                yield f"sums.{key}: {name} is not in the space.{nearest(name, keys)}"
    if (search.metric is None) != (search.mode is None):
        yield "metric and mode are given together, or both are those of the main metric"
    if "seed" in keys:
        yield "seeds are no choice to be made; type search.seeds=[0,1,2]"
