"""The objective: named loss terms, each with a weight that is a schedule of the iteration."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import Tensor, nn

from launch.errors import ConfigError, NonFiniteError
from launch.losses import LOSSES
from launch.record import targets
from launch.schedules import LOSS_WEIGHT_KEYS, Schedule, weight

Inputs = tuple[Any, ...] | Callable[[], tuple[Any, ...]]


class Balance(nn.Module):
    """Makes the sum; this one by the scheduled weights, another may move them.

    Attributes:
        weights: the moved weights of the latest sum, for the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, Any] = {}

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        """Weighted sum of the active terms, from their values and scheduled weights."""
        return reduce(torch.add, [weights[name] * value for name, value in values.items()])


@dataclass
class Term:
    """A loss, mostly a module, and the schedule of its weight."""

    loss: Callable[..., Any]
    weight: Schedule

    @property
    def honours_masks(self) -> bool:
        """Whether the loss takes a `mask` and averages over it."""
        return getattr(self.loss, "honours_masks", False)


class ScheduledLosses(nn.Module):
    """Weighted sum of named loss terms; a term whose weight is 0 is not computed.

        total, terms = self.losses(pixel=(pred, target), gan=lambda: (self.discriminator(pred),))

    Inputs are given by term name, as the positional arguments of that loss, or as a function
    that makes them and is called only while the term is active. The callback `LossSchedule`
    writes the slots `iteration` and `epoch`.

    Attributes:
        iteration: completed updates, the argument of every weight.
        epoch: completed passes over the data, for weights counted in epochs.
        balance: makes the sum; a recipe may put one here that moves the weights.
        values: raw value of each active term of the latest call, detached; a loss that returns a
            dict adds one entry per component, `term/component`.
    """

    def __init__(self, terms: dict[str, Term]) -> None:
        super().__init__()
        self.terms = terms
        modules = {name: t.loss for name, t in terms.items() if isinstance(t.loss, nn.Module)}
        self.modules_by_name = nn.ModuleDict(modules)
        self.iteration = 0
        self.epoch = 0
        self.balance = Balance()
        self.values: dict[str, Tensor] = {}
        self._unchecked: list[tuple[int, dict[str, Tensor]]] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self.terms)

    def __contains__(self, name: str) -> bool:
        return name in self.terms

    def __getitem__(self, name: str) -> Any:
        return self.terms[name].loss

    def weight(self, name: str, iteration: int | None = None) -> float:
        """Weight of one term now, or at another iteration."""
        schedule = self.terms[name].weight
        if schedule.unit == "epoch":
            return schedule(self.epoch)
        return schedule(self.iteration if iteration is None else iteration)

    def weights(self) -> dict[str, float]:
        """Weight of every term now: balanced, if it took part in the latest sum."""
        balanced = {name: float(w) for name, w in self.balance.weights.items()}
        return {name: balanced.get(name, w) for name, w in self.scheduled().items()}

    def scheduled(self) -> dict[str, float]:
        """Weight of every term now by its schedule."""
        return {name: self.weight(name) for name in self.terms}

    def forward(self, **inputs: Inputs) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and the raw values of the active terms, detached.

        Raises:
            ConfigError: if the inputs do not match the terms, or no term is active.
            NonFiniteError: if a term is NaN or infinite (on a GPU: at the next check).
        """
        if inputs.keys() != self.terms.keys():
            raise ConfigError(self._mismatch(set(inputs)))
        active = {name: w for name, w in self.scheduled().items() if w != 0}
        if not active:
            raise ConfigError(f"no loss term is active at iteration {self.iteration}")
        self.values = {}
        live = {name: self._evaluate(name, inputs[name]) for name in active}
        total = self.balance(live, active, self.iteration)
        on_cpu = total.device.type == "cpu"
        if not on_cpu or not math.isfinite(total.item()):
            self._unchecked.append((self.iteration, self.values))
        if on_cpu:
            self.check_finite()
        return total, self.values

    def check_finite(self) -> None:
        """Look at every value since the last check, in one device synchronisation.

        Raises:
            NonFiniteError: naming the first bad term and its iteration.
        """
        pending, self._unchecked = self._unchecked, []
        names = [(i, name) for i, values in pending for name in values]
        if not names:
            return
        stacked = torch.stack([v.float().mean() for _, values in pending for v in values.values()])
        for (iteration, name), value in zip(names, stacked.tolist(), strict=True):
            if not math.isfinite(value):
                raise NonFiniteError(name, iteration, value)

    def _evaluate(self, name: str, inputs: Inputs) -> Tensor:
        value = self.terms[name].loss(*(inputs() if callable(inputs) else inputs))
        if isinstance(value, Tensor):
            self.values[name] = value.detach()
            return value
        if not isinstance(value, Mapping):
            got = type(value).__name__
            raise ConfigError(f"losses.{name} returned a {got}; return a scalar, or a dict of them")
        self.values |= {f"{name}/{part}": v.detach() for part, v in value.items()}
        return torch.stack(list(value.values())).sum()

    def _mismatch(self, given: set[str]) -> str:
        missing, surplus = sorted(self.terms.keys() - given), sorted(given - self.terms.keys())
        return f"loss inputs do not match the terms: missing {missing}, not configured {surplus}"


def build(config: dict[str, dict[str, Any]]) -> ScheduledLosses:
    """The objective of a composed `losses:` section, `{name: {type, loss_weight, ...}}`."""
    return ScheduledLosses({name: _term(name, dict(entry)) for name, entry in config.items()})


def _term(name: str, entry: dict[str, Any]) -> Term:
    schedule = {key: entry.pop(key) for key in LOSS_WEIGHT_KEYS & entry.keys()}
    arguments = {key: value for key, value in entry.items() if key != "type"}
    try:
        node = arguments | {"_target_": targets.of_entry(entry, LOSSES)}
        return Term(instantiate(node, _convert_="all"), weight(schedule))
    except (ConfigError, InstantiationException) as error:
        cause = error.__cause__ or error
        if isinstance(cause, (ConfigError, TypeError, ValueError)):
            raise ConfigError(f"losses.{name}: {cause}") from error
        raise cause from None
