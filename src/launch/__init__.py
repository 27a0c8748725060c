"""Training recipes whose losses, masks, data and trainable parts change while they train.

From Python, with the same words as on the command line:

    run = launch.run("sr/static", "trainer.max_iterations=100")   # trains, returns the run folder
    network = launch.load(run)                                    # in eval mode, with its weights
    config = launch.compose("sr/static", "scale=full")            # the finished configuration
    records = launch.runs("runs")                                 # what every run.json says
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launch.python import compose, load, run, runs

__all__ = ["compose", "load", "run", "runs"]


def __getattr__(name: str) -> Callable[..., Any]:
    """The functions of `launch.python`, imported when one is asked for."""
    if name in __all__:
        return getattr(import_module("launch.python"), name)
    raise AttributeError(f"module 'launch' has no attribute {name!r}")
