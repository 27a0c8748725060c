"""What a run is known by, and what a folder holds for the one who wants to train there."""

import pytest

from launch.errors import ConfigError
from launch.record.identity import APART, Standing, differences, identity, standing, trained
from launch.record.run import Run

CONFIG = {"seed": 0, "run_dir": "a", "trainer": {"threads": 1, "accelerator": "cpu"}, "runs": "x"}


def changed(**values):
    return CONFIG | values


@pytest.mark.parametrize("key", sorted(key for key in APART if "." not in key))
def test_a_place_is_not_part_of_it(key):
    assert identity(changed(**{key: "other"}), {}) == identity(CONFIG, {})


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"trainer": {"threads": 2, "accelerator": "cpu"}}, {"more": None}]
)
def test_everything_else_is(other):
    assert identity(CONFIG | other, {}) != identity(CONFIG, {})


def test_the_device_is_not_but_what_stands_beside_it_is():
    trainer = {"threads": 1, "accelerator": "gpu"}
    assert identity(changed(trainer=trainer), {}) == identity(CONFIG, {})
    assert trained(CONFIG)["trainer"] == {"threads": 1}


def test_what_a_run_starts_from_is_part_of_it():
    first, second = ({"experiment:a": name} for name in ("one", "two"))
    assert len({identity(CONFIG, parents) for parents in ({}, first, second)}) == 3


def test_the_order_of_keys_is_of_no_account():
    assert identity(dict(reversed(CONFIG.items())), {}) == identity(CONFIG, {})


def test_differences_name_leaves_with_both_values():
    there, here = {"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1]}, "d": None}
    assert list(differences(there, here)) == ["a.b (1 there, 2 here)"]
    assert list(differences({"x": [1, 2]}, {"x": (1, 2)})) == []


def held(folder, digest, **record):
    run = Run(folder)
    run.start(**{"task": "train", "identity": digest, "command": "launch"} | record)
    run.write_config(CONFIG)
    return run


def test_an_empty_folder_is_free(tmp_path):
    assert standing(Run(tmp_path), "x", CONFIG) is Standing.FREE


@pytest.mark.parametrize(
    ("record", "saved", "expected"),
    [
        ({"status": "completed"}, True, Standing.COMPLETED),
        ({"status": "failed"}, True, Standing.STOPPED),
        ({"status": "running"}, True, Standing.STOPPED),
        ({"status": "failed"}, False, Standing.FREE),  # nothing to continue
        ({"status": "completed", "task": "validate"}, True, Standing.FREE),
    ],
)
def test_the_same_run_is_continued_or_done(tmp_path, record, saved, expected):
    run = held(tmp_path, "same", **record)
    if saved:
        run.last.parent.mkdir()
        run.last.touch()
    assert standing(run, "same", CONFIG) is expected


def test_another_run_is_refused_naming_what_differs(tmp_path):
    run = held(tmp_path, "other", status="completed")
    with pytest.raises(ConfigError, match=r"seed \(0 there, 3 here\)"):
        standing(run, "mine", changed(seed=3))
    with pytest.raises(ConfigError, match="was trained from other checkpoints"):
        standing(run, "mine", CONFIG)
