"""No step of a training reads from the device: on a GPU each read waits for all that is queued.

Found on a CPU, by a mode that sees the operations behind `.item()`, `bool(tensor)`, indexing by a
mask and `nonzero`, with the line that made them.
"""

import traceback
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from launch.record.run import REPOSITORY
from tests.test_experiments import Steps

READS = ("_local_scalar_dense", "nonzero", "masked_select", "equal")

GUARDED = {
    "src/launch/objective.py": "looks at the total on a CPU only, else at the next logged row",
    "experiments/roi/filling.py": "draws a size on the host, not on the device",
}


class DeviceReads(TorchDispatchMode):
    """Collects `file:line` of what would stall a GPU."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masks = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in READS or masks:
            self.found.add(self.caller())
        return func(*args, **(kwargs or {}))

    def caller(self):
        """The innermost line of this project."""
        for frame in reversed(traceback.extract_stack()):
            path = Path(frame.filename)
            if (
                path.is_relative_to(REPOSITORY)
                and "tests" not in path.parts
                and ".venv" not in path.parts
            ):
                return f"{path.relative_to(REPOSITORY)}:{frame.lineno} {frame.line}"
        return "elsewhere"


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x.__setitem__(x > 0, torch.ones(3)),
        torch.nonzero,
    ],
)
def test_a_read_is_seen(read):
    with DeviceReads() as reads:
        read(torch.ones(3))
    assert reads.found


def test_choosing_by_a_mask_without_indexing_is_none():
    x = torch.ones(3)
    with DeviceReads() as reads:
        torch.where(x > 0, x, 0.0).sum()
    assert not reads.found


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    return Steps(tmp_path_factory.mktemp("steps"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment",
    ["sr/loss_ramps", "sr/gan_step", "roi/stochastic", "roi/seed_literal", "smoke/weighted",
     "smoke/autoencoder"],
)  # fmt: skip
def test_a_step_reads_nothing_from_the_device(steps, experiment):
    for module in steps.experiment(experiment).values():
        batch = next(iter(module.trainer.datamodule.train_dataloader()))
        module.train()
        module.logged = False
        with DeviceReads() as reads:
            module.training_step(batch, 0)
        found = [line for line in reads.found if line.split(":")[0] not in GUARDED]
        assert not found, "\n".join(found)
