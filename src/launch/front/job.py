"""What Hydra calls for every job of a sweep, here or on another machine. Imports no torch."""

import math
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from launch.composition.compose import Composition, started
from launch.composition.typed import Typed, from_here
from launch.errors import LaunchError
from launch.ladder.climb import climb_command
from launch.record.run import Run
from launch.start.start import refuse


def job(config: DictConfig) -> float:
    """Entry point of a Hydra job. A failure is recorded and not raised: it cannot end a sweep.

    Returns:
        The main metric of the run, NaN if there is none; the exit code is in `run.json`.

    Raises:
        SystemExit: with code 143 if it was told to stop, which stops the sweep as well.
    """
    if not GlobalHydra.instance().is_initialized():  # a launcher's own process
        with started():
            return job(config)
    composition = composed_by_hydra(config)
    if Run(Path(HydraConfig.get().sweep.dir)).is_asked_to_stop:
        raise SystemExit(143)
    run = Run(from_here(Path(HydraConfig.get().runtime.output_dir)))
    print(f"\n{run.folder}: {' '.join(composition.overrides)}", flush=True)
    try:
        code = climb_command(composition, run.folder, Typed.read(composition.overrides), True)
    except LaunchError as error:
        print(f"error: {error.message}", flush=True)
        refuse(run, composition, error)
        code = error.exit_code
    if code == 143:
        print("the sweep has stopped; the same command continues it", flush=True)
        raise SystemExit(143)
    return run.reread().main_metric[1] if code == 0 else math.nan


def composed_by_hydra(config: DictConfig) -> Composition:
    """The composition of the job that Hydra has started."""
    whole = config.copy()
    with open_dict(whole):
        whole.hydra = HydraConfig.get()
    return Composition(whole, [str(o) for o in whole.hydra.overrides.task])
