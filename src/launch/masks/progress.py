"""How far a mask has grown: 0 at the start of its ramp, 1 from its end on. Torch-free."""

from typing import Literal

from launch.errors import ConfigError
from launch.schedules import interpolate

Growth = Literal["linear", "cosine"]


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
