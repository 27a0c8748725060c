"""`task=plan`: every schedule of a configuration, drawn before a GPU hour is spent."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from launch.record.storage import replacing
from launch.show.flags import flags
from launch.show.planned import Config, Facts, Masks, Planned, collect, needs_data

if TYPE_CHECKING:
    from launch.show.preview import Preview


def main(config: Config, folder: Path) -> int:
    """`task=plan`: tables in the terminal, `plan.png` and `plan.csv` in the folder.

    The data is read where the plan depends on it: for the length of an epoch and for masks.
    """
    at = config["plan"]["at"]
    from launch.show import plan_table  # noqa: PLC0415 - it draws what this module defines

    collect(config)  # a mistake is told before any data is read
    runs = config.get("rungs") or {"": config}
    unclear = {rung: whole for rung, whole in runs.items() if needs_data(whole)}
    seen = previews(unclear) if unclear else {}
    planned = collect(config, {rung: p.facts for rung, p in seen.items()}, learning_rates=True)
    plan_table.show(planned, at, config)
    masks = {rung: p.masks for rung, p in seen.items()}
    found = [*save(planned, folder, at, config, masks)]
    found += [problem for p in seen.values() for problem in p.facts.problems]
    for sentence in dict.fromkeys(found):
        print(f"warning: {sentence}")
    print(f"picture: {folder / 'plan.png'}\ntable: {folder / 'plan.csv'}")
    return 0


def previews(runs: Mapping[str, Config]) -> dict[str, "Preview"]:
    """What the data says of each run."""
    from launch.show import preview  # noqa: PLC0415 - torch is slow to import

    return preview.previews(runs)


def write(config: Config, folder: Path, updates_per_epoch: float | None = None) -> list[str]:
    """Put `plan.png` and `plan.csv` of one run into its folder; returns the flags."""
    facts = Facts(updates_per_epoch)
    return save(collect(config, {"": facts}), folder, [], config, {})


def save(
    planned: Sequence[Planned], folder: Path, at: Sequence[int], config: Config, masks: Masks
) -> list[str]:
    """Write picture and table; returns the flags."""
    from launch.show import plan_picture  # noqa: PLC0415 - plotting is slow to import

    with replacing(folder / "plan.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("schedule", "unit", "at", "value"))
        writer.writerows(rows(planned, at))
    plan_picture.draw(planned, config, masks, folder / "plan.png")
    return flags(planned, config)


def rows(planned: Iterable[Planned], at: Sequence[int]) -> Iterator[tuple[str, str, int, str]]:
    """Rows of `plan.csv`: schedule, unit, at, value."""
    for p in planned:
        for point in p.points(at):
            yield p.name, p.unit, point, format(float(p.schedule(point)), ".10g")
