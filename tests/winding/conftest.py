"""A small winding run, made as the front end makes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from launch.record.run import Run
from launch.train import worker
from tests.compositions import checked_configuration

SHORT = (
    "data.spiral.size=64",
    "data.spiral.radius=80",
    "data.spiral.warp=1",
    "module.windings=3",
    "stages.stages.geometry.steps=6",
    "stages.stages.anchor.steps=4",
    "stages.stages.snap.steps=10",
    "trainer.validate_every=10",
    "trainer.image_every=10",
    "trainer.mask_every=3",
    "trainer.log_every=5",
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def configure() -> Callable[..., dict[str, Any]]:
    """configure("data.spiral.noise=0.2", ...) composes and checks a short fit."""

    def composed(*overrides: str, experiment: str = "mask_stages") -> dict[str, Any]:
        return checked_configuration(f"+experiment=winding/{experiment}", *SHORT, *overrides)

    return composed


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Run]:
    """run_folder(config, "name") is a folder in which `launch.train.worker` can start."""

    def made(config: dict[str, Any], name: str = "run") -> Run:
        return prepared(tmp_path / name, config)

    return made


@pytest.fixture(scope="session")
def finished(configure: Callable[..., dict[str, Any]], tmp_path_factory) -> Run:
    """A short fit that is done. To be read only."""
    run = prepared(tmp_path_factory.mktemp("finished") / "run", configure())
    assert worker.main([str(run.folder)]) == 0
    return run.reread()


def prepared(folder: Path, config: dict[str, Any]) -> Run:
    run = Run(folder)
    run.start(experiment="winding/test", task=config["task"])
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config))
    return run
