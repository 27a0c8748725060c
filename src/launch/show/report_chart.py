"""A small line chart as SVG, without a plotting library."""

from collections.abc import Sequence

WIDTH, HEIGHT = 260, 120
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 8, 18  # margins that hold the numbers

Points = Sequence[tuple[float, float]]


def chart(points: Points) -> str:
    """The course of one quantity with its range and the last iteration; at least one point."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    places = [
        (
            scaled(x, min(xs), max(xs), LEFT, WIDTH - RIGHT),
            scaled(y, min(ys), max(ys), HEIGHT - BOTTOM, TOP),
        )
        for x, y in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    last_x, last_y = places[-1]
    floor = HEIGHT - BOTTOM
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-size="10" fill="currentColor" role="img">'
        f'<path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" stroke="#8888"/>'
        f"{text(LEFT - 4, TOP + 8, max(ys))}{text(LEFT - 4, floor, min(ys))}"
        f"{text(WIDTH - RIGHT, HEIGHT - 4, max(xs))}"
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="1.5"/>'
        f'<circle cx="{last_x:.1f}" cy="{last_y:.1f}" r="3" fill="#0072b2">'
        f"<title>{xs[-1]:g}: {ys[-1]:.5g}</title></circle></svg>"
    )


def scaled(value: float, low: float, high: float, start: float, stop: float) -> float:
    """`low` to `start` and `high` to `stop`; the middle where there is no range."""
    share = (value - low) / (high - low) if high > low else 0.5
    return start + share * (stop - start)


def text(x: float, y: float, value: float) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="end">{value:.4g}</text>'
