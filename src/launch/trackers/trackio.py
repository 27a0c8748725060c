"""trackio: local first; `TRACKIO_DIR=RUN_DIR/trackio trackio show` shows a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from launch.trackers.tracker import Identity, Settings


class TrackioRun(Logger):
    """Sends what is logged to one run of trackio."""

    def __init__(self, project: str, identity: Identity, settings: Settings) -> None:
        super().__init__()
        os.environ["TRACKIO_DIR"] = str(identity.folder / "trackio")  # read as it is imported
        self.trackio: Any = import_module("trackio")
        self.identity = identity
        config = {**settings, **{f"tag {key}": value for key, value in identity.tags.items()}}
        self.run = self.trackio.init(
            project=project,
            name=identity.name,
            group=identity.group,
            config=config,
            resume="allow",
            auto_log_gpu=False,
            auto_log_cpu=False,
            embed=False,
        )

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def version(self) -> str:
        return self.identity.id

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """They are given as the run begins."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.run.log(dict(metrics), step=step)

    @rank_zero_only
    def log_picture(self, picture: np.ndarray, iteration: int) -> None:
        self.run.log({"images": self.trackio.Image(picture)}, step=iteration)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.run.finish()


@dataclass(frozen=True)
class Trackio:
    """A store in `RUN_DIR/trackio`.

    Args:
        project: in which the run lies.
    """

    project: str = "launch"

    def open(self, identity: Identity, settings: Settings, iteration: int) -> TrackioRun:
        return TrackioRun(self.project, identity, settings)
