"""No step of a training reads from the device: on a GPU each read waits for all that is queued.

Found on a CPU, by two modes that see what reads there: operations behind `bool(tensor)`, indexing
by a mask and `nonzero`, and methods that copy to the host. Each is told with the line that did it.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from launch.record.run import REPOSITORY
from launch.schedules import Constant
from tests.test_experiments import Steps

READS = ("_local_scalar_dense", "nonzero", "masked_select", "equal")
COPIES = ("cpu", "numpy", "tolist", "__array__")

ALLOWED = {
    # file: why it may read in a step whose values are not logged
    "src/launch/train/objective.py": "looks at the total on a CPU, else at the next logged row",
    "experiments/roi/filling.py": "draws a size on the host, not on the device",
    "experiments/winding/masks/central_winding_pie.py": (
        "the wedge is drawn on the host, once for each mask, which trainer.mask_every spaces"
    ),
}

TINY_STAGES = [
    "stages.stages.geometry.steps=2",
    "stages.stages.anchor.steps=2",
    "stages.stages.snap.steps=4",
    *(
        f"stages.stages.{stage}.masks.0.ramp_{end}_it={iteration}"
        for stage in ("anchor", "snap")
        for end, iteration in (("start", 0), ("stop", 1 if stage == "anchor" else 3))
    ),
]
EXPERIMENTS = {
    "sr/loss_ramps": [],
    "sr/gan_step": [],
    "sr/gan_ramp": ["+losses.second={type: gan, gan_type: hinge, shares: gan}"],
    "sr/disc_mask": [],
    "roi/stochastic": [],
    "roi/seed_literal": [],
    "smoke/autoencoder": [],
    "smoke/weighted": [],
    "smoke/reference_mask": [],
    "winding/mask_stages": TINY_STAGES,
    "winding/adaptive": [s for s in TINY_STAGES if "snap.masks" not in s],
    "winding/dilation": [],
    "pbr/phase_b": [],
}


class Reads:
    """Collects `file:line` of what would stall a GPU."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def note(self) -> None:
        self.found.add(line(traceback.extract_stack()))


class Operations(TorchDispatchMode):
    """Notes operations that have to look at values."""

    def __init__(self, reads: Reads) -> None:
        super().__init__()
        self.reads = reads

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masks = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in READS or masks:
            self.reads.note()
        return func(*args, **(kwargs or {}))


class Copies(TorchFunctionMode):
    """Notes methods that bring values to the host, which on a CPU are no operation at all."""

    def __init__(self, reads: Reads) -> None:
        super().__init__()
        self.reads = reads

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in COPIES:
            self.reads.note()
        return func(*args, **(kwargs or {}))


@contextmanager
def watched(reads: Reads) -> Iterator[None]:
    with Operations(reads), Copies(reads):
        yield


def line(stack: traceback.StackSummary) -> str:
    """The innermost line of this project, or of what is no part of torch."""
    for inside in (True, False):
        for frame in reversed(stack):
            path = Path(frame.filename).resolve()
            installed = "site-packages" in path.parts
            tested = "tests" not in path.parts
            own = path.is_relative_to(REPOSITORY) and not installed and tested
            other = "torch" not in path.parts and tested
            if own if inside else other:
                name = path.relative_to(REPOSITORY) if own else path.name
                return f"{name}:{frame.lineno} {frame.line}"
    return "elsewhere"


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x.__setitem__(x > 0, torch.ones(3)),
        torch.nonzero,
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
    ],
)
def test_a_read_is_seen(read):
    reads = Reads()
    with watched(reads):
        read(torch.ones(3))
    assert reads.found


def test_choosing_by_a_mask_without_indexing_is_none():
    x, reads = torch.ones(3), Reads()
    with watched(reads):
        torch.where(x > 0, x, 0.0).sum()
    assert not reads.found


class StepReads(Reads):
    """Those of a training step whose values are not logged: callbacks and progress bar included."""

    def __init__(self, module) -> None:
        super().__init__()
        self.module = module

    def note(self) -> None:
        stack = traceback.extract_stack()
        places = {(Path(frame.filename).name, frame.name) for frame in stack}
        in_step = ("training_epoch_loop.py", "advance") in places
        in_loader = ("data.py", "__iter__") in places  # samples are made on the host
        counts = any(Path(frame.filename).parts[-3:-1] == ("torch", "optim") for frame in stack)
        if in_step and not in_loader and not counts and not self.module.logged:
            self.found.add(line(stack))


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "typed"), EXPERIMENTS.items())
def test_a_step_reads_nothing_from_the_device(tmp_path, experiment, typed):
    found: set[str] = set()

    @contextmanager
    def around(module) -> Iterator[None]:
        """All terms at once, whatever their schedules say."""
        terms = module.losses.terms
        module.losses.terms = {n: replace(t, weight=Constant(1.0)) for n, t in terms.items()}
        reads = StepReads(module)
        with watched(reads):
            yield
        assert not module.logged
        found.update(reads.found)

    Steps(tmp_path, batches=7, around=around).experiment(experiment, *typed)
    unexplained = [where for where in found if where.split(":")[0] not in ALLOWED]
    assert not unexplained, "\n".join(unexplained)
