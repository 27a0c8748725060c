"""The few numbers that are told of a run, each beside what needs no training. No torch."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launch.tools.columns import columns

BASELINES = ("baseline", "bicubic", "constant", "identity", "mean", "persistence", "random")
"""`psnr_y_bicubic` is the baseline of `psnr_y`, and so on: what needs no training."""

LOWER_IS_BETTER = {"l1", "l2", "mae", "mse", "rmse", "loss", "error", "lpips", "nlpd", "slip"}
HIGHER_IS_BETTER = {"psnr", "ssim", "iou", "acc", "accuracy", "auroc", "f1", "ap", "recall"}

AT_MOST = 3


@dataclass(frozen=True)
class Told:
    """A metric and its baseline; `better` is None where the name does not tell the direction."""

    name: str
    value: float
    base: str
    base_value: float

    @property
    def better(self) -> bool | None:
        gain = direction(self.name) * (self.value - self.base_value)
        return gain > 0 if direction(self.name) else None

    @property
    def verdict(self) -> str:
        return {True: "better", False: "worse", None: ""}[self.better]


def direction(name: str) -> int:
    """1 where more is better by the words of a name, -1 where less is, 0 where none says it."""
    words = set(re.split(r"[_/]", name.lower()))
    return -1 if words & LOWER_IS_BETTER else int(bool(words & HIGHER_IS_BETTER))


def baseline(name: str, metrics: Iterable[str]) -> str | None:
    """The metric of the same runs that the named one has to beat, by its name."""
    known = set(metrics)
    return next((f"{name}_{s}" for s in BASELINES if f"{name}_{s}" in known), None)


def told(metrics: Mapping[str, float], main: str | None = None) -> list[Told]:
    """At most three metrics with a baseline: the main one, then one of each quantity.

    A quantity is the first word of a name, and its last metric counts: `albedo_l1_sky` after
    `albedo_l1_mat`.
    """
    pairs = [(name, base) for name in metrics if (base := baseline(name, metrics))]
    last = {name.split("_")[0]: (name, base) for name, base in pairs}
    chosen = [*(p for p in pairs if p[0] == main), *last.values()]
    found = [Told(n, metrics[n], b.removeprefix(f"{n}_"), metrics[b]) for n, b in chosen]
    return list(dict.fromkeys(found))[:AT_MOST]


def lines(metrics: Mapping[str, float], main: str | None = None) -> list[str]:
    """As text, in columns; without baselines the main metric alone."""
    rows = [
        (t.name, f"{t.value:.4g}", f"{t.base} {t.base_value:.4g}", t.verdict)
        for t in told(metrics, main)
    ]
    if not rows and main and main in metrics:
        rows = [(main, f"{metrics[main]:.4g}", "", "")]
    return columns(rows).splitlines()
