"""What `python -m launch` and `task=runs` list."""

from launch.composition.recipes import names
from launch.front.listing import listing, runs, table
from launch.record.run import Run


def test_every_shipped_experiment_ladder_and_study_is_listed_with_its_description():
    lines = listing().splitlines()
    for group in ("experiment", "ladder", "study"):
        assert f"{group}:" in lines
    described = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert {name for name in names("experiment") if name.count("/") == 1} <= described.keys()
    assert all(described.values())


def test_experiments_of_the_current_folder_come_first(tmp_path, monkeypatch):
    own = tmp_path / "conf" / "experiment" / "stars"
    own.mkdir(parents=True)
    (own / "first.yaml").write_text("# @package _global_\n# Faint stars.\nmodule: {}\n")
    monkeypatch.chdir(tmp_path)
    lines = listing().splitlines()
    first = lines[lines.index("experiment:") + 1]
    assert first.split(maxsplit=1) == ["stars/first", "Faint stars."]


def test_runs_stand_in_columns_with_their_metric_or_their_error(tmp_path):
    good, bad = Run(tmp_path / "good"), Run(tmp_path / "bad")
    good.folder.mkdir()
    bad.folder.mkdir()
    good.note(
        "end",
        task="train",
        status="completed",
        main_metric={"name": "psnr"},
        metrics={"psnr": 25.123456},
    )
    bad.note("end", task="train", status="failed", error="no memory\nat line 3")
    head, *rows = table([("sr/static", good), ("x", bad)]).splitlines()
    assert head.split() == ["job", "task", "status", "metric", "folder"]
    assert [row.index(str(tmp_path)) for row in rows] == [head.index("folder")] * 2
    assert "psnr 25.12 " in rows[0]
    assert "no memory " in rows[1] and "line 3" not in rows[1]


def test_a_folder_without_runs_says_so(tmp_path):
    assert runs(tmp_path) == f"no run is below {tmp_path}"
