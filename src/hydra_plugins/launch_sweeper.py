"""Where Hydra looks for sweepers; see `launch.front.sweep`."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LaunchSweeper(BasicSweeper):
    """Hydra's grammar for sweeps, or the jobs of a study; every job composed before the first."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        # Imported here, since other applications of Hydra load this file too.
        from launch.front.sweep import Remembering  # noqa: PLC0415

        context = HydraContext(Remembering(hydra_context.config_loader), hydra_context.callbacks)
        super().setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        from launch.front.sweep import sweep  # noqa: PLC0415 - as above

        return sweep(self, arguments)
