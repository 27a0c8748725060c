"""Every schedule of a configuration is found under the key that one would type."""

from typing import Any

import pytest

from launch.errors import ConfigError
from launch.schedules import Exponential, Points
from launch.show.planned import Facts, Planned, collect, needs_data, trainable
from tests.show.configs import SPANS, config, grown

FALLING = {"_target_": "launch.schedules.Exponential", "initial": 0.7, "rate": 0.98, "floor": 0.2}


def planned(facts: Facts | None = None, **sections: Any) -> dict[str, Planned]:
    return {p.name: p for p in collect(config(**sections), {"": facts or Facts()})}


def test_schedules_are_found_anywhere_under_their_key() -> None:
    rising = {"_target_": "launch.schedules.Points", "points": [[0, 0], [10, 1]]}
    found = planned(
        module={"temperature": FALLING, "parts": [{"label": "a", "size": rising}]},
        data={"crops": [rising]},
    )
    assert found["module.temperature"].schedule == Exponential(0.7, 0.98, 0.2)
    assert found["module.temperature"].unit == "epoch"
    assert found["module.parts.a.size"].schedule == Points([[0, 0], [10, 1]])
    assert "data.crops.0" in found


def test_average_warms_up_to_its_decay() -> None:
    schedule = planned(ema={"modules": ["network"], "decay": 0.999})["ema.decay"].schedule
    assert schedule(0) == pytest.approx(0.1)
    (reached,) = schedule.changes()
    assert schedule(reached) == 0.999
    assert schedule(reached - 1) < 0.999
    still = planned(ema={"modules": ["network"], "decay": 0.5, "warmup": False})["ema.decay"]
    assert still.schedule(0) == 0.5


def test_growing_masks_are_planned_from_their_ramp() -> None:
    mask = {"label": "wedge", "type": "disc", "losses": ["a"], "ramp_start_it": 100}
    growth = planned(masks=[mask | {"ramp_stop_it": 300, "start": 50}])["masks.wedge"].schedule
    assert [growth(i) for i in (0, 50, 150, 250, 350)] == [1, 0, 0, 0.5, 1]
    assert growth.changes() == (50, 150, 350)


def test_a_span_is_told_in_the_unit_of_the_mask() -> None:
    found = planned(Facts(spans=SPANS), masks=[grown()])
    assert [found["masks.m.rows"].schedule(i) for i in (10, 45, 80)] == [4, 34, 64]
    assert "masks.m.rows" not in planned(masks=[grown()])


def test_masks_that_follow_each_other_may_share_a_label() -> None:
    mask = {"label": "pie", "type": "disc", "losses": ["a"], "ramp_start_it": 0}
    both = [mask | {"ramp_stop_it": 50, "stop": 60}, mask | {"ramp_stop_it": 30, "start": 60}]
    found = collect(config(masks=both))
    assert [(p.name, p.changes) for p in found] == [("masks.pie", [50]), ("masks.pie", [60, 90])]


def test_epochs_end_where_the_data_says_or_leave_room_for_the_last_change() -> None:
    unknown = planned(iterations=300, module={"t": FALLING})["module.t"]
    assert not unknown.length_known
    assert unknown.last > Exponential(0.7, 0.98, 0.2).changes()[0]
    known = planned(Facts(updates_per_epoch=40), iterations=300, module={"t": FALLING})["module.t"]
    assert (known.last, known.length_known, known.iterations) == (8, True, 40)


def test_iterations_of_a_run_in_epochs_end_where_the_data_says() -> None:
    losses = {"a": {"type": "l1"}}
    trainer = {"trainer": {"max_iterations": None, "max_epochs": 4}}
    (known,) = collect({"losses": losses} | trainer, {"": Facts(updates_per_epoch=32)})
    assert (known.last, known.length_known) == (128, True)
    (unknown,) = collect({"losses": losses} | trainer)
    assert not unknown.length_known


def test_an_impossible_schedule_is_named() -> None:
    with pytest.raises(ConfigError, match=r"losses\.l1: target_iter 5 is before start_iter 9"):
        planned(losses={"l1": {"type": "l1", "start_iter": 9, "target_iter": 5}})
    node = {"_target_": "launch.schedules.Points", "points": [[5, 0], [4, 1]]}
    with pytest.raises(ConfigError, match=r"module\.t: points must be at increasing"):
        planned(module={"t": node})


def test_a_rate_without_a_scheduler_is_a_constant() -> None:
    module = {"optimizer": {"_target_": "torch.optim.Adam", "lr": 0.1}, "lr_scheduler": None}
    (rate,) = collect(config(module=module), learning_rates=True)
    assert (rate.key, rate.is_constant, rate.schedule(5)) == ("module.optimizer.lr", True, 0.1)


def test_rungs_are_planned_one_by_one() -> None:
    first = config(100, losses={"a": {"type": "l1"}})
    second = config(200, losses={"a": {"type": "l1", "start_iter": 50}})
    found = collect(config(rungs={"A": first, "B": second}))
    assert [(p.name, p.last) for p in found] == [
        ("rungs.A.losses.a", 100),
        ("rungs.B.losses.a", 200),
    ]


def test_what_trains_is_told_for_the_run_and_for_each_stage() -> None:
    chosen = {"train": ["network.head.*"], "freeze": ["*"]}
    stage = {"name": "snap", "first": 5, "steps": 10, "params": ["mesh"], "lr": [0.3, 0.1]}
    told = list(trainable(config(trainable=chosen, module={"stages": [stage]})))
    assert told == [
        "trains: network.head.*",
        "frozen: *",
        "stage snap, 5 to 15: params mesh, lr 0.3, 0.1",
    ]


@pytest.mark.parametrize(
    ("sections", "needed"),
    [
        ({}, False),
        ({"masks": [grown()]}, True),
        ({"module": {"t": FALLING}}, True),
        ({"iterations": None}, True),
    ],
)
def test_the_data_is_read_only_for_masks_and_epochs(sections: dict[str, Any], needed: bool) -> None:
    assert needs_data(config(**({"data": {"root": "x"}} | sections))) == needed
