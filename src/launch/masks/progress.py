"""How far a mask has grown: 0 at the start of its ramp, 1 from its end on. Torch-free."""

from typing import Any, Literal

from launch.errors import ConfigError
from launch.schedules import interpolate

Growth = Literal["linear", "cosine"]
GrowthOrAdaptive = Literal["linear", "cosine", "adaptive"]


def progress(iteration: int, start: int, stop: int, growth: Growth = "linear") -> float:
    """0 up to `start`, 1 from `stop` on; with `start == stop` it jumps right after `start`."""
    if iteration <= start:
        return 0.0
    return interpolate(iteration, start, stop, 0.0, 1.0, growth)


def check_ramp(start: int, stop: int) -> None:
    """Raises ConfigError when a ramp ends before it starts."""
    if stop < start:
        raise ConfigError(
            f"ramp_stop_it {stop} is before ramp_start_it {start}; a mask grows from "
            "ramp_start_it to ramp_stop_it"
        )


def advance(
    memory: dict[str, Any], iteration: int, pace: float, blocked: tuple[bool, ...]
) -> tuple[float, ...]:
    """Progress of fronts that wait: each gains `pace` per iteration unless it is blocked.

    `memory` keeps the positions, so that a front depends on what it saw and not on the iteration
    alone; asking twice for one iteration moves nothing.
    """
    fronts = tuple(memory.get("fronts", (0.0,) * len(blocked)))
    elapsed = iteration - memory.get("seen", iteration)
    if elapsed > 0:
        moved = pace * elapsed
        fronts = tuple(
            front if wait else min(1.0, front + moved)
            for front, wait in zip(fronts, blocked, strict=True)
        )
    memory["fronts"], memory["seen"] = list(fronts), iteration
    return fronts
