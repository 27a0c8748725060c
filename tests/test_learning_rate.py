"""The learning rate of a plan is what the configured optimizer and scheduler do."""

from typing import Any

import pytest

from launch.show import plan
from launch.train import learning_rate

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


def test_a_smooth_rate_ends_where_the_scheduler_says() -> None:
    cosine = scheduler("OneCycleLR", max_lr=0.2, total_steps=41)
    rates = learning_rate.record(OPTIMIZER, cosine, 40)
    assert len(rates) == 41
    assert max(rates) == pytest.approx(0.2, rel=0.01)
    assert rates[0] == pytest.approx(0.2 / 25)


def test_every_optimizer_has_its_own_rate_and_none_is_built_unasked() -> None:
    module = {
        "optimizer": OPTIMIZER,
        "discriminator_optimizer": OPTIMIZER | {"lr": 0.3},
        "discriminator_lr_scheduler": scheduler("ConstantLR", factor=0.5, total_iters=5),
    }
    config = {"trainer": {"max_iterations": 20}, "module": module, "plan": {"learning_rate": True}}
    found = {p.name: p.schedule for p in plan.collect(config)}
    assert found["module.optimizer.lr"](20) == 0.1
    assert [found["module.discriminator_optimizer.lr"](i) for i in (4, 5)] == [0.15, 0.3]
    assert plan.collect(config | {"plan": {"learning_rate": False}}) == []


def test_a_run_in_epochs_steps_once_an_epoch() -> None:
    module = {"optimizer": OPTIMIZER, "lr_scheduler": scheduler("StepLR", step_size=4, gamma=0.5)}
    config = {"trainer": {"max_epochs": 6}, "module": module, "plan": {"learning_rate": True}}
    (rate,) = plan.collect(config)
    assert (rate.unit, rate.last, rate.changes) == ("epoch", 6, [4])
