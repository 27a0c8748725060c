"""The picture of a plan: what changes, row by row over one axis, masks as they will look."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import EngFormatter, MaxNLocator

from launch.record.storage import replacing
from launch.show.plan_table import fixed, number, shown
from launch.show.planned import Config, Masks, Planned, Thumbnails, stages

LINE, CHANGE, SOFT = "#0072B2", "#D55E00", "#999999"  # told apart in every kind of colour vision
WIDTH = 10.0  # inches
ROW, PICTURES, TEXT_LINE, FOOT = 0.85, 1.15, 0.17, 0.45  # inches
LEFT, RIGHT = 0.24, 0.97  # of the width
CHARACTERS = 160  # in a line of text
LABEL_SIZE = 6.5  # points


@dataclass(frozen=True)
class Block:
    """The rows of one run, or of one of its rungs, that share an axis.

    Attributes:
        text: what stays the same, in lines.
        rows: schedules that change, on the axis `unit`.
        masks: pictures of masks, each below the row of its schedule.
    """

    title: str
    text: list[str]
    rows: list[Planned]
    masks: Sequence[Thumbnails]
    unit: str
    config: Config


def draw(planned: Sequence[Planned], config: Config, masks: Masks, path: Path) -> None:
    """Write a PNG; a change of formula is a dot with its iteration and value."""
    blocks = list(divided(planned, config, masks))
    heights = [height(block) for block in blocks]
    figure = Figure((WIDTH, max(0.6, sum(heights))))
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights).ravel()
    for part, block, inches in zip(parts, blocks, heights, strict=True):
        fill(part, block, inches)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=130)


def divided(planned: Sequence[Planned], config: Config, masks: Masks) -> Iterator[Block]:
    """A block for each rung; what counts epochs of unknown length has one of its own."""
    lines = list(fixed(planned, config))
    for rung, whole in (config.get("rungs") or {"": config}).items():
        own = [p for p in planned if p.rung == rung]
        text = [line for name, line in lines if name == rung]
        moving = shown([p for p in own if not p.is_constant])
        placed = [p for p in moving if p.iterations is not None]
        unplaced = [p for p in moving if p.iterations is None]
        epochs = (p.updates_per_epoch for p in placed if p.unit == "epoch")
        length = next(epochs, None)
        unit = f"iteration ({number(length)} in an epoch)" if length else "iteration"
        if placed or text or not unplaced:
            yield Block(rung, wrapped(text), placed, masks.get(rung, ()), unit, whole)
        if unplaced:
            known = all(p.length_known for p in unplaced)
            unit = "epoch" if known else "epoch (the end is known with the data only)"
            told = bool(placed or text)
            yield Block("" if told else rung, [], unplaced, (), unit, {})


def wrapped(lines: Sequence[str]) -> list[str]:
    """Lines that fit; a key and its value stay together."""
    joined = (re.sub(r" (?=[-\d.e]+(,|$))", "\u00a0", line) for line in lines)
    return [part for line in joined for part in textwrap.wrap(line, CHARACTERS)]


def height(block: Block) -> float:
    """Inches."""
    texts = TEXT_LINE * (len(block.text) + 1.6 * bool(block.title)) + 0.15
    rows = ROW * len(block.rows) + PICTURES * len(block.masks)
    return texts + rows + (FOOT if block.rows else 0) + 0.45 * bool(stages(block.config))


def fill(part: SubFigure, block: Block, inches: float) -> None:
    """Text from the top, then the rows, with a line through all of them at every change."""
    top = inches - 0.12
    if block.title:
        part.text(0.01, top / inches, block.title, fontsize=10, weight="bold", va="top")
        top -= 1.6 * TEXT_LINE
    for line in block.text:
        part.text(0.01, top / inches, line, fontsize=7.5, va="top", color="#333333")
        top -= TEXT_LINE
    end = max((p.last * (p.iterations or 1) for p in block.rows), default=1)
    lines = {c * (p.iterations or 1) for p in block.rows for c in p.changes}
    axes: list[Axes] = []

    def area(high: float) -> Axes:
        nonlocal top
        top -= high
        inner = (LEFT, (top + 0.12) / inches, RIGHT - LEFT, (high - 0.24) / inches)
        return part.add_axes(inner)

    if stages(block.config) and block.rows:
        axes.append(area(0.45))
        bars(axes[-1], block.config)
    waiting = list(block.masks)
    for place, p in enumerate(block.rows):
        axes.append(area(ROW))
        row(axes[-1], p, lines)
        if place + 1 == len(block.rows):
            top -= FOOT
        label = p.key.split(".")[1] if p.key.startswith("masks.") else None
        following = [n.key.split(".")[1] for n in block.rows[place + 1 :] if n.key[:6] == "masks."]
        for mask in [m for m in waiting if m.label == label and label not in following]:
            waiting.remove(mask)
            pictures(part, area, mask)
    for mask in waiting:
        pictures(part, area, mask)
    for ax in axes:
        ax.set_xlim(0, end)
        ax.tick_params(labelbottom=ax is axes[-1])
    if axes:
        axes[-1].set_xlabel(block.unit, fontsize=7.5)
        axes[-1].xaxis.set_major_formatter(EngFormatter(sep=""))


def row(ax: Axes, planned: Planned, lines: set[float] | None = None) -> None:
    """The course of one schedule over the run."""
    scale = planned.iterations or 1
    points = [point for point in planned.points() if point <= planned.last]
    values = [planned.schedule(point) for point in points]
    style = "default"
    if planned.unit == "epoch":  # a value holds for an epoch, and none begins at the end
        style, values[-1] = "steps-post", planned.schedule(planned.end)
    for at in lines or ():
        ax.axvline(at, color=SOFT, linewidth=0.6, linestyle=":")
    ax.plot([point * scale for point in points], values, color=LINE, linewidth=1.8, drawstyle=style)
    ax.set_ylabel(planned.key, fontsize=7.5, rotation=0, ha="right", va="center")
    ax.yaxis.set_major_locator(MaxNLocator(2))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.tick_params(labelsize=6.5)
    ax.margins(y=0.45)
    ax.set_xlim(0, planned.last * scale)
    ax.spines[["top", "right"]].set_visible(False)
    labels(ax, planned)


def labels(ax: Axes, planned: Planned) -> None:
    """A dot at each change, and its place and value where no other label stands."""
    scale, taken = planned.iterations or 1, []
    width = ax.figure.bbox.width / ax.figure.dpi * (RIGHT - LEFT) * 72  # points
    for change in planned.changes:
        value, x = planned.schedule(change), change / max(planned.last, 1) * width
        ax.plot([change * scale], [value], marker="o", markersize=3.5, color=CHANGE)
        unit = "epoch " if planned.unit == "epoch" and scale != 1 else ""
        text = f"{unit}{change}: {number(value)}"
        size = 0.6 * LABEL_SIZE * len(text) + 6
        left = x - size if x + size > width else x
        for level in (4, -9):
            if all(level != other or left + size < a or left > b for other, a, b in taken):
                taken.append((level, left, left + size))
                ax.annotate(
                    text,
                    (change * scale, value),
                    xytext=(-3 if left < x else 3, level),
                    textcoords="offset points",
                    ha="right" if left < x else "left",
                    fontsize=LABEL_SIZE,
                    color=CHANGE,
                )
                break


def bars(ax: Axes, config: Config) -> None:
    """The stages of a run, side by side."""
    for place, stage in enumerate(stages(config)):
        ax.barh(0, stage["steps"], left=stage["first"], color=("#DDE9F3", "#F6E5D8")[place % 2])
        middle = stage["first"] + stage["steps"] / 2
        ax.text(middle, 0, str(stage.get("name")), fontsize=7, ha="center", va="center")
    ax.set_yticks([])
    ax.set_ylabel("stage", fontsize=7.5, rotation=0, ha="right", va="center")
    ax.spines[:].set_visible(False)


def pictures(part: SubFigure, area: Callable[[float], Axes], mask: Thumbnails) -> None:
    """A mask at shares of its growth, white where it counts."""
    frame = area(PICTURES)
    frame.set_axis_off()
    box = frame.get_position()
    count = len(mask.images)
    for place, (at, image) in enumerate(zip(mask.iterations, mask.images, strict=True)):
        wide = box.width / 5
        ax = part.add_axes((box.x0 + place * wide, box.y0 - 0.0, wide * 0.94, box.height * 0.92))
        ax.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
        share = f"{100 * place // max(count - 1, 1)} %, " if count > 1 else ""
        ax.set_title(f"{share}iteration {at}", fontsize=6.5, pad=2)
        ax.set_xticks([])
        ax.set_yticks([])
    part.text(
        LEFT - 0.01,
        box.y0 + box.height / 2,
        f"masks.{mask.label}\n(white counts)",
        fontsize=7,
        ha="right",
        va="center",
    )
