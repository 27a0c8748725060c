"""argv -> a finished configuration -> what it asks for. Imports neither torch nor lightning."""

import argparse
import os
import sys
import warnings
from importlib.metadata import version
from typing import Any

from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf

from launch.composition.compose import compose, started
from launch.composition.explain import COMPOSING, explain
from launch.composition.meant import refuse
from launch.composition.typed import FLAGS, Typed, normalised
from launch.errors import ConfigError, LaunchError, nearest
from launch.record import storage
from launch.record.origin import DISTRIBUTION
from launch.record.process import die_with_parent, outlive_readers, rank
from launch.record.stopping import STOPPED, Stopped, requests
from launch.record.targets import see_own_packages

Flags = argparse.Namespace
OF_COMPOSING = ("config_dir", "config_path", "config_name")


def main() -> None:
    """The command line."""
    outlive_readers()
    die_with_parent()
    if rank() > 0:  # the first one speaks for all
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    see_own_packages()
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    try:
        with requests.heard():
            sys.exit(dispatch(sys.argv[1:]))
    except LaunchError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if "debug=true" in sys.argv:
            raise
        sys.exit(error.exit_code)
    except Stopped:
        sys.exit(STOPPED)
    except OSError as error:
        if error.errno not in storage.STORAGE:
            raise
        print(f"error: {storage.explained(error).message}", file=sys.stderr)
        sys.exit(3)


def dispatch(arguments: list[str]) -> int:
    """Do what the command line asks for; returns the exit code.

    Raises:
        LaunchError: for everything that is the user's to mend.
    """
    if arguments[:1] == ["new"]:
        from launch.front.new import new  # noqa: PLC0415 - keeps other commands fast

        print(new(arguments[1:]))
        return 0
    if "--version" in arguments:
        print(f"{DISTRIBUTION} {version(DISTRIBUTION)}")
        return 0
    parser = get_args_parser()
    flags = flags_of(parser, arguments)
    refuse(flags.overrides)
    flags.overrides = [normalised(o) for o in flags.overrides]
    FLAGS[:] = kept(flags)
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if flags.help or not arguments:
        from launch.front.listing import listing  # noqa: PLC0415 - keeps other commands fast

        print(listing())
        return 0
    with started(flags.config_path, flags.config_dir) as hydra:
        try:
            return composing(flags, parser, hydra)
        except COMPOSING as error:
            raise explain(error, flags.overrides) from error


def flags_of(parser: argparse.ArgumentParser, arguments: list[str]) -> Flags:
    """What begins with a dash, and the overrides.

    Raises:
        ConfigError: for a flag that there is none, or one with a wrong value.
    """
    parser.allow_abbrev = parser.exit_on_error = False
    try:
        flags, unknown = parser.parse_known_intermixed_args(arguments)
    except argparse.ArgumentError as error:
        raise ConfigError(str(error)) from error
    if unknown:
        refuse_flag(unknown[0], list(parser._option_string_actions), flags.overrides)
    return flags


def kept(flags: Flags) -> list[str]:
    """The flags that decide what is composed, as they are typed."""
    chosen = {f"--{key.replace('_', '-')}": getattr(flags, key) for key in OF_COMPOSING}
    return [word for flag, value in chosen.items() if value for word in (flag, value)]


def refuse_flag(flag: str, known: list[str], words: list[str]) -> None:
    """
    Raises:
        ConfigError: with the override or the flag that was meant.
    """
    text = flag.lstrip("-")
    if "=" in text or [w for w in words if "=" not in w]:
        bare = next((w for w in words if "=" not in w), "VALUE")
        meant = text if "=" in text else f"{text}={bare}"
        raise ConfigError(f"{flag}: settings have no dashes; type {meant}")
    wanted = nearest(flag, known) or " python -m launch lists what can be run"
    raise ConfigError(f"there is no flag {flag}.{wanted}")


def composing(flags: Flags, parser: argparse.ArgumentParser, hydra: Any) -> int:
    """What a command line asks for, with Hydra set up."""
    name = flags.config_name or "launch"
    Typed.read(flags.overrides).require_kept()
    if flags.hydra_help:
        hydra.hydra_help(config_name=name, args_parser=parser, args=flags)
    elif flags.shell_completion:
        hydra.shell_completion(config_name=name, overrides=flags.overrides)
    elif flags.info is not None:
        hydra.show_info(flags.info, config_name=name, overrides=flags.overrides)
    elif flags.cfg:
        show(flags, hydra, name)
    else:
        return performed(flags, hydra, name)
    return 0


def performed(flags: Flags, hydra: Any, name: str) -> int:
    """A command that does something; returns the exit code."""
    from launch.front import tasks  # noqa: PLC0415 - keeps what is only shown fast

    typed = Typed.read(flags.overrides)
    tasks.require_one(typed)
    if not flags.multirun:
        return tasks.once(typed, name)
    if "search" in typed:
        return tasks.search(typed, name)
    return tasks.sweep(hydra, name, flags.overrides)


def show(flags: Flags, hydra: Any, name: str) -> None:
    """`--cfg`: what Hydra shows; of an experiment with rungs, what each of them trains."""
    typed = Typed.read(flags.overrides)
    if flags.cfg != "job" or flags.package:
        hydra.show_cfg(name, typed.of_the_whole, flags.cfg, flags.package, flags.resolve)
        return
    composition = compose(typed.texts, name)
    shown = composition.config
    if composition.whole.rungs is not None or typed.rungs:
        from launch.ladder.ladder import ladder_of  # noqa: PLC0415 - gates are slow to import

        ladder = ladder_of(composition)
        if ladder is not None and ladder.of:
            rungs = {r.short: compose(ladder.overrides(r, typed)).config for r in ladder.rungs}
            shown = OmegaConf.create({"rungs": rungs})
    print(OmegaConf.to_yaml(shown, resolve=flags.resolve), end="")
