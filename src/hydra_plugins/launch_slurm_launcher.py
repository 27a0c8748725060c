"""Where Hydra looks for launchers; see `launch.front.slurm`."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SlurmLauncher(Launcher):
    """Submits the jobs of a sweep and goes home: they need nobody who waits for them."""

    is_detached = True

    def __init__(self, **resources: Any) -> None:
        self.resources = resources

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        # Imported here, since other applications of Hydra load this file too.
        from launch.front.slurm import submit  # noqa: PLC0415

        submit(self.config, [list(job) for job in job_overrides], self.resources)
        return []
