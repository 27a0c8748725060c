"""What a command costs: one composition and one check for each training."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from launch.record import run
from launch.start import start


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often Hydra composes, a configuration is checked and `run.json` is read."""
    counts: Counter[str] = Counter()
    compose, require, read = (
        ConfigLoaderImpl._load_configuration_impl,
        start.require,
        run.read_json,
    )

    def composing(*arguments, **options):
        counts["compositions"] += 1
        return compose(*arguments, **options)

    def checking(*arguments):
        counts["checks"] += 1
        return require(*arguments)

    def reading(path: Path):
        counts["reads"] += path.name == "run.json" and path.is_file()
        return read(path)

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", composing)
    monkeypatch.setattr(start, "require", checking)
    monkeypatch.setattr(run, "read_json", reading)
    return counts


def test_a_run_is_composed_and_checked_once_and_its_record_read_at_most_twice(counted, here):
    code, printed = here("+experiment=sr/static", "run_dir=run")
    assert code == 0, printed
    assert (counted["compositions"], counted["checks"]) == (1, 1)
    assert counted["reads"] <= 2


def test_a_sweep_composes_each_job_once_and_itself_once(counted, here, worker):
    code, printed = here("-m", "+experiment=sr/static", "seed=0,1,2", "run_dir=sweep")
    assert code == 0, printed
    assert len(worker.trained) == 3
    assert counted["compositions"] == 3 + 1


def test_a_study_composes_each_job_once_and_itself_once(counted, here, worker):
    code, printed = here("-m", "+study=sr_ramps", "study.seeds=[0]")
    assert code == 0, printed
    assert counted["compositions"] == len(worker.trained) + 1


def test_a_resumed_run_is_composed_once(counted, here, worker):
    worker.ends = {"run": [143]}
    here("+experiment=sr/static", "run_dir=run")
    counted.clear()
    assert here("resume=run")[0] == 0
    assert (counted["compositions"], counted["checks"]) == (1, 1)


def test_a_finished_run_is_composed_once_more_to_be_known(counted, here, worker):
    for _ in range(2):
        counted.clear()
        assert here("+experiment=sr/static", "run_dir=run")[0] == 0
        assert counted["compositions"] == 1
    assert len(worker.trained) == 1


def test_config_yaml_is_what_hydra_says(here, tmp_path):
    """Resolved, and without Hydra's own node."""
    from omegaconf import OmegaConf  # noqa: PLC0415 - here only

    here("+experiment=sr/gan_ramp", "~losses.gan", "run_dir=run", "module.network.num_conv=2")
    said = OmegaConf.load(tmp_path / "run/.hydra/config.yaml")
    written = OmegaConf.load(tmp_path / "run/config.yaml")
    assert OmegaConf.to_container(said, resolve=True) == OmegaConf.to_container(written)
    assert written.module.network.num_conv == 2
    assert list(written.losses) == ["pixel"]
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "completed"
