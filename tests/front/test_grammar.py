"""Hydra's documented grammar, as it is typed after `python -m launch`."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launch.record.run import Run

STATIC = "+experiment=sr/static"
TYPED = [
    # what is typed, the node that is shown, its value
    (["trainer.max_iterations=7"], "trainer.max_iterations", 7),
    (["++trainer.max_iterations=7"], "trainer.max_iterations", 7),
    (["++losses.pixel.start_iter=3"], "losses.pixel.start_iter", 3),
    (["+losses.pixel.start_iter=3"], "losses.pixel.start_iter", 3),
    (["seed=1", "seed=2", "seed=1"], "seed", 1),
    (["trainer.max_iterations=null", "trainer.max_epochs=2"], "trainer.max_iterations", None),
    (["+note=[1,2,a]"], "note", [1, 2, "a"]),
    (["+note={a:1,b:{c:[2]}}"], "note", {"a": 1, "b": {"c": [2]}}),
    (["+note='a, b=c: (d)'"], "note", "a, b=c: (d)"),
    (['+note="it\'s"'], "note", "it's"),
    (["+note='${seed}'"], "note", "${seed}"),
    (["+note='Größe ~ #1'"], "note", "Größe ~ #1"),
    (["+note=a\\,b"], "note", "a,b"),
    (["+note=1e-3"], "note", 1e-3),
    (["+note=int(2.5)"], "note", 2),
    (["+note=str(2)"], "note", "2"),
    (["~ema.warmup"], "ema.warmup", "gone"),
    (["~ema.warmup=true"], "ema.warmup", "gone"),
    (["~losses.pixel"], "losses", {}),
    (["data=sr/folder", "data.root=x"], "data.root", "x"),
    (["trainer=gpu"], "trainer.accelerator", "gpu"),
    (["+logger@other=tensorboard"], "other.tensorboard._target_", "launch.trackers."),
    (["experiment=sr/gan_ramp"], "name", "sr/gan_ramp"),
    (["losses={pixel:{loss_weight:0.5}}"], "losses.pixel.type", "l1"),
]


def below(config, key):
    for part in key.split("."):
        if part not in config:
            return "gone"
        config = config[part]
    return config


@pytest.mark.parametrize(("typed", "key", "value"), TYPED)
def test_an_override_means_what_hydra_says(here, typed, key, value):
    chosen = [] if "experiment=sr/gan_ramp" in typed else [STATIC]
    code, printed = here("--cfg", "job", *chosen, *typed)
    assert code == 0, printed
    found = below(yaml.safe_load(printed), key)
    if isinstance(value, str) and value.endswith("."):
        assert found.startswith(value)
    else:
        assert found == value


SWEEPS = [
    # what is typed after -m, what the jobs have of it
    (["seed=1,2"], ["seed=1", "seed=2"]),
    (["seed=choice(1,2)"], ["seed=1", "seed=2"]),
    (["seed=range(1,4)"], ["seed=1", "seed=2", "seed=3"]),
    (["seed=range(0,10,5)"], ["seed=0", "seed=5"]),
    (["seed=sort(3,1,2)"], ["seed=1", "seed=2", "seed=3"]),
    (["seed=sort(choice(3,1,2),reverse=true)"], ["seed=3", "seed=2", "seed=1"]),
    (["seed=shuffle(1,2)"], {"seed=1", "seed=2"}),
    (["seed=sort(interval(1,2))"], None),
    (["seed=1,2", "trainer.log_every=5,6"], 4),
    (["trainer=glob([a*,c*])"], {"trainer=auto", "trainer=cpu"}),
    (["plan.at=[1,2],[3]"], ["plan.at=[1,2]", "plan.at=[3]"]),
    (["ema={decay:0.5},{decay:0.6}"], ["ema={decay:0.5}", "ema={decay:0.6}"]),
    (["runs='a,b','c'"], ["runs='a,b'", "runs='c'"]),
    (["seed=tag(t,choice(1,2))"], ["seed=1", "seed=2"]),
]


def jobs(folder):
    """What the jobs of a sweep were started with, apart from what they share."""
    found = [Run(path.parent).record["overrides"] for path in folder.glob("*/run.json")]
    found.sort(key=str)
    return [[o for o in texts if any(o not in other for other in found)] for texts in found]


@pytest.mark.parametrize(("typed", "expected"), SWEEPS)
def test_a_sweep_has_the_jobs_that_hydra_says(here, tmp_path, worker, typed, expected):
    code, printed = here("-m", STATIC, *typed, "run_dir=sweep")
    if expected is None:
        assert code == 2, printed
        assert "Traceback" not in printed
        return
    assert code == 0, printed
    assert worker.names == [str(place) for place in range(len(worker.trained))]
    started = [Run(tmp_path / "sweep" / name).record["overrides"] for name in worker.names]
    if isinstance(expected, int):
        assert len(started) == expected
        return
    apart = [next(o for o in texts if o in expected) for texts in started]
    assert apart == expected if isinstance(expected, list) else set(apart) == expected


def test_experiments_are_swept_by_a_pattern(here, tmp_path, worker):
    code, printed = here("-m", "+experiment=glob(sr/*)", "run_dir=sweep")
    assert code == 0, printed
    names = {Run(folder).record["experiment"] for folder in worker.trained}
    assert names >= {"sr/static", "sr/gan_ramp", "sr/loss_ramps"}


@pytest.mark.parametrize(
    "line",
    [
        ["-m", STATIC, "seed=1,2", "run_dir=sweep"],
        [STATIC, "-m", "seed=1,2", "run_dir=sweep"],
        [STATIC, "seed=1,2", "run_dir=sweep", "-m"],
        [STATIC, "seed=1,2", "--multirun", "run_dir=sweep"],
    ],
)
def test_the_flag_may_stand_anywhere(here, worker, line):
    code, printed = here(*line)
    assert code == 0, printed
    assert worker.names == ["0", "1"]


@pytest.mark.parametrize(
    ("typed", "places"),
    [
        (["hydra.sweep.dir=there"], ["there/0", "there/1"]),
        (["run_dir=there", "hydra.sweep.subdir=seed_${seed}"], ["there/seed_1", "there/seed_2"]),
        (
            ["run_dir=there", "hydra.sweep.subdir=${hydra.job.override_dirname}"],
            ["there/+experiment=sr_static,seed=1", "there/+experiment=sr_static,seed=2"],
        ),
    ],
)
def test_jobs_lie_where_hydra_puts_them(here, tmp_path, worker, typed, places):
    options = ["hydra.job.config.override_dirname.exclude_keys=[experiment]"]
    chosen = [STATIC.removeprefix("+"), *(options if "override_dirname" in typed[-1] else [])]
    code, printed = here("-m", *chosen, "seed=1,2", *typed)
    assert code == 0, printed
    wanted = [place.replace("+experiment=sr_static,", "") for place in places]
    assert [str(folder.resolve().relative_to(tmp_path)) for folder in worker.trained] == wanted


def test_a_run_lies_where_hydra_puts_it(here, worker):
    code, printed = here(STATIC, "hydra.run.dir=there")
    assert code == 0, printed
    assert worker.names == ["there"]


def test_a_job_has_the_name_that_is_typed(here, tmp_path):
    code, printed = here(STATIC, "hydra.job.name=mine", "run_dir=run")
    assert code == 0, printed
    written = yaml.safe_load((tmp_path / "run/.hydra/hydra.yaml").read_text())
    assert written["hydra"]["job"]["name"] == "mine"


OWN = """\
# @package _global_
# One of one's own.
defaults: [/experiment/sr/static, _self_]
seed: 9
demo: {trainer: {log_every: 3}}
"""


def own(folder):
    """A folder of configurations with one experiment."""
    (folder / "experiment/my").mkdir(parents=True)
    (folder / "experiment/my/own.yaml").write_text(OWN)
    return folder


@pytest.mark.parametrize("mode", [[], ["-m"]])
@pytest.mark.parametrize("how", ["--config-dir", "-cd", "searchpath", "conf"])
def test_configurations_of_ones_own_are_found(here, tmp_path, worker, mode, how):
    folder = own(tmp_path / ("conf" if how == "conf" else "other"))
    path = {"searchpath": [f"hydra.searchpath=[file://{folder}]"], "conf": []}
    where = path.get(how, [how, str(folder)])
    code, printed = here(*mode, *where, "+experiment=my/own", "run_dir=run")
    assert code == 0, printed
    (config,) = worker.configs.values()
    assert (config["name"], config["seed"], config["trainer"]["log_every"]) == ("my/own", 9, 3)
    assert config["trainer"]["max_iterations"] == 1500  # the demo block of what it starts from
    assert again(here, printed).count("completed already") == 1
    assert len(worker.trained) == 1


def again(here, printed):
    """What the command that is to repeat another prints when it is typed as it stands."""
    (command,) = re.findall("repeat: .* -m launch (.*)", printed)
    code, printed = here(*shlex.split(command))
    assert code == 0, printed
    return printed


def test_another_root_is_chosen_by_name(here, tmp_path, worker):
    root = "defaults: [launch, _self_]\nseed: 5\n"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/mine.yaml").write_text(root)
    code, printed = here("--config-name", "mine", STATIC, "run_dir=run")
    assert code == 0, printed
    assert worker.configs[worker.trained[0]]["seed"] == 5
    again(here, printed)
    assert len(worker.trained) == 1


# What is only shown


def test_one_package_is_shown(here):
    code, printed = here("--cfg", "job", "-p", "losses", STATIC)
    assert code == 0
    assert yaml.safe_load(printed) == {"pixel": {"type": "l1", "loss_weight": 1.0}}


def test_interpolations_are_shown_as_written_or_resolved(here):
    assert "scale: ${data.scale}" in here("--cfg", "job", STATIC)[1]
    assert "scale: 4" in here("--cfg", "job", "--resolve", "-p", "module", STATIC)[1]


@pytest.mark.parametrize("what", ["hydra", "all"])
def test_hydras_own_node_is_shown(here, what):
    code, printed = here("--cfg", what, STATIC)
    assert code == 0
    assert "sweeper:" in printed


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("defaults", "experiment/sr/static"),
        ("defaults-tree", "sr/static"),
        ("config", "trainer"),
        ("plugins", "LaunchSweeper"),
        ("searchpath", "Provider"),
        ("all", "experiment"),
    ],
)
def test_info_is_hydras(here, what, word):
    code, printed = here("--info", what, STATIC)
    assert code == 0, printed
    assert word in printed


def test_the_scale_is_shown_as_it_trains(here):
    demo = yaml.safe_load(here("--cfg", "job", STATIC)[1])
    full = yaml.safe_load(here("--cfg", "job", STATIC, "scale=full")[1])
    iterations = [config["trainer"]["max_iterations"] for config in (demo, full)]
    assert iterations == [1500, 100_000]


def test_hydras_help_and_ours(here):
    assert "--shell-completion" in here("--hydra-help")[1]
    assert "sr/static" in here("--help")[1]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("experiment=sr/st", "experiment=sr/static"),
        ("+experiment=sr/st", "+experiment=sr/static"),
        ("experiment=sr/static trainer.max_it", "trainer.max_iterations="),
        ("data=sr/sy", "data=sr/synthetic"),
    ],
)
def test_a_shell_completes_options_and_keys(here, monkeypatch, line, word):
    monkeypatch.setenv("COMP_LINE", f"launch {line}")
    monkeypatch.setenv("COMP_POINT", str(len(f"launch {line}")))
    code, printed = here("--shell-completion", "query=bash")
    assert code == 0, printed
    assert word in printed.split()


IN_BASH = """
eval "$(launch --shell-completion install=bash)"
COMP_LINE="launch +experiment=sr/static data=sr/"; COMP_POINT=${#COMP_LINE}
COMP_WORDS=($COMP_LINE); COMP_CWORD=2
hydra_bash_completion
echo "${COMPREPLY[@]}"
"""


@pytest.mark.slow
def test_the_script_for_bash_completes_the_command():
    """Hydra's script knows commands that are one word, so not `python -m launch`."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = subprocess.run(
        ["bash", "-c", IN_BASH],
        capture_output=True, text=True, check=True, env=os.environ | {"PATH": beside},
    )  # fmt: skip
    assert {"data=sr/synthetic", "data=sr/folder"} <= set(found.stdout.split())
