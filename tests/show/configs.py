"""Composed configurations, as small as a plan can read them."""

from typing import Any

THREE_PHASES: dict[str, Any] = {
    "perceptual": {"type": "convnext", "loss_weight": 0.12, "target_iter": 20000}
    | {"target_weight": 0.26, "schedule_type": "linear"},
    "gan": {"type": "gan", "gan_type": "r3gan", "loss_weight": 0.0, "start_iter": 20000}
    | {"target_weight": 0.08, "schedule_type": "step"},
    "ldl": {"type": "ldl", "loss_weight": 0.5, "disable_after": 50000},
}


def config(iterations: int | None = 100_000, **sections: Any) -> dict[str, Any]:
    trainer = {"max_iterations": iterations, "max_epochs": None, "accumulate": 1}
    return {"trainer": trainer, "plan": {"at": []}} | sections


def grown(**settings: Any) -> dict[str, Any]:
    """A mask that grows from 4 to all 64 rows between iterations 10 and 80."""
    ramp = {"ramp_start_it": 10, "ramp_stop_it": 80, "start_rows": 4}
    return {"label": "m", "_target_": "tests.show.toy.Rows", "losses": ["a"]} | ramp | settings


SPANS = {"m": {"rows": (4.0, 64.0)}}
"""What the mask says that it spans."""
