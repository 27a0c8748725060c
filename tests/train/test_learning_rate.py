"""The learning rate of a plan is what the configured optimizer and scheduler do."""

from functools import partial
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from launch.errors import ConfigError
from launch.schedules import Constant
from launch.show import planned
from launch.train import learning_rate
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses, Term

OPTIMIZER = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.1}


def scheduler(name: str, **settings: Any) -> dict[str, Any]:
    return {"_target_": f"torch.optim.lr_scheduler.{name}", "_partial_": True, **settings}


def test_steps_are_found_where_the_rate_falls() -> None:
    steps = scheduler("MultiStepLR", milestones=[10, 30], gamma=0.5)
    (found,) = learning_rate.schedules({"optimizer": OPTIMIZER, "lr_scheduler": steps}, 50)
    name, rate = found
    assert name == "module.optimizer.lr"
    assert [rate(i) for i in (0, 9, 10, 29, 30, 50)] == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    assert rate.changes() == (10, 30)


def test_a_smooth_rate_ends_with_the_last_step_and_not_one_beyond() -> None:
    """torch's OneCycleLR goes on to a negative rate after the last of its steps."""
    cycle = scheduler("OneCycleLR", max_lr=0.2, total_steps=40, anneal_strategy="linear")
    rates = learning_rate.record(OPTIMIZER, cycle, 40)
    assert len(rates) == 40
    assert max(rates) == pytest.approx(0.2, rel=0.01)
    assert rates[0] == pytest.approx(0.2 / 25)
    assert rates[-1] == pytest.approx(rates[0] / 1e4)


def test_every_optimizer_has_its_own_rate_and_none_is_built_unasked() -> None:
    module = {
        "optimizer": OPTIMIZER,
        "discriminator_optimizer": OPTIMIZER | {"lr": 0.3},
        "discriminator_lr_scheduler": scheduler("ConstantLR", factor=0.5, total_iters=5),
    }
    config = {"trainer": {"max_iterations": 20}, "module": module}
    found = {p.name: p.schedule for p in planned.collect(config, learning_rates=True)}
    assert found["module.optimizer.lr"](20) == 0.1
    assert [found["module.discriminator_optimizer.lr"](i) for i in (4, 5)] == [0.15, 0.3]
    assert planned.collect(config) == []


def test_a_run_in_epochs_steps_once_an_epoch() -> None:
    module = {"optimizer": OPTIMIZER, "lr_scheduler": scheduler("StepLR", step_size=4, gamma=0.5)}
    config = {"trainer": {"max_epochs": 6}, "module": module}
    (rate,) = planned.collect(config, learning_rates=True)
    assert (rate.unit, rate.last, rate.changes) == ("epoch", 6, [4])


# A resumed run


class Line(ScheduledModule):
    """Stepped by hand, six updates a run."""

    def __init__(self, optimizer: Any, scheduler: Any = None) -> None:
        losses = ScheduledLosses({"pixel": Term(nn.L1Loss(), Constant(1.0))})
        super().__init__(losses, optimizer, scheduler)
        self.automatic_optimization = False
        self.layer = nn.Linear(2, 1)
        self.rates: list[float] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        self.descend(self.losses(pixel=(self.layer(batch), batch[:, :1]))[0])


def fit(module: Line, path: Any, resume: Any = None) -> torch.optim.Optimizer:
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(torch.ones(6, 3, 2), batch_size=None), ckpt_path=resume)
    trainer.save_checkpoint(path)
    return trainer.optimizers[0]


def adamw(**settings: Any) -> Any:
    return lambda parameters: torch.optim.AdamW(parameters, **settings)


def halving(every: int) -> Any:
    return lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, every, gamma=0.5)


OLD = {"lr": 0.1, "weight_decay": 0.01, "betas": (0.9, 0.99)}


@pytest.mark.parametrize(
    ("changes", "every", "rate"),
    [
        ({}, 4, 0.05),  # as the run was: half after four updates, and a quarter after eight
        ({"lr": 0.2}, 4, 0.1),
        ({"weight_decay": 0.5, "betas": (0.5, 0.9)}, 4, 0.05),
        ({}, 3, 0.025),  # a schedule that would have halved it twice by now
        ({"lr": 0.2}, None, 0.2),  # without a schedule
    ],
)
def test_what_is_configured_on_resume_wins_over_what_was_restored(
    tmp_path, changes, every, rate
) -> None:
    path = tmp_path / "last.ckpt"
    before = fit(Line(adamw(**OLD), halving(4)), path)
    moments = before.state_dict()["state"][0]["exp_avg"].clone()
    module = Line(adamw(**OLD | changes), halving(every) if every else None)
    group = fit(module, tmp_path / "next.ckpt", path).param_groups[0]
    assert module.rates[0] == pytest.approx(rate)
    assert {k: group[k] for k in OLD if k != "lr"} == {
        k: v for k, v in (OLD | changes).items() if k != "lr"
    }
    assert module.iteration == 12 and moments.any()


@pytest.mark.parametrize(
    ("optimizer", "scheduler"),
    [(lambda p: torch.optim.Adam(p, lr=0.1), halving(4)), (adamw(**OLD), lambda o: None)],
)
def test_another_kind_of_optimizer_cannot_continue(optimizer, scheduler) -> None:
    parameter = nn.Parameter(torch.zeros(1))
    plain = torch.optim.AdamW([parameter], **OLD)
    written = learning_rate.hyper_parameters([plain])
    other = optimizer([parameter])
    configured = ([other], [scheduler(other) or halving(2)(other)])
    with pytest.raises(ConfigError, match="a resumed run keeps its kind of optimizer"):
        learning_rate.reassert([plain], [], configured, written)


def one_cycle(total_steps: int, **settings: Any) -> Any:
    make = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, cycle_momentum=False)
    return partial(make, total_steps=total_steps, **settings)


def test_a_longer_cycle_goes_on_as_if_it_had_been_that_long_from_the_start(tmp_path) -> None:
    path = tmp_path / "last.ckpt"
    fit(Line(adamw(**OLD), one_cycle(12)), path)
    module = Line(adamw(**OLD), one_cycle(30))
    fit(module, tmp_path / "next.ckpt", path)
    node = scheduler("OneCycleLR", max_lr=0.1, total_steps=30, cycle_momentum=False)
    assert module.rates == pytest.approx(learning_rate.record(OPTIMIZER, node, 29)[6:12])


def test_a_cycle_that_would_have_ended_by_now_is_refused(tmp_path) -> None:
    path = tmp_path / "last.ckpt"
    fit(Line(adamw(**OLD), one_cycle(12)), path)
    with pytest.raises(ConfigError, match="has made 6 steps, and OneCycleLR ends before"):
        fit(Line(adamw(**OLD), one_cycle(4)), tmp_path / "next.ckpt", path)


def test_a_scheduler_that_waits_for_a_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="ReduceLROnPlateau follows a metric"):
        learning_rate.scheduled(
            torch.optim.lr_scheduler.ReduceLROnPlateau, adamw()(nn.Linear(1, 1).parameters())
        )


def test_a_cycle_that_ends_before_the_run_is_refused_before_it_starts(tmp_path) -> None:
    module = Line(adamw(**OLD), one_cycle(4))
    module.iterations = 6
    with pytest.raises(ConfigError, match=r"ends after 4 steps, the run after 6; give .*=6"):
        fit(module, tmp_path / "last.ckpt")
    assert not module.rates


def test_a_cycle_whose_rise_is_one_step_is_refused_with_what_to_change(tmp_path) -> None:
    """torch divides by the length of the rise, 0.1 * 10 - 1."""
    with pytest.raises(ConfigError, match="change pct_start or the number of steps"):
        fit(Line(adamw(**OLD), one_cycle(10, pct_start=0.1)), tmp_path / "last.ckpt")
