"""Every shipped experiment composes at both scales, passes the check, is built and stepped."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from launch.check.configuration import problems, referred
from launch.composition.recipes import description, names
from launch.record.expand import expanded
from launch.record.run import CONF, Run
from launch.train import build
from launch.train.weights import load_weights
from tests.compositions import trainings

EXPERIMENTS = names("experiment")


def composed(experiment, *overrides):
    """The finished configuration of each rung, and what is its own that others refer to."""
    found = trainings(f"experiment={experiment}", *overrides)
    return {name: (expanded(c.plain), c) for name, c in found.items()}


def test_they_are_found():
    assert len(EXPERIMENTS) >= 4
    assert {name.split("/")[0] for name in EXPERIMENTS} >= {"sr"}


@pytest.mark.parametrize("scale", ["demo", "full"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_it_composes_and_passes_the_check(experiment, scale):
    for config, composition in composed(experiment, f"scale={scale}").values():
        sections = referred(composition.config)
        found = [str(p) for p in problems(config, sections) if p.exit_code == 2]
        assert not found


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_its_first_lines_say_what_command_result_and_time(experiment):
    path = CONF / "experiment" / f"{experiment}.yaml"
    head = path.read_text().split("defaults:")[0]
    assert description(path)
    assert f"+experiment={experiment}" in head
    assert "Expected:" in head
    assert "Time:" in head


SMALL = {
    # data set: arguments that make it quick to prepare
    "SyntheticScenes": {"scenes": 2, "size": 128, "validation_images": 1, "batch_size": 2},
    "Textures": {"clean": {"count": 14}, "game": {"count": 14}},
    "SyntheticXrays": {
        "train_images": 64,
        "validation_images": 32,
        "test_images": 32,
        "batch_size": 8,
    },
    "SimulatedSmoke": {"clips": 4, "validation_clips": 2, "batch_size": 2},
}


class Steps:
    """Builds rungs and lets them take a step; a rung that another starts from is built first.

    Args:
        batches: how many steps.
        around: module -> the context in which it is trained.
    """

    def __init__(self, folder, batches=1, around=nullcontext):
        self.folder, self.batches, self.around = folder, batches, around
        self.checkpoints = {}

    def experiment(self, name, *overrides):
        """Step every rung of an experiment; returns the modules by rung."""
        modules = {}
        for rung, (config, _) in composed(name, f"runs={self.folder}", *overrides).items():
            modules[rung] = self.rung(name, rung, config)
        return modules

    def rung(self, experiment, name, config):
        folder = self.folder / experiment / name
        folder.mkdir(parents=True, exist_ok=True)
        config = self.resolved(config, experiment)
        small = SMALL.get(config["data"]["_target_"].rsplit(".", 1)[-1], {})
        for key, value in small.items():
            config["data"][key] = config["data"][key] | value if isinstance(value, dict) else value
        config["trainer"] |= {"accelerator": "cpu", "max_iterations": 2, "max_epochs": None}
        config["trainer"] |= {"validate_every": 10, "accumulate": 1, "precision": "32-true"}
        if "autoencoder_gain" in config["module"]:
            config["module"]["autoencoder_gain"] = None  # one step makes no autoencoder
        data, module = build.build_data(config), build.build_module(config)
        if config["from"]:
            load_weights(module, Path(config["from"]))
        trainer, _ = build.build_trainer(Run(folder), config | {"logger": {}}, module)
        build.prepare_stream(module, data, 1, config["trainer"])
        data.last_batch = self.batches
        with self.around(module):
            trainer.fit(module, datamodule=data)
        reference = f"{experiment}/{name}".rstrip("/")
        self.checkpoints[reference] = str(folder / "checkpoints" / "last.ckpt")
        return module

    def resolved(self, value, experiment):
        """Replace references by checkpoints, building those that are not there yet."""
        if isinstance(value, dict):
            return {key: self.resolved(item, experiment) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item, experiment) for item in value]
        if not str(value).startswith(("rung:", "experiment:")):
            return value
        kind, _, name = value.partition(":")
        name = f"{experiment}/{name}" if kind == "rung" else name
        if name not in self.checkpoints:
            self.experiment("/".join(name.split("/")[:2]))
        return self.checkpoints[name]


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    return Steps(tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_it_is_built_and_takes_a_step(steps, experiment):
    for module in steps.experiment(experiment).values():
        assert module.iteration == 1
        assert module.losses.values
