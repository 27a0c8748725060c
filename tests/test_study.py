"""A study runs every arm with every seed, in its own folder, and never mixes settings."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from launch import study
from launch.errors import ConfigError

SECTION: dict[str, Any] = {
    "name": "ramps",
    "arms": {
        "constant": ["+experiment=sr/static"],
        "ramp": ["+experiment=sr/loss_ramps", "losses.gan.target_weight=0.1"],
    },
    "seeds": [0, 1],
    "metrics": ["psnr_y"],
    "reference": "constant",
}


def job(folder: Path, monkeypatch: pytest.MonkeyPatch, **record: Any) -> tuple[list[str], float]:
    """Run the job of arm `ramp`, seed 1, on a folder with this run.json; what it started."""
    started: list[str] = []
    monkeypatch.setattr(study, "launch", started.extend)
    if record:
        write(folder, **record)
    section = OmegaConf.create(SECTION | {"arm": "ramp", "seed": 1, "typed": ["scale=full"]})
    return started, study.run_job(section, folder)


def write(folder: Path, **record: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record))


def checkpoint(folder: Path) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").touch()


def test_a_job_starts_its_arm_with_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, value = job(tmp_path, monkeypatch)
    assert started == [
        "+experiment=sr/loss_ramps",
        "losses.gan.target_weight=0.1",
        "scale=full",
        "seed=1",
        f"run_dir={tmp_path}",
    ]
    assert math.isnan(value)


def test_a_completed_job_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, value = job(tmp_path, monkeypatch, status="completed", metrics={"psnr_y": 25.5})
    assert started == []
    assert value == 25.5


def test_an_interrupted_job_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(tmp_path)
    started, _ = job(tmp_path, monkeypatch, status="interrupted")
    assert started == [f"resume={tmp_path}"]


def test_a_job_that_failed_before_a_checkpoint_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, _ = job(tmp_path, monkeypatch, status="failed")
    assert started[-1] == f"run_dir={tmp_path}"


def test_overrides_are_split_into_the_studys_and_the_arms() -> None:
    typed = ["+study=a", "study.seeds=[0]", "hydra/launcher=slurm", "run_dir=x", "data.root=y"]
    assert study.split(typed) == (typed[:3], ["data.root=y"])


def test_arguments_survive_hydras_grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "impossible", lambda *_: [])
    typed = ["data.root=/my photos, 2024", "losses.a.name='x'", "trainer.max_iterations=10"]
    arguments = study.multirun(OmegaConf.create(SECTION), typed, tmp_path)
    parsed = {o.key_or_group: o for o in OverridesParser.create().parse_overrides(arguments)}
    assert list(parsed["study.arm"].sweep_string_iterator()) == ["'constant'", "'ramp'"]
    assert list(parsed["study.seed"].sweep_string_iterator()) == ["0", "1"]
    assert parsed["study.typed"].value() == typed
    assert parsed["hydra.sweep.dir"].value() == str(tmp_path)


def test_every_arm_runs_in_every_condition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conditions = {"photos": ["data=sr/folder"], "drawn": ["data=sr/synthetic"]}
    section = SECTION | {"conditions": conditions, "shared": ["scale=full"]}
    monkeypatch.setattr(study, "impossible", lambda *_: [])
    arguments = study.multirun(OmegaConf.create(section), ["data.batch_size=2"], tmp_path)
    assert "++study.condition='photos','drawn'" in arguments
    assert "++study.typed=['data.batch_size=2']" in arguments
    assert "hydra.sweep.subdir=${study.condition}/${study.arm}/seed_${study.seed}" in arguments
    found = study.read(section)
    assert len(list(found.jobs())) == 2 * 2 * 2
    drawn = study.Job("drawn", "constant", 1)
    expected = ["scale=full", "+experiment=sr/static", "data=sr/synthetic", "seed=1"]
    assert found.overrides(drawn) == expected
    assert drawn.place == Path("drawn/constant/seed_1")
    assert str(drawn) == "drawn, constant, seed 1"


def test_runs_of_other_settings_stop_a_study_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "impossible", lambda *_: [])
    section = OmegaConf.create(SECTION)
    kept = ["+experiment=sr/static", "seed=1", "scale=full"]
    write(tmp_path / "constant" / "seed_1", status="completed", overrides=kept)
    study.multirun(section, ["scale=full"], tmp_path)
    with pytest.raises(
        ConfigError, match=r"seed_1 was made with scale=full where the study now has nothing"
    ):
        study.multirun(section, [], tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "constnat"}, "reference 'constnat' is no arm. Did you mean 'constant'?"),
        ({"sedes": [1]}, "there is no 'sedes'. Did you mean 'seeds'?"),
        ({"seeds": []}, "seeds: List should have at least 1 item"),
        ({"seeds": [1, 1]}, "a seed is listed twice"),
        ({"seeds": [-1]}, "seeds.0: Input should be greater than or equal to 0"),
        ({"arms": {"a/b": []}, "reference": "a/b"}, "'a/b': a label is made of letters"),
        ({"conditions": {"1": []}}, "'1': a label is made of letters"),
        ({"baseline": {"ssim": "x"}}, "baseline of 'ssim', which is not in metrics"),
        ({"metrics": "psnr"}, "metrics: Input should be a valid list"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        study.read(SECTION | change)
    assert message in caught.value.message


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        study.read({"name": "x", "sedes": [0], "metrics": []})
    assert len(caught.value.message.splitlines()) == 5


def test_an_interruption_ends_the_study_and_its_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\nkill -TERM $PPID\nexec sleep 60\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    with pytest.raises(SystemExit) as caught:
        study.launch([])
    assert caught.value.code == 143


def test_a_job_that_fails_does_not_end_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\nexit 143\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    assert study.launch([]) is None  # no SystemExit, as one that is told to stop would raise


def test_the_end_names_failures_and_leaves_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arm in SECTION["arms"]:
        for seed in SECTION["seeds"]:
            folder = tmp_path / arm / f"seed_{seed}"
            write(folder, status="completed", metrics={"psnr_y": 25.0 + seed})
    section = OmegaConf.create(SECTION)
    assert study.conclude(section, tmp_path) == 0
    broken = {"status": "failed", "error": "out of memory", "metrics": {}}
    write(tmp_path / "ramp" / "seed_1", **broken)
    assert study.conclude(section, tmp_path) == 1
    assert "**ramp, seed 1: failed.** out of memory" in capsys.readouterr().out
    assert {p.name for p in tmp_path.glob("study.*")} == {"study.md", "study.csv", "study.png"}
