"""`resume=RUN_DIR`: a run goes on with its own configuration. Imports no torch."""

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from launch import jobs
from launch.compose import Config
from launch.errors import ConfigError, nearest
from launch.record.run import Run


def resume(run: Run, overrides: list[str]) -> int:
    """Continue a run, with every value changed that is typed; returns the exit code.

    Raises:
        LaunchError: for a key that the run does not have, a value out of range, or if another
            process is at work in the folder.
    """
    config = resumed(jobs.read_config(run), overrides)
    if not config.get("rungs"):
        jobs.write_config(run, config)
        return jobs.again(run, config)
    with run.lock():
        for name in config["rungs"]:
            resume_rung(Run(run.folder / name), of_rung(name, overrides))
        jobs.write_config(run, config)
        run.update(status="running", error=None)
        return jobs.again(run, config)


def resume_rung(rung: Run, overrides: list[str]) -> None:
    """Change the configuration of a rung that has begun and is not finished."""
    if rung.status != "completed" and (rung.folder / "config.yaml").is_file():
        jobs.write_config(rung, resumed(jobs.read_config(rung), overrides))


def resumed(config: Config, overrides: list[str]) -> Config:
    """The configuration of a run with values changed, checked again.

    Raises:
        LaunchError: for a key that the run does not have, or a value out of range.
    """
    from launch import check  # noqa: PLC0415 - keeps `--cfg job` fast

    rungs = config.get("rungs")
    if rungs:
        unknown = [o for o in overrides if o.startswith("rungs.") and o.split(".")[1] not in rungs]
        if unknown:
            raise ConfigError(f"{unknown[0]}: the rungs of this run are {', '.join(rungs)}")
        whole = {name: resumed(rung, of_rung(name, overrides)) for name, rung in rungs.items()}
        return config | {"rungs": whole}
    changed = OmegaConf.create(config)
    OmegaConf.set_struct(changed, True)
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        try:
            OmegaConf.update(changed, key, override.value(), merge=False)
        except OmegaConfBaseException as error:
            raise ConfigError(f"{key}: the run has no such key.{nearest(key, config)}") from error
    plain: Config = OmegaConf.to_container(changed)  # type: ignore[assignment]
    check.require(plain, None)
    return plain


def of_rung(name: str, overrides: list[str]) -> list[str]:
    """What is typed for all rungs or for this one, as one would type it for it alone."""
    own = [o.removeprefix(f"rungs.{name}.") for o in overrides]
    return [o for o in own if not o.startswith("rungs.")]
