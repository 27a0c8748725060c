"""Where Hydra looks for sweepers; see `launch.front.sweep`."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class LaunchSweeper(BasicSweeper):
    """Hydra's grammar for sweeps, or the jobs of a study; every job composed before the first."""

    def sweep(self, arguments: list[str]) -> Any:
        # Imported here, since other applications of Hydra load this file too.
        from launch.front.sweep import sweep  # noqa: PLC0415

        return sweep(self, arguments)
