"""`task=validate` after a training gives the metrics of its `run.json`, bit for bit.

`from=RUN` those under `metrics`, of the last checkpoint; `from=RUN/checkpoints/best.ckpt` those
under `best`; from the folder alone, wherever it lies.
"""

import shutil
from pathlib import Path

import pytest

from launch.composition.recipes import names
from launch.record.run import Run
from launch.start import start
from tests.command_line import work_here
from tests.conftest import answer

SHORT = {
    "sr": ["trainer.max_iterations=2", "data.scenes=4", "data.validation_images=1"],
    "pbr": [
        *("trainer.max_epochs=1", "data.samples_per_epoch=8", "data.batch_size=4"),
        *("data.clean.count=14", "data.game.count=14", "data.clean.size=64", "data.game.size=64"),
        *("data.feed=64", "data.validation_crop=64", "needs=none"),
    ],
    "roi": ["data.train_images=32", "data.validation_images=30", "data.batch_size=8"],
    "smoke": ["trainer.max_iterations=2", "data.clips=4", "data.validation_clips=2"],
    "winding": [
        *("data.spiral.size=64", "data.spiral.radius=80", "data.spiral.warp=1"),
        *("module.windings=3", "trainer.max_iterations=8"),
    ],
}
RUNGS = ["recipe.classifier_iterations=2", "recipe.mask_iterations=2"]
ROI = dict.fromkeys(("deterministic", "deterministic_st", "stochastic"), RUNGS)
SMALLEST = (
    "sr/static",
    "pbr/phase_d_rough",
    "roi/standard",
    "smoke/autoencoder",
    "winding/no_mask",
)
SHIPPED = [
    pytest.param(name, marks=[pytest.mark.slow] * (name not in SMALLEST))
    for name in names("experiment")
]


def short(name: str) -> list[str]:
    """An experiment as small as it can be made."""
    scenario, _, experiment = name.partition("/")
    length = [*ROI.get(experiment, ["recipe.iterations=2"])] if scenario == "roi" else []
    if scenario == "smoke" and experiment != "autoencoder":
        length.append("module.autoencoder_gain=null")  # two iterations make no autoencoder
    return [f"+experiment={name}", *SHORT[scenario], *length, "trainer.threads=1"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_validated_run_has_its_own_metrics(tmp_path, monkeypatch, name):
    monkeypatch.setattr(start, "work", work_here)
    require_same_metrics(tmp_path, short(name))


@pytest.mark.slow
def test_a_rung_with_all_its_parents_does_so_too(tmp_path, monkeypatch):
    """Its teacher, which the data has and no checkpoint of its own."""
    monkeypatch.setattr(start, "work", work_here)
    typed = [o for o in short("pbr/phase_b") if o != "needs=none"]
    require_same_metrics(tmp_path, typed)


def require_same_metrics(folder: Path, typed: list[str]) -> None:
    """Train, move the last run away from everything that it started from, and validate it."""
    trained, moved = folder / "trained", folder / "moved"
    code, printed = answer(*typed, f"run_dir={trained}/run", f"runs={trained}/runs")
    assert code == 0, printed
    whole = Run(trained / "run").record["metrics"]
    Run(trained / "run").rung().folder.rename(moved)
    shutil.rmtree(trained)
    run = Run(moved)
    assert run.record["metrics"] == whole
    expected = {moved: whole}
    if run.record["best"]:  # not where no metric decides
        expected[run.best] = run.record["best"]["metrics"]
    for place, (source, metrics) in enumerate(expected.items()):
        again = folder / f"again_{place}"
        code, printed = answer("task=validate", f"from={source}", f"run_dir={again}")
        assert code == 0, printed
        assert Run(again).record["metrics"] == metrics
