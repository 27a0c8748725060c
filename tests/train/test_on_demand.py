"""A worker holds what its run needs, and nothing that only costs time to import."""

import importlib
import json
import subprocess
import sys

import pytest

from launch.start import start
from launch.train import on_demand
from launch.train.on_demand import Deferred, DeferredPlot, place
from tests.conftest import answer
from tests.front.test_validation import short

NEEDED_BY_NONE = {
    "matplotlib", "transformers", "pandas", "IPython", "tensorboard", "wandb", "mlflow", "trackio",
    "sklearn", "pyarrow", "onnx", "griffe", "torchmetrics.functional.text",
    "torchmetrics.functional.audio", "torchmetrics.image",
}  # fmt: skip
NEEDED_BY_SOME = {
    # package: scenarios that use it, themselves or through another package
    "lpips": {"pbr"},
    "peft": {"pbr"},
    "scipy": {"roi", "winding"},
    "segmentation_models_pytorch": {"pbr"},
    "skimage": {"winding"},
    "spandrel": {"sr"},
    "timm": {"pbr", "roi"},
    "torchvision": {"pbr", "roi", "sr"},
    "zarr": {"winding"},
}
SMALL = (
    "pbr/phase_a0/segformer", "roi/standard", "smoke/autoencoder", "sr/static", "winding/no_mask",
)  # fmt: skip
TRAINED = """
import json, sys
from launch.train import worker
assert worker.main([sys.argv[1]]) == 0
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_worker_that_has_trained_holds_what_its_scenario_uses(tmp_path, monkeypatch, name):
    monkeypatch.setattr(start, "work", lambda run, config, lock: 0)
    code, printed = answer(*short(name), f"run_dir={tmp_path}/run")
    assert code == 0, printed
    command = [sys.executable, "-c", TRAINED, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    held = set(json.loads(done.stdout.splitlines()[-1]))
    scenario = name.partition("/")[0]
    foreign = {package for package, users in NEEDED_BY_SOME.items() if scenario not in users}
    assert held.isdisjoint(NEEDED_BY_NONE | foreign)


@pytest.fixture
def heavy(tmp_path, monkeypatch):
    """A package that notes when its `__init__` runs, and has a name that needs none of it."""
    package = tmp_path / "heavy"
    package.mkdir()
    (package / "__init__.py").write_text("from heavy.light import Light\nran, other = True, 1\n")
    (package / "light.py").write_text("class Light: ...\ndef draw(name): return name\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(on_demand.LIGHT, "heavy", {"Light": "heavy.light"})
    yield place("heavy", Deferred, [str(tmp_path)])
    for name in [name for name in sys.modules if name.partition(".")[0] == "heavy"]:
        del sys.modules[name]


def test_a_light_name_does_not_run_the_package(heavy):
    module = importlib.import_module("heavy")
    assert module.Light is sys.modules["heavy.light"].Light
    assert "ran" not in vars(module)
    assert not hasattr(module, "__wrapped__")


def test_any_other_name_runs_it_once_and_for_all(heavy):
    module = importlib.import_module("heavy")
    light = module.Light
    assert module.other == 1
    assert module.Light is light
    with pytest.raises(AttributeError, match="heavy"):
        module.missing  # noqa: B018 - the access is what is tested


def test_what_draws_is_imported_when_it_is_called(heavy):
    place("heavy.light", DeferredPlot, heavy)
    module = importlib.import_module("heavy.light")
    draw, anything = module.draw, module._AX_TYPE
    assert anything is not None
    assert "Light" not in vars(module)
    assert draw(name="line") == "line"
    assert "Light" in vars(module)
