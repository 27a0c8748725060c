"""A whole configuration: a small one without problems, and what goes wrong with it."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from launch.check.configuration import problems, require
from launch.composition.compose import compose, started
from launch.errors import ConfigError, MissingError

GOOD: dict[str, Any] = {
    "task": "train",
    "scale": "demo",
    "seed": 0,
    "from": None,
    "plan": {"at": []},
    "module": {
        "_target_": "launch.train.module.ScheduledModule",
        "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 2e-4},
        "lr_scheduler": None,
    },
    "losses": {"pixel": {"type": "l1", "loss_weight": 1.0, "schedule_type": "linear"}},
    "masks": [],
    "ema": {"modules": ["network"], "decay": 0.999, "warmup": True},
    "trainable": None,
    "data": {"_target_": "launch.train.data.ScheduledDataModule", "batch_size": 16},
    "trainer": {
        "max_iterations": 100,
        "max_epochs": None,
        "validate_every": 50,
        "log_every": 10,
        "checkpoint_every": 50,
        "image_every": 50,
        "mask_every": 1,
        "accumulate": 1,
        "gradient_clip": None,
        "precision": "32-true",
        "accelerator": "cpu",
        "devices": 1,
        "strategy": "auto",
        "threads": None,
    },
    "logger": {},
    "main_metric": {"name": "psnr_y", "mode": "max"},
}
FOLDER = {"_target_": "garden.beds.tend", "_partial_": True}

MISTAKES = [
    # a key, its wrong value, what is said
    ("seed", "abc", "seed = abc: must be a whole number"),
    ("task", "trian", "task = trian: must be 'train', 'validate', 'predict', 'calibrate',"),
    ("lossess", {}, "lossess = {}: there is no such key. Did you mean 'losses'?"),
    ("max_iterations", 5, "there is no such key. Did you mean 'trainer.max_iterations'?"),
    ("trainer.validate_evry", 5, "there is no such key. Did you mean 'validate_every'"),
    ("trainer.accumulate", 0, "trainer.accumulate = 0: must be greater than 0"),
    ("trainer.devices", "al", "trainer.devices = al: must be a whole number or -1 or 'auto'"),
    ("trainer.max_epochs", 3, "leave the other null; got 100 and 3"),
    ("trainer.max_iterations", None, "leave the other null; got neither"),
    (
        "module.lr_scheduler",
        {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "_partial_": True, "max_lr": 1}
        | {"total_steps": None},
        "module.lr_scheduler.total_steps: is null, but gives module.lr_scheduler its length",
    ),
    ("ema.decay", 1, "ema.decay = 1: must be less than 1"),
    ("ema", {"modules": []}, "ema.decay: is missing; it has no default"),
    ("main_metric.mode", "mx", "main_metric.mode = mx: must be 'min' or 'max'. Did you mean 'max'"),
    ("plan.at", [1, "x"], "plan.at.1 = x: must be a whole number"),
    ("plan.at", ["20k"], "plan.at.0 = 20k: must be a whole number"),
    ("plan.at", [1.5], "plan.at.0 = 1.5: must be a whole number"),
    ("losses", {}, "losses: there is no loss; an objective needs at least one"),
    ("losses.pixel", 5, "losses.pixel = 5: must be a mapping"),
    ("losses.pixel.start_iter", 10, "losses: no loss is active in iterations 0 to 9"),
    ("losses.gan", {"type": "gann"}, "losses.gan.type = gann: there is no such type. Did you mean"),
    ("module", None, "module: no experiment is chosen; type +experiment=NAME"),
    ("module.optimizer.lrr", 1, "module.optimizer.lrr = 1: AdamW has no argument 'lrr'. Did you"),
    ("module.optimizer.lr", "1e-4", "module.optimizer.lr = 1e-4: must be a number"),
    ("module.optimizer._target_", "torch.optim.AdmW", "torch.optim has no 'AdmW'. Did you mean"),
    ("data", None, "data: no data is chosen; type data=NAME"),
    (
        "data.batch_size",
        "???",
        "data.batch_size = ???: has no value yet; give data.batch_size=",
    ),
    (
        "logger",
        {"a": {"_target_": "os.remove"}},
        "logger.a._target_ = os.remove: os.remove is not allowed",
    ),
    ("masks", [{"label": "m", "losses": ["x"]}], "masks.0.losses.0 = x: there is no such loss"),
]


def changed(key: str, value: Any) -> dict[str, Any]:
    """The good configuration with one other value."""
    config = copy.deepcopy(GOOD)
    *path, last = key.split(".")
    place = config
    for name in path:
        place = place[name]
    place[last] = value
    return config


def test_a_good_configuration_has_no_problems():
    assert problems(GOOD) == []
    require(GOOD)


@pytest.mark.parametrize(("key", "value", "said"), MISTAKES)
def test_one_mistake(key: str, value: Any, said: str):
    found = problems(changed(key, value))
    assert any(said in str(problem) for problem in found), [*map(str, found)]
    assert all(problem.exit_code == 2 for problem in found)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("module.optimizer.lr", 1),
        ("trainer.devices", [0, 1]),
        ("trainer.devices", -1),
        ("ema", None),
    ],
)
def test_a_change_that_is_no_mistake(key: str, value: Any):
    assert problems(changed(key, value)) == []


@pytest.mark.parametrize("task", ["report", "runs"])
def test_a_task_without_experiment_needs_none(task: str):
    bare = {"task": task, "trainer": GOOD["trainer"] | {"max_iterations": None}}
    assert problems(bare) == []


def test_all_problems_are_told_at_once_each_with_its_source():
    with started(), pytest.raises(ConfigError) as caught:
        composition = compose(["experiment=sr/static", "seed=-1", "+losses.pixel.eps=1"])
        require(composition.plain, composition)
    assert caught.value.exit_code == 2
    assert caught.value.message.splitlines() == [
        "2 problems:",
        "  seed = -1: must be at least 0  (command line)",
        "  losses.pixel.eps = 1: L1 has no argument 'eps'. It takes disable_after, loss_weight, "
        "schedule_type, start_iter, target_iter, target_weight.  (command line)",
    ]


def test_missing_files_alone_have_exit_code_3_and_say_what_to_do():
    config = changed("data", FOLDER | {"folder": "no/pictures"})
    config["module"] = {
        "_target_": "launch.experiments.sr.module.SuperResolution",
        "_partial_": True,
    }
    with pytest.raises(MissingError) as caught:
        require(config)
    assert caught.value.exit_code == 3
    assert caught.value.message == (
        "data.folder = no/pictures: there is no such file or folder; put it there or give "
        "data.folder=PATH, or use data=sr/synthetic to try without data"
    )


def test_a_missing_file_beside_another_problem_has_exit_code_2():
    config = changed("data", FOLDER | {"folder": "no/pictures"}) | {"seed": -1}
    with pytest.raises(ConfigError):
        require(config)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("trainer: {threds: 2}", "trainer.threds = 2: there is no such key. Did you mean"),
        ("losses: {pixel: {start_itr: 2}}", "Did you mean 'start_iter'"),
        ("losses: {pixl: {start_iter: 2}}", "losses.pixl: names no type"),
        ("trainr: {threads: 2}", "there is no such key. Did you mean 'trainer'"),
    ],
)
def test_a_mistake_in_the_block_of_a_scale_is_named_with_its_line(tmp_path, block, said):
    path = tmp_path / "conf/experiment/my/own.yaml"
    path.parent.mkdir(parents=True)
    head = "# @package _global_\ndefaults: [/experiment/sr/static, _self_]\ndemo:\n"
    path.write_text(f"{head}  {block}\n")
    with started(config_dir=str(tmp_path / "conf")), pytest.raises(ConfigError) as caught:
        composition = compose(["experiment=my/own"])
        require(composition.plain, composition)
    assert said in caught.value.message
    assert "conf/experiment/my/own.yaml:4" in caught.value.message


def test_a_value_read_from_another_key_is_a_problem_of_that_key():
    with started(), pytest.raises(ConfigError) as caught:
        composition = compose(["experiment=roi/standard", "recipe.autocast_dtype=wrong"])
        require(composition.plain, composition)
    assert "recipe.autocast_dtype = wrong: must be" in caught.value.message
    assert "'bf16'" in caught.value.message
    assert "(command line, read by trainer.precision)" in caught.value.message


def test_a_loss_that_is_never_active_stops_no_run():
    config = changed("losses.late", {"type": "l1", "start_iter": 500})
    assert problems(config) == []


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "lightning"):
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Blocker())
from launch.check.configuration import problems, require
from test_configuration import GOOD, changed

assert problems(GOOD) == []
assert len(problems(changed("module.optimizer.lrr", 1))) == 1
"""


def test_no_problem_needs_torch():
    command = [sys.executable, "-c", BLOCKED]
    assert subprocess.run(command, cwd=Path(__file__).parent, check=False).returncode == 0


def every_key(config: Any, prefix: str = "") -> list[str]:
    """All dotted keys of nested mappings."""
    inside = config.items() if isinstance(config, dict) else ()
    return [k for key, v in inside for k in (prefix + key, *every_key(v, f"{prefix}{key}."))]


@pytest.mark.parametrize("value", [None, -1, 0.5, "x", True, [], [3], {}, {"a": {"type": 3}}])
@pytest.mark.parametrize("key", every_key(GOOD))
def test_a_wrong_kind_of_value_is_a_problem_and_never_a_crash(key: str, value: Any):
    config = changed(key, value)
    assert all(str(problem) for problem in problems(config))
