"""A key that is searched, in Hydra's grammar of sweeps. Imports no Optuna until it is asked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from launch.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class Dimension:
    """A key with what it may be.

    Attributes:
        key: as one types it, with its plus.
        sweep: as Hydra has parsed it.
        texts: of a choice, its elements as one types them.
    """

    key: str
    sweep: ChoiceSweep | IntervalSweep | RangeSweep
    texts: tuple[str, ...] = ()

    def override(self, value: Any) -> str:
        return f"{self.key}={value}"

    def distribution(self) -> "BaseDistribution":
        """The same for Optuna."""
        from optuna import distributions  # noqa: PLC0415 - an extra

        if isinstance(self.sweep, ChoiceSweep):
            return distributions.CategoricalDistribution(self.texts)
        low, high = self.ends
        whole = isinstance(low, int) and isinstance(high, int)
        step = self.sweep.step if isinstance(self.sweep, RangeSweep) else None
        log = "log" in self.sweep.tags
        if whole:
            return distributions.IntDistribution(low, high, log, int(step or 1))
        return distributions.FloatDistribution(low, high, log, step)

    @property
    def ends(self) -> tuple[Any, Any]:
        """The first and the last value that it may have."""
        if isinstance(self.sweep, ChoiceSweep):
            return self.texts[0], self.texts[-1]
        if isinstance(self.sweep, IntervalSweep):
            return self.sweep.start, self.sweep.end
        values = list(self.sweep.range())
        return values[0], values[-1]


def dimension(key: str, text: str) -> Dimension:
    """What `key=text` lets one choose from.

    Raises:
        ConfigError: if it is no sweep, or one that cannot be searched.
    """
    try:
        override: Override = OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"search: space.{key}: {reason}") from error
    sweep = override.value()
    if isinstance(sweep, IntervalSweep) and not float(sweep.start or 0) < float(sweep.end or 0):
        raise ConfigError(f"search: space.{key}: {text} is empty; write interval(LOW, HIGH)")
    if isinstance(sweep, ChoiceSweep):
        return Dimension(key, sweep, tuple(override.sweep_string_iterator()))
    if isinstance(sweep, IntervalSweep | RangeSweep):
        return Dimension(key, sweep)
    raise ConfigError(
        f"search: space.{key}: {text} leaves no choice; write interval(LOW, HIGH), "
        "range(LOW, HIGH, STEP), choice(A, B), or tag(log, interval(LOW, HIGH))"
    )
