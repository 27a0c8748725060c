"""`python -m launch`: compose, check, dispatch. Imports neither torch nor lightning."""

import argparse
import os
import re
import sys
from datetime import datetime
from pathlib import Path

import hydra
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from launch import child, jobs
from launch.compose import finalise
from launch.composition.explain import ADDED, description, explain, options
from launch.errors import ConfigError, LaunchError, nearest
from launch.record.run import CONF, Run
from launch.resume import resume


def main() -> None:
    """The command line."""
    child.die_with_parent()
    try:
        sys.exit(dispatch(sys.argv[1:]))
    except LaunchError as error:
        print(f"error: {error.message}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(143)


def dispatch(arguments: list[str]) -> int:
    """Do what the command line asks for; returns the exit code.

    Raises:
        LaunchError: for everything that is the user's to mend.
    """
    arguments = [re.sub(rf"^({'|'.join(ADDED)})=", r"+\1=", a) for a in arguments]
    parser = get_args_parser()
    flags = parser.parse_args(arguments)
    os.environ["HYDRA_FULL_ERROR"] = "1"
    typed = dict(o.lstrip("+").split("=", 1) for o in flags.overrides if "=" in o)
    if flags.help or (not arguments):
        return listing()
    if typed.get("task") == "runs":
        return runs(Path(typed.get("runs", "runs")))
    if typed.get("task") == "report":
        from launch import report  # noqa: PLC0415 - plotting is slow to import

        return report.main(typed.get("runs", "runs"), typed.get("output"))
    if "resume" in typed:
        return resume_folder(
            Path(typed["resume"]), [o for o in flags.overrides if not o.startswith("resume=")]
        )
    if flags.info or flags.hydra_help or flags.shell_completion or flags.cfg == "hydra":
        run_hydra(arguments)
        return 0
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return composed(flags, flags.overrides, typed)
        except (HydraException, OmegaConfBaseException) as error:
            raise explain(error, flags.overrides) from error


def composed(flags: argparse.Namespace, overrides: list[str], typed: dict[str, str]) -> int:
    """Commands that need a composed configuration."""
    if "ladder" in typed and not flags.multirun:
        from launch import ladder  # noqa: PLC0415 - needed here only

        return ladder.main(overrides, typed)
    if flags.multirun and not flags.cfg:
        return sweep(flags, overrides, typed)
    overrides = from_run(overrides, typed)
    if not flags.cfg:
        require_experiment(overrides, typed)
    config = compose("launch", overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    choices = dict(config.hydra.runtime.choices)
    folder = Path(config.hydra.run.dir)
    with open_dict(config):
        del config["hydra"]
    if flags.cfg in ("job", "all"):
        return show(config, overrides, flags)
    plain = jobs.prepare(config, overrides, choices, folder)
    if plain["task"] == "plan":
        from launch import plan  # noqa: PLC0415 - plotting is slow to import

        return plan.main(plain, folder)
    jobs.require_own(Run(folder), overrides)
    return single(overrides, folder)


def single(overrides: list[str], folder: Path) -> int:
    """One run under Hydra, which writes `.hydra`; returns its exit code."""
    run_hydra([*overrides, f"hydra.run.dir={folder}"])
    run = Run(folder)
    code = int(run.record.get("exit_code", 1))
    conclude(run, code)
    return code


def sweep(flags: argparse.Namespace, overrides: list[str], typed: dict[str, str]) -> int:
    """Hydra's multirun over any launcher, then a table; returns 1 if a job failed."""
    require_options(overrides)
    if "study" in typed:
        return run_study(overrides, typed["study"])
    require_experiment(overrides, typed)
    folder = Path(typed.get("run_dir", f"runs/multirun/{datetime.now():%Y%m%d-%H%M%S-%f}"))
    jobs_overrides = [o for o in overrides if not o.startswith("run_dir=")]
    run_hydra(["-m", *jobs_overrides, f"hydra.sweep.dir={folder}"])
    return summary(folder)


def run_study(overrides: list[str], name: str) -> int:
    """Arms x seeds as a multirun, then the study's tables."""
    from launch import study  # noqa: PLC0415 - needed here only

    own, shared = study.split(overrides)
    config = compose("launch", own)
    typed = dict(o.split("=", 1) for o in overrides if "=" in o)
    folder = Path(typed.get("run_dir", f"runs/study/{name}"))
    run_hydra(["-m", *own, *study.multirun(config.study, shared, folder)])
    return study.conclude(config.study, folder)


def run_hydra(arguments: list[str]) -> None:
    """Hand over to Hydra, which writes `.hydra` and calls the job, here or through a launcher."""
    GlobalHydra.instance().clear()
    sys.argv[1:] = arguments
    hydra.main(config_path=str(CONF), config_name="launch", version_base="1.3")(jobs.job)()


def require_experiment(overrides: list[str], typed: dict[str, str]) -> None:
    """
    Raises:
        ConfigError: if the command names no experiment.
    """
    if "experiment" not in typed:
        raise ConfigError(
            "which experiment? Type python -m launch +experiment=NAME, one of "
            + ", ".join(options("experiment"))
        )


def require_options(overrides: list[str]) -> None:
    """
    Raises:
        ConfigError: if a sweep names an option that does not exist, before any job has started.
    """
    for override in overrides:
        group, _, values = override.lstrip("+").partition("=")
        own = (CONF / group).is_dir() and not group.startswith("hydra")  # plugins add launchers
        known = options(group) if own else []
        for value in values.split(",") if known else []:
            if value.strip() not in (*known, "null"):
                raise ConfigError(f"{group}={value}: no such {group}.{nearest(value, known)}")


def from_run(overrides: list[str], typed: dict[str, str]) -> list[str]:
    """For `from=RUN_DIR` without an experiment: the experiment and overrides of that run."""
    source = Path(typed.get("from", ""))
    if "experiment" in typed or typed.get("task") not in ("validate", "predict"):
        return overrides
    record = Run(source.parent.parent if source.is_file() else source).record
    if not record:
        return overrides
    kept = [o for o in record["overrides"] if o.split("=")[0] not in ("run_dir", "task", "from")]
    given = {o.split("=")[0] for o in overrides}
    typed["experiment"] = record["experiment"]
    return [*(o for o in kept if o.split("=")[0] not in given), *overrides]


def resume_folder(folder: Path, overrides: list[str]) -> int:
    """Continue a run with its own configuration and what is typed beside `resume=`."""
    run = Run(folder)
    path = folder / "config.yaml"
    if (folder / "ladder.json").is_file():
        raise ConfigError(f"{folder} is a ladder; the command that began it continues it")
    if not path.is_file():
        known = [str(other.parent) for other in Path("runs").rglob("config.yaml")]
        raise ConfigError(f"resume={folder}: not a run folder.{nearest(str(folder), known)}")
    if run.status == "completed" and (run.record.get("rungs") or not overrides):
        print(f"{folder} is completed already; nothing to resume")
        return 0
    with initialize_config_dir(str(CONF), version_base="1.3"):
        code = resume(run, overrides)
    conclude(run, code)
    return code


# What is printed


def show(config: DictConfig, overrides: list[str], flags: argparse.Namespace) -> int:
    """`--cfg job`: the configuration as it would run."""
    plain = finalise(config, overrides)
    if flags.package:
        plain = OmegaConf.select(OmegaConf.create(plain), flags.package)
    print(OmegaConf.to_yaml(plain, resolve=False), end="")
    return 0


def listing() -> int:
    """All experiments, ladders and studies with their one-line descriptions."""
    print("python -m launch +experiment=NAME [key=value ...]\n")
    for group in ADDED:
        names = options(group)
        if names:
            print(f"{group}:")
        for name in names:
            print(f"  {name:24} {description(CONF / group / f'{name}.yaml')}")
    print(
        "\ntask=plan draws every schedule without training; task=validate and task=predict use a "
        "finished run (from=latest);\nresume=RUN_DIR continues; -m sweeps; task=runs lists runs; "
        "--cfg job shows the configuration. See README.md."
    )
    return 0


def runs(root: Path) -> int:
    """`task=runs`: every run below a folder with its status and main metric."""
    from launch.record.run import find_runs  # noqa: PLC0415

    print(table([(trained(run), run) for run in find_runs(root)]))
    return 0


def trained(run: Run) -> str:
    """Its experiment, and which of its rungs."""
    names = (run.record.get("experiment"), run.record.get("rung"))
    return "/".join(str(name) for name in names if name)


def summary(folder: Path) -> int:
    """The end of a sweep: jobs, status, metric, folder."""
    folders = sorted(folder.glob("*/run.json"), key=lambda p: (len(p.parent.name), p.parent.name))
    found = [(" ".join(sweep_part(Run(p.parent))), Run(p.parent)) for p in folders]
    print(table(found))
    return int(any(run.status != "completed" for _, run in found) or not found)


def sweep_part(run: Run) -> list[str]:
    """The overrides of a job, without its experiment."""
    return [o for o in run.record.get("overrides", []) if not o.startswith("+experiment")]


def table(rows: list[tuple[str, Run]]) -> str:
    """Name, status, main metric and folder, in columns."""
    lines = [("job", "task", "status", "metric", "folder")]
    for name, run in rows:
        record = run.record
        metric = (record.get("main_metric") or {}).get("name")
        value = record.get("metrics", {}).get(metric)
        text = f"{metric} {value:.4g}" if value is not None else record.get("error") or "-"
        first = str(text).split("\n")[0][:80]
        lines.append((name, str(record.get("task")), run.status, first, str(run.folder)))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def conclude(run: Run, code: int) -> None:
    """The last lines of a run: its picture, its folder, and how to go on."""
    record = run.record
    pictures = sorted((run.rung().folder / "images").glob("*.png"))
    for metric, value in record.get("metrics", {}).items():
        print(f"{metric} {value:.4g}")
    if pictures:
        print(f"picture: {pictures[-1]}")
    if code == 0:
        print(f"{run.folder}  repeat: {record.get('command')}")
    else:
        print(f"{run.folder}  resume: {jobs.command(f'resume={run.folder}')}")


if __name__ == "__main__":
    main()
