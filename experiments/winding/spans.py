"""What the masks of the stages do over a run: the course of a pie in segments, and what is seldom
meant. Torch-free.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from launch.experiments.winding.stages import Stage
from launch.schedules import interpolate

PIE = "central_winding_pie_ema"


def effects(stages: Sequence[Stage], segments: int | None = None) -> Iterator[str]:
    """What is in range and yet has no effect, or another than it seems, one sentence each.

    Args:
        segments: of the central column, where that is known.
    """
    for stage in stages:
        for mask in stage.masks:
            place = f"mask {mask['label']!r} of stage {stage.name!r}"
            off = [term for term in mask["losses"] if term not in stage.weights]
            if off:
                yield f"{place} also gates {', '.join(off)}, which has weight 0 there"
            stop, start = mask.get("ramp_stop_it"), mask.get("start_size_segs")
            if isinstance(stop, int) and stop > stage.steps:
                yield (
                    f"{place} grows until iteration {stop}, but its stage ends after "
                    f"{stage.steps}: it is never fully open"
                )
            if segments and isinstance(start, int | float) and start >= segments:
                yield covers_all(place, start, segments)


def covers_all(place: str, start: float, segments: int) -> str:
    """That a pie spans the whole column before it grows."""
    return (
        f"{place} starts with {start:g} segments, and the central column has {segments}: it spans "
        "all of it from the beginning, so that it gates next to nothing; lower start_size_segs or "
        "module.mesh_step"
    )


def pies(stages: Sequence[Stage]) -> list[str]:
    """Labels of the masks whose size is given in segments, each once."""
    labels = [mask["label"] for stage in stages for mask in stage.masks if mask.get("type") == PIE]
    return list(dict.fromkeys(labels))


def span(stages: Sequence[Stage], label: str, segments: int) -> list[list[float]]:
    """`[[iteration, segments], ...]`: what a pie spans; everything in stages without it."""
    points: dict[int, float] = {0: float(segments)}
    for stage in stages:
        for mask in stage.masks:
            if mask["label"] == label and mask.get("type") == PIE:
                points |= course(mask, stage, segments)
    return [[iteration, points[iteration]] for iteration in sorted(points)]


def course(mask: Mapping[str, Any], stage: Stage, segments: int) -> dict[int, float]:
    """Iterations of the run and the span there, from just before a stage to just after it.

    An adaptive front is drawn where it would be if it never had to wait.
    """
    size = min(max(float(mask.get("start_size_segs", 1)), 1.0), segments)
    start = stage.first + int(mask.get("ramp_start_it", 0))
    end = max(stage.first + int(mask.get("ramp_stop_it", 0)), start + 1)
    shape = "cosine" if mask.get("growth") == "cosine" else "linear"

    def at(iteration: int) -> float:
        return interpolate(iteration, start, end, size, float(segments), shape)

    last = stage.stop - 1
    steps = 8 if shape == "cosine" else 1  # the plan draws straight lines
    bends = [start + round((end - start) * part / steps) for part in range(steps + 1)]
    inside = [stage.first, *(p for p in bends if p < last), last]
    before = {stage.first - 1: float(segments)} if stage.first else {}
    return {**before, **{p: at(p) for p in inside}, stage.stop: float(segments)}
