"""What decides which samples a run sees in which order, beside its configuration. No torch."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from launch.errors import ConfigError
from launch.record.run import Run


@dataclass(frozen=True)
class Stream:
    """
    Attributes:
        data: fingerprint of the data.
        batch: samples of a batch, of all ranks. A run may go on with another number of ranks: each
            takes its share of every batch.
    """

    data: str
    batch: int

    def require_accepted(self, run: Run, accepted: Collection[str]) -> None:
        """
        Raises:
            ConfigError: if something has changed since the run was stopped, which would make it
                another training without a word, and is not accepted by name.
        """
        before = dict(run.record.get("stream") or {})
        if "ranks" in before:  # of a version that counted the batch of one rank
            before["batch"] *= before["ranks"]
        differs = {k: v for k, v in asdict(self).items() if before.get(k, v) != v}
        refused = {k: v for k, v in differs.items() if k not in accepted}
        if refused:
            told = ", ".join(f"{k} ({before[k]} then, {v} now)" for k, v in refused.items())
            raise ConfigError(
                f"{run.folder} was stopped with other {told}, which would make it another training."
                f" Restore it, or go on with resume={run.folder} accept=[{','.join(differs)}]"
            )
