"""A study runs every arm with every seed, in its own folder, and never mixes settings."""

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from launch.errors import ConfigError
from launch.study import study
from launch.study.conclusion import conclude
from tests.compositions import composed

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


def write(folder: Path, **record: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record))


def test_every_arm_runs_with_every_seed_and_what_is_typed() -> None:
    jobs = study.listed(OmegaConf.create(SECTION), ["scale=full", "seed=7"])
    assert len(jobs) == 2 * 2
    assert jobs[3] == [
        "experiment=sr/loss_ramps",
        "losses.gan.target_weight=0.1",
        "scale=full",
        "seed=1",
        "hydra.sweep.subdir=ramp/seed_1",
    ]


def test_every_arm_runs_in_every_condition() -> None:
    conditions = {"photos": ["data=sr/folder"], "drawn": ["data=sr/synthetic"]}
    section = SECTION | {"conditions": conditions, "shared": ["scale=full"]}
    found = study.read(section)
    assert len(list(found.jobs())) == 2 * 2 * 2
    drawn = study.Job("drawn", "constant", 1)
    expected = ["scale=full", "experiment=sr/static", "data=sr/synthetic", "seed=1"]
    assert found.overrides(drawn) == expected
    assert drawn.place == Path("drawn/constant/seed_1")
    assert str(drawn) == "drawn, constant, seed 1"


def threads(section: dict[str, Any]) -> list[int]:
    """Of the first arm's jobs with the first seed, as they are composed."""
    found = study.read(section)
    jobs = [job for job in found.jobs() if (job.arm, job.seed) == ("constant", 0)]
    return [composed(*found.overrides(job)).plain["trainer"]["threads"] for job in jobs]


def test_a_study_fixes_the_number_of_threads_or_varies_it() -> None:
    """Results move with it by as much as with the seed."""
    assert threads(SECTION | {"shared": ["trainer.threads=1"]}) == [1]
    conditions = {f"threads_{n}": [f"trainer.threads={n}"] for n in (1, 2)}
    assert threads(SECTION | {"conditions": conditions}) == [1, 2]


# Through the command line

SHORT = """\
# Two arms.
name: short
arms:
  one: [+experiment=sr/static]
  two: [+experiment=sr/static, losses.pixel.loss_weight=2]
seeds: [0, 1]
metrics: [psnr_y]
reference: one
"""


@pytest.fixture
def short(here, tmp_path):
    """short("scale=full", ...): the same as `-m +study=short scale=full ...`."""
    (tmp_path / "conf/study").mkdir(parents=True)
    (tmp_path / "conf/study/short.yaml").write_text(SHORT)
    return lambda *typed: here("-m", "+study=short", *typed)


def place(folder: Path) -> str:
    return "/".join(folder.parts[-2:])


def test_finished_jobs_are_skipped_interrupted_ones_continued_failed_ones_run_again(short, worker):
    worker.codes = [0, 1, 143]
    code, printed = short()
    assert code == 143
    assert "the same command continues it" in printed
    code, printed = short()
    assert code == 0, printed
    places = ["one/seed_0", "one/seed_1", "two/seed_0", "one/seed_1", "two/seed_0", "two/seed_1"]
    assert [place(folder) for folder in worker.trained] == places


def test_another_study_is_not_mixed_in(short, worker):
    assert short()[0] == 0
    code, printed = short("scale=full")
    assert code == 2
    assert "holds another sweep" in printed
    assert len(worker.trained) == 4
    assert short("scale=full", "run_dir=other")[0] == 0


def test_further_seeds_are_added_on_purpose(short, worker):
    assert short()[0] == 0
    assert short("study.seeds=[0,1,2]")[0] == 2
    code, printed = short("study.seeds=[0,1,2]", "extend=true")
    assert code == 0, printed
    assert [place(folder) for folder in worker.trained[4:]] == ["one/seed_2", "two/seed_2"]
    assert "3/3" in printed


def test_a_study_without_m_says_what_to_add(here):
    code, printed = here("+study=sr_ramps")
    assert code == 2
    assert "-m study=sr_ramps" in printed


def test_a_job_that_cannot_run_stops_a_study_before_it_starts(short, worker):
    code, printed = short("losses.pixel.typ=l1")
    assert (code, worker.trained) == (2, [])
    assert "Did you mean 'losses.pixel.type'" in printed
    assert len(printed.splitlines()) < 10


def test_a_key_of_the_arms_is_typed_beside_the_study(short, worker):
    code, printed = short("data.scenes=4", "+losses.pixel.start_iter=0", "study.seeds=[3]")
    assert code == 0, printed
    assert [config["data"]["scenes"] for config in worker.configs.values()] == [4, 4]


# What is wrong with one


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


def test_the_end_names_failures_and_leaves_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arm in SECTION["arms"]:
        for seed in SECTION["seeds"]:
            folder = tmp_path / arm / f"seed_{seed}"
            write(folder, status="completed", metrics={"psnr_y": 25.0 + seed})
    section = OmegaConf.create(SECTION)
    assert conclude(section, tmp_path) == 0
    broken = {"status": "failed", "error": "out of memory", "metrics": {}}
    write(tmp_path / "ramp" / "seed_1", **broken)
    assert conclude(section, tmp_path) == 1
    assert "**ramp, seed 1: failed.** out of memory" in capsys.readouterr().out
    assert {p.name for p in tmp_path.glob("study.*")} == {"study.md", "study.csv", "study.png"}
