"""What only the data of a run can say: how long an epoch is, how masks look.

Imports torch and reads the data, but trains nothing. And what a training would refuse once it is
built, so that a plan refuses it as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from hydra.errors import InstantiationException

from launch.errors import ConfigError, LaunchError, MissingError
from launch.losses import files
from launch.masks.build import build as build_masks
from launch.masks.scheduled import ScheduledMask
from launch.record.references import REFERENCES
from launch.show.planned import Config, Facts, Thumbnails
from launch.train import build
from launch.train.data import ScheduledDataModule
from launch.train.module import ScheduledModule

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Preview:
    """Facts for schedules, and thumbnails of the masks, of one run."""

    facts: Facts
    masks: list[Thumbnails]


def missing(runs: Iterable[Config]) -> list[str]:
    """What would stop a training of these runs and is not there yet.

    Raises:
        ConfigError: for what a training would refuse.
    """
    found = []
    for config in runs:
        try:
            rehearsed(config)
            build.build_data(without_weights(config))
            files.require(dict(config))
        except (InstantiationException, MissingError) as error:
            told = build.readable(error)
            if not isinstance(told, MissingError):
                raise told from error
            found.append(f"a training would stop: {told.message}")
    return list(dict.fromkeys(found))


def rehearsed(config: Config) -> ScheduledModule | None:
    """The module of a training, less weights from elsewhere; None if it cannot be without them.

    Raises:
        ConfigError: as the training would.
    """
    bare = without_weights(config)
    losses = {name: loss for name, loss in bare["losses"].items() if loss}
    masks = bare.get("masks") if len(losses) == len(bare["losses"]) else []
    try:
        return build.build_module(bare | {"losses": losses, "masks": masks})
    except MissingError:
        return None
    except ConfigError:
        raise
    except Exception as error:
        if bare != config:
            return None  # for want of the weights, as far as one can tell
        raise build.readable(error) from error


def previews(runs: Mapping[str, Config]) -> dict[str, Preview]:
    """A preview of each run; those without masks that share their data are read once."""
    known: dict[str, Preview] = {}
    for whole in runs.values():
        if same(whole) not in known:
            known[same(whole)] = preview(whole)
    return {rung: known[same(whole)] for rung, whole in runs.items()}


def same(config: Config) -> str:
    """What two runs must share to have the same preview."""
    keys = ("data", "seed", *(("module", "masks") if config.get("masks") else ()))
    return repr([config.get(key) for key in keys] + [config["trainer"].get("accumulate")])


def preview(config: Config) -> Preview:
    """What the data of a run says; a problem with it is told and leaves the rest of the plan."""
    bare: dict[str, Any] = without_weights(dict(config)) | {"losses": {}, "masks": []}
    try:
        data = build.build_data(bare)
        data.setup("fit")
        per_epoch = data.batches_per_epoch / config["trainer"].get("accumulate", 1)
    except (LaunchError, InstantiationException, OSError) as error:
        said = f"epochs have no length here: {error.__cause__ or error}"
        return Preview(Facts(problems=[said]), [])
    try:
        spans, masks = drawn(config, bare, data) if config.get("masks") else ({}, [])
    except (LaunchError, InstantiationException, OSError) as error:
        said = f"masks are not drawn: {error.__cause__ or error}"
        return Preview(Facts(per_epoch, problems=[said]), [])
    return Preview(Facts(per_epoch, spans), masks)


def drawn(
    config: Config, bare: dict[str, Any], data: ScheduledDataModule
) -> tuple[dict[str, dict[str, tuple[float, float]]], list[Thumbnails]]:
    """What masks span, and how they look, from the state of the module before its first step."""
    module = build.build_module(bare)
    module.trainer = Stand(data)  # type: ignore[assignment]
    module.setup("fit")
    data.first_batch, data.last_batch = 0, 1
    state = module.mask_state(next(iter(data.train_dataloader())))
    last = config["trainer"].get("max_iterations") or 0
    masks = build_masks(config.get("masks") or []).masks
    known = {mask.label: getattr(mask.generator, "spans", None) for mask in masks}
    spans = {label: spans(state) for label, spans in known.items() if spans}
    return spans, [thumbnails(mask, state, last) for mask in masks]


class Stand(SimpleNamespace):
    """Stands for a trainer where a module asks for its data."""

    def __init__(self, data: ScheduledDataModule) -> None:
        super().__init__(datamodule=data, global_rank=0)


def thumbnails(mask: ScheduledMask, state: Mapping[str, Any], last: int) -> Thumbnails:
    """A mask over its ramp, as far as its window or the run lets it come."""
    generator = mask.generator
    window = max(0, (last if mask.stop is None else mask.stop) - mask.start - 1)
    first = min(window, getattr(generator, "ramp_start_it", 0))
    endless = hasattr(generator, "velocity")
    stop = window if endless else min(window, getattr(generator, "ramp_stop_it", first))
    at = list(dict.fromkeys(round(first + share * (stop - first)) for share in SHARES))
    size, device = state["size"], state.get("device", torch.device("cpu"))
    images = [generator.generate(i, state, size, device)[0, 0].cpu().numpy() for i in at]
    return Thumbnails(mask.label, [mask.start + i for i in at], images)


def without_weights(config: Any) -> Any:
    """A configuration with null for what needs weights: of other runs, and published ones."""
    if isinstance(config, dict):
        if files.published(config):
            return None
        return {key: without_weights(value) for key, value in config.items()}
    if isinstance(config, list):
        return [without_weights(value) for value in config]
    return None if isinstance(config, str) and config.startswith(REFERENCES) else config
