"""What is legal but seldom meant is one sentence each; each planted mistake is found."""

from typing import Any

from launch.show.flags import flags
from launch.show.planned import Facts, collect
from tests.show.configs import SPANS, config, grown

A = {"a": {"type": "l1"}}


def found(iterations: int = 100, facts: Facts | None = None, **sections: Any) -> list[str]:
    settings = config(iterations, **sections)
    return flags(collect(settings, {"": facts or Facts()}), settings)


def test_a_ramp_that_is_cut() -> None:
    cut = {"type": "l1", "target_weight": 1.0, "target_iter": 60, "disable_after": 30}
    assert found(losses=A | {"b": cut}) == [
        "losses.b: the ramp to 1.0 at 60 is cut by disable_after 30"
    ]


def test_what_the_run_is_too_short_for() -> None:
    late = found(losses=A | {"b": {"type": "l1", "start_iter": 100}})
    assert late == ["losses.b is 0 throughout; the run ends at iteration 100"]
    ramp = {"type": "l1", "loss_weight": 0.5, "target_weight": 1.0, "target_iter": 400}
    assert found(losses={"a": ramp}) == [
        "losses.a: what changes at 400 is never reached; the run ends at iteration 100"
    ]


def test_a_weight_that_is_written_as_0_is_meant() -> None:
    assert found(losses=A | {"b": {"type": "l1", "loss_weight": 0.0}}) == []


def test_an_interval_without_an_active_loss() -> None:
    losses = {"a": {"type": "l1", "disable_after": 40}, "b": {"type": "l1", "start_iter": 60}}
    assert found(losses=losses) == ["no loss is active in iterations 40 to 59"]


def test_an_average_that_never_warms_up_fully_is_normal() -> None:
    assert found(1000, losses=A, ema={"modules": ["network"], "decay": 0.9999}) == []


def test_a_mask_that_grows_as_it_should_is_normal() -> None:
    assert found(losses=A, masks=[grown()], facts=Facts(spans=SPANS)) == []


def test_a_mask_that_starts_as_large_as_it_can_get() -> None:
    facts = Facts(spans={"m": {"rows": (64.0, 64.0)}})
    assert found(losses=A, masks=[grown(start_rows=64)], facts=facts) == [
        "masks.m.rows: it starts as large as it can get, 64 rows, so it cannot grow; "
        "lower the size at its start"
    ]


def test_a_ramp_that_ends_after_its_stage() -> None:
    assert found(losses=A, masks=[grown(start=20, stop=65)]) == [
        "masks.m: its ramp ends at 100, after its stage, which ends at 65; it reaches 49% and "
        "then jumps to everything"
    ]


def test_a_mask_that_stands_through_its_stage_is_normal() -> None:
    standing = grown(start=20, stop=65, ramp_start_it=45, ramp_stop_it=45)
    assert found(losses=A, masks=[standing]) == []


def test_a_mask_that_gates_nothing() -> None:
    losses = A | {"b": {"type": "l1", "start_iter": 90}}
    assert found(losses=losses, masks=[grown(losses=["b"], stop=90)]) == [
        "masks.m gates nothing: the weight of b is 0 from 0 to 90"
    ]
    assert found(losses=losses, masks=[grown(losses=["a", "b"], stop=90)]) == []


def test_a_mask_that_starts_after_the_run() -> None:
    assert found(losses=A, masks=[grown(start=100)]) == [
        "masks.m never acts: it starts at 100; the run ends at iteration 100"
    ]


def test_what_can_move_no_weight() -> None:
    still, cycle = {"lr": 0}, {"lr": 0, "_target_": "x"}
    module = {"optimizer": still, "discriminator_optimizer": cycle}
    module |= {"discriminator_lr_scheduler": {"max_lr": 1}}
    assert found(losses=A, module=module) == [
        "module.optimizer.lr is 0: what it is for never changes"
    ]
    clipped = config(100, losses=A)
    clipped["trainer"]["gradient_clip"] = 1e-30
    (other,) = flags(collect(clipped), clipped)
    assert other.startswith("trainer.gradient_clip=1e-30 leaves next to nothing of any gradient")


def test_flags_name_their_rung() -> None:
    late = config(200, losses={"a": {"type": "l1", "start_iter": 50}})
    whole = config(rungs={"A": config(100, losses=A), "B": late})
    assert flags(collect(whole), whole) == ["rungs.B: no loss is active in iterations 0 to 49"]
