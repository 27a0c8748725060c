"""Keeps the record of the run up to date."""

import lightning.pytorch as pl

from launch.record.run import Run
from launch.train.module import ScheduledModule


class RunRecord(pl.Callback):
    """Notes the metrics of every validation."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_train_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        """Validations stay aligned with the iteration after a resume."""
        trainer.fit_loop.epoch_loop.batch_progress.total.ready = pl_module.batches

    def on_validation_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        if trainer.is_global_zero:
            found = {"metrics": pl_module.metrics, "training_metrics": pl_module.training_metrics}
            self.run.note("validation", iteration=pl_module.iteration, **found)
