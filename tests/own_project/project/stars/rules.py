import math
from dataclasses import dataclass
from typing import Any

from launch.ladder.gates import Gate, Verdict


@dataclass(frozen=True)
class Breathing:
    height: float
    period: int
    unit: str = "iteration"

    def __call__(self, i: int) -> float:
        return self.height * (1 - math.cos(2 * math.pi * i / self.period)) / 2

    def changes(self) -> tuple[int, ...]:
        return tuple(range(0, 1000, self.period // 2))


@dataclass(frozen=True, kw_only=True)
class Measured(Gate):
    times: int

    def judge(self, rows: Any, earlier: Any) -> Verdict:
        found = f"{len(rows)} validations"
        return Verdict(len(rows) >= self.times, {"validations": len(rows)}, found, self)
