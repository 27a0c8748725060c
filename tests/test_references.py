"""What `from=`, `rung:NAME` and `experiment:NAME` mean, and when they are refused."""

import itertools
from pathlib import Path

import pytest
from launch.references import References, is_open, require_parents, with_sources

from launch import child
from launch.errors import ConfigError, LaunchError, MissingError
from launch.record.run import Run, sha256

CLOCK = itertools.count()


def config(runs, **changes):
    return {
        "task": "train",
        "scale": "demo",
        "needs": "require",
        "runs": str(runs),
        "from": None,
    } | (changes)


def trained(folder, experiment="toy/a", overrides=(), rung=None, **fields):
    """A finished training with a best checkpoint."""
    run = Run(folder)
    (folder / "checkpoints").mkdir(parents=True)
    run.best.write_bytes(str(folder).encode())
    record = {"experiment": experiment, "rung": rung, "task": "train", "scale": "demo"}
    run.start(**record, overrides=list(overrides))
    run.update(started=f"{next(CLOCK):06}", best={"iteration": 3, "sha256": sha256(run.best)})
    run.update(**{"status": "completed"} | fields)
    return run


def trained_rungs(folder, *names):
    whole = trained(folder, rungs=list(names))
    for name in names:
        trained(folder / name, rung=name)
    return whole


def meant(asked, name="toy/a"):
    """The run folder that a reference leads to."""
    return Path(asked.resolve(f"experiment:{name}")).parents[1]


def references(runs, overrides=(), **changes):
    return References({}, config(runs, **changes), list(overrides))


def test_references_anywhere_become_paths_and_parents(tmp_path):
    run = trained(tmp_path / "a")
    asked = references(tmp_path)
    value = {"net": {"weights": "experiment:toy/a", "depth": 3}, "list": ["experiment:toy/a"]}
    best = str(run.best)
    assert asked.resolve(value) == {"net": {"weights": best, "depth": 3}, "list": [best]}
    parent = {"folder": str(run.folder), "checkpoint": best, "sha256": sha256(run.best)}
    assert asked.parents == [parent]
    assert is_open(value)
    assert not is_open(asked.resolve(value))


def test_the_latest_run_of_an_experiment_with_the_same_scale_and_data_is_meant(tmp_path):
    trained(tmp_path / "old")
    wanted = trained(tmp_path / "wanted", overrides=["data.batch_size=4", "seed=7"])
    trained(tmp_path / "full", scale="full")
    trained(tmp_path / "photos", overrides=["data=toy/folder", "data.root=photos"])
    trained(tmp_path / "unfinished", status="interrupted")
    trained(tmp_path / "other", experiment="toy/b")
    trained(tmp_path / "applied", task="validate")
    assert meant(references(tmp_path)) == wanted.folder
    photos = references(tmp_path, ["data=toy/folder", "data.root=photos", "seed=1"])
    assert meant(photos).name == "photos"


@pytest.mark.parametrize(("name", "rung"), [("toy/a", "second"), ("toy/a/first", "first")])
def test_a_rung_is_the_third_part_of_a_name_and_the_last_one_by_default(tmp_path, name, rung):
    trained_rungs(tmp_path / "run", "first", "second")
    assert meant(references(tmp_path), name) == tmp_path / "run" / rung


def test_a_rung_that_the_experiment_does_not_have_is_missing(tmp_path):
    trained_rungs(tmp_path / "run", "first", "second")
    with pytest.raises(MissingError, match="toy/a/third"):
        references(tmp_path).experiment("toy/a/third")


def test_needs_require_says_what_to_type_and_none_starts_afresh(tmp_path):
    with pytest.raises(MissingError, match=r"python -m launch \+experiment=toy/a") as caught:
        references(tmp_path).resolve("experiment:toy/a")
    assert caught.value.exit_code == 3
    assert references(tmp_path, needs="none").resolve({"w": "experiment:toy/a"}) == {"w": None}


def test_needs_auto_climbs_what_is_missing_with_the_settings_that_concern_it(tmp_path, monkeypatch):
    started = []

    def launch(arguments):
        started.append(arguments)
        trained(tmp_path / "climbed")
        return 0

    monkeypatch.setattr(child, "launch", launch)
    typed = ["+experiment=toy/b", "scale=demo", "trainer.threads=1", "module.lr=3", "recipe.x=1"]
    asked = references(tmp_path, [*typed, "losses.l1.loss_weight=2"], needs="auto")
    assert meant(asked).name == "climbed"
    assert started == [["+experiment=toy/a", "scale=demo", "trainer.threads=1", "recipe.x=1"]]


def test_needs_auto_goes_on_with_an_interrupted_training(tmp_path, monkeypatch):
    run = trained(tmp_path / "a", status="interrupted", overrides=["+experiment=toy/a", "seed=1"])
    (run.folder / "config.yaml").write_text("{}")
    started = []
    monkeypatch.setattr(child, "launch", lambda a: started.append(a) or 143)
    with pytest.raises(LaunchError) as caught:
        references(tmp_path, ["seed=1"], needs="auto").experiment("toy/a")
    assert caught.value.exit_code == 143
    assert started == [[f"resume={run.folder}"]]


def test_a_checkpoint_that_is_not_the_recorded_one_is_refused(tmp_path):
    run = trained(tmp_path / "a")
    run.best.write_bytes(b"something else")
    with pytest.raises(MissingError, match="is not the file that its run recorded"):
        references(tmp_path).resolve("experiment:toy/a")


def test_a_run_whose_parent_is_another_file_now_is_refused(tmp_path):
    parent = trained(tmp_path / "a")
    asked = references(tmp_path)
    asked.resolve("experiment:toy/a")
    run = trained(tmp_path / "b", experiment="toy/b", parents=asked.parents)
    require_parents(run)
    parent.best.write_bytes(b"trained again")
    with pytest.raises(MissingError, match="trained from"):
        require_parents(run)


def test_a_rung_refers_to_earlier_rungs_only(tmp_path):
    first = trained(tmp_path / "first", rung="first")
    asked = References({"first": first}, config(tmp_path), [])
    assert asked.resolve("rung:first") == str(first.best)
    with pytest.raises(ConfigError, match="Did you mean 'first'"):
        asked.resolve("rung:frist")


def test_from_becomes_a_path_of_the_rung_of_the_same_name(tmp_path):
    run = trained_rungs(tmp_path / "run", "first", "second")
    source = config(tmp_path, **{"from": str(run.folder)})
    found, parents = with_sources(source, "toy/a", [], {}, "first")
    assert found["from"] == str(run.folder / "first" / "checkpoints" / "best.ckpt")
    assert parents[0]["folder"] == str(run.folder / "first")


def test_a_finished_run_is_applied_with_its_own_recipe_and_what_is_typed(tmp_path):
    run = trained(tmp_path / "a")
    recipe = {"losses": {}, "masks": [], "ema": None, "trainable": None, "main_metric": None}
    saved = recipe | {"module": {"width": 8, "tile": 64, "weights": "/gone/best.ckpt"}}
    (run.folder / "config.yaml").write_text(str(saved).replace("None", "null"))
    now = recipe | {"module": {"width": 64, "tile": 256, "weights": "rung:first"}}
    asked = config(tmp_path, task="predict", needs="auto", **{"from": str(run.folder)}) | now
    found, _ = with_sources(asked, "toy/a", ["module.tile=32", "seed=1"], {})
    assert found["module"] == {"width": 8, "tile": 32, "weights": "/gone/best.ckpt"}
