"""MLflow: one run in a store inside the run folder, or in one that runs share."""

from dataclasses import dataclass
from importlib import import_module

import numpy as np
from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only

from launch.trackers.tracker import Identity, Settings


class MLflowRun(MLFlowLogger):
    """Lightning's, which also takes pictures."""

    @rank_zero_only
    def log_picture(self, picture: np.ndarray, iteration: int) -> None:
        self.experiment.log_image(self.run_id, picture, key="images", step=iteration)


@dataclass(frozen=True)
class MLflow:
    """A store in `RUN_DIR/mlflow.db`, with its pictures in `RUN_DIR/mlruns`.

    Args:
        experiment: in which the runs lie.
        uri: a store that runs share, such as `sqlite:///runs/mlflow.db` or a server's address.
    """

    experiment: str = "launch"
    uri: str | None = None

    def open(self, identity: Identity, settings: Settings, iteration: int) -> MLflowRun:
        uri = self.uri or f"sqlite:///{identity.folder / 'mlflow.db'}"
        known = self.find(uri, identity)
        logger = MLflowRun(
            experiment_name=self.experiment,
            run_name=identity.name,
            tracking_uri=uri,
            tags={"id": identity.id, "group": identity.group, **identity.tags},
            artifact_location=None if self.uri else str(identity.folder / "mlruns"),
            run_id=known,
        )
        if known is None:
            logger.log_hyperparams(settings)
        return logger

    def find(self, uri: str, identity: Identity) -> str | None:
        """The run that an interrupted one has left in the store."""
        client = import_module("mlflow").MlflowClient(uri)
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return None
        found = client.search_runs([experiment.experiment_id], f"tags.id = '{identity.id}'")
        return found[0].info.run_id if found else None
