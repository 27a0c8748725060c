"""From config entries to masks."""

import importlib

import pytest

from launch.errors import ConfigError
from launch.masks import MASKS
from launch.masks.build import build

DISC = {"label": "spot", "type": "disc", "losses": ["l1"], "ramp_start_it": 0, "ramp_stop_it": 9}


def test_an_entry_becomes_a_mask() -> None:
    held = build([{**DISC, "start": 5, "stop": 50}])
    mask = held.masks[0]
    assert (mask.label, mask.losses, mask.start, mask.stop) == ("spot", ("l1",), 5, 50)
    assert held.gated() == {"l1"}


def test_a_mask_is_named_by_its_class_too() -> None:
    by_type = build([DISC]).masks[0].generator
    entry = {k: v for k, v in DISC.items() if k != "type"} | {"_target_": MASKS["disc"]}
    assert build([entry]).masks[0].generator == by_type


@pytest.mark.parametrize("kind", sorted(MASKS))
def test_every_type_of_the_table_exists(kind: str) -> None:
    module, _, name = MASKS[kind].rpartition(".")
    assert hasattr(getattr(importlib.import_module(module), name), "generate")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": None}, "a mask needs a label"),
        ({"type": "disk"}, "Did you mean 'disc'"),
        ({"losses": []}, "changes nothing"),
        ({"losses": "l1"}, "must list the terms"),
        ({"ramp_strt_it": 3}, "no parameter 'ramp_strt_it'.*Did you mean"),
        ({"ramp_start_it": -1}, "ramp_start_it: .*got -1"),
        ({"ramp_start_it": 90}, "mask 'spot': ramp_stop_it 9 is before ramp_start_it 90"),
        ({"growth": "quadratic"}, "growth: .*got 'quadratic'"),
    ],
)
def test_mistakes_are_one_readable_line(changed: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build([{**DISC, **changed}])
    assert "\n" not in str(caught.value)


def test_a_missing_parameter_is_named() -> None:
    entry = {key: value for key, value in DISC.items() if key != "ramp_stop_it"}
    with pytest.raises(ConfigError, match="ramp_stop_it is missing"):
        build([entry])
