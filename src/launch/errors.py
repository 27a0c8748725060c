"""Errors that are the user's to mend: one readable message and one exit code, no traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class LaunchError(Exception):
    """What happened, what was got and what to do; `exit_code` is what the process ends with."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


class ConfigError(LaunchError):
    """Wrong usage or configuration (exit code 2)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


class MissingError(LaunchError):
    """Data, weights or a prerequisite run that is not there (exit code 3)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3)


class NonFiniteError(LaunchError):
    """A loss term that became NaN or infinite (exit code 1)."""

    def __init__(self, term: str, iteration: int, value: float) -> None:
        super().__init__(
            f"loss term {term!r} was {value} at iteration {iteration}; continue from the last "
            "checkpoint with a lower learning rate, gradient clipping or trainer.precision=32"
        )
        self.term, self.iteration, self.value = term, iteration, value


class PreemptedError(LaunchError):
    """A request to stop (SIGTERM, SIGINT) that was honoured after a checkpoint (exit code 143)."""

    def __init__(self, iteration: int) -> None:
        super().__init__(f"stopped at iteration {iteration} on request", exit_code=143)
        self.iteration = iteration


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidates most like `name` as a sentence to append, or "" when none is close.

    >>> nearest("charbonier", ["charbonnier", "l1"])
    " Did you mean 'charbonnier'?"
    """
    close = get_close_matches(name, list(candidates), n=2)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
