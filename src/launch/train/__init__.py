"""What trains: the worker, and what it builds from a finished configuration.

While Lightning is imported, the garbage collector leaves alone what torch has made, which lives as
long as the process; that is a fifth of the time.
"""

import gc

import torch  # noqa: F401

from launch.train.on_demand import defer

defer()
gc.freeze()
import lightning.pytorch  # noqa: E402, F401

gc.unfreeze()
