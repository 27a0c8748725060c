"""What was typed, read once by Hydra's own parser. Imports no torch."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from launch.errors import ConfigError

GROUPS = ("experiment", "ladder", "study", "search", "scale")
"""Groups with a default, which one may type with a plus all the same."""

OF_SEVERAL = ("ladder", "study", "search")
OF_THE_WHOLE = (
    *(*GROUPS, "hydra", "task", "seed", "run_dir", "runs", "from", "extend", "needs", "accept"),
    *("step", "input", "output", "debug", "plan", "rungs", "trainer", "logger"),
)
"""Root sections of a ladder, a study or a search itself; others are of what they train."""

KEPT = (
    *("experiment", "scale", "trainer", "network", "task", "name", "seed", "run_dir", "runs"),
    *("from", "extend", "watch", "needs", "accept", "input", "output", "debug", "plan"),
)
"""Root sections that a run cannot be without."""

PLUS = re.compile(rf"^\+(?=({'|'.join(GROUPS)})[=@])")
RUNG = re.compile(r"^[+~]*rungs\.([^.=@/]+)\.")
SAFE = re.compile(r"[\w./@%+-]*", re.ASCII)

VARIABLES = ("LAUNCH_TARGETS", "LAUNCH_LARGEST_PICTURE")
"""What the environment decides about a command."""

FLAGS: list[str] = []
"""`--config-dir DIR` and its like, as this process was started: they decide what is composed."""


@dataclass(frozen=True)
class Typed:
    """Overrides in the order in which they were typed: texts, and what Hydra reads in them."""

    texts: list[str]
    parsed: list[Override]

    @classmethod
    def read(cls, texts: Iterable[str]) -> "Typed":
        """
        Raises:
            hydra.errors.OverrideParseException: for what is no override.
        """
        listed = list(texts)
        return cls(listed, OverridesParser.create().parse_overrides(listed))

    def value(self, key: str, default: Any = None) -> Any:
        """The value typed for a key, the last if there are several; not that of a sweep."""
        found = [o for o in self.parsed if o.key_or_group == key and not o.is_sweep_override()]
        return found[-1].value() if found else default

    def require_kept(self) -> None:
        """
        Raises:
            ConfigError: if something is taken away that a run cannot be without.
        """
        for override in self.parsed:
            if override.is_delete() and override.key_or_group in KEPT:
                key = override.key_or_group
                raise ConfigError(f"~{key}: it cannot be taken away; type {key}=VALUE instead")

    def __contains__(self, key: str) -> bool:
        return any(o.key_or_group == key for o in self.parsed)

    def of(self, *sections: str) -> list[str]:
        """The overrides of some root sections: `data` of `+data.root=x` and `data=sr/folder`."""
        pairs = zip(self.texts, self.parsed, strict=True)
        return [text for text, o in pairs if section(o) in sections]

    def without(self, *sections: str) -> list[str]:
        """All overrides but those of some root sections."""
        pairs = zip(self.texts, self.parsed, strict=True)
        return [text for text, o in pairs if section(o) not in sections]

    @property
    def of_the_whole(self) -> list[str]:
        """What is composed itself: of what has several trainings, without what those have."""
        several = any(group in self for group in OF_SEVERAL)
        texts = self.of(*OF_THE_WHOLE) if several else self.texts
        return [text for text in texts if not RUNG.match(text)]

    @property
    def rungs(self) -> list[str]:
        """Names of the rungs of which something was typed."""
        found = (RUNG.match(text) for text in self.texts)
        return list(dict.fromkeys(match[1] for match in found if match))

    def for_rung(self, name: str) -> list[str]:
        """What was typed for all rungs, then for this one: `rungs.NAME.seed=1` as `seed=1`."""
        prefix = re.compile(rf"^([+~]*)rungs\.{re.escape(name)}\.")
        own = [prefix.sub(r"\1", text) for text in self.of("rungs") if prefix.match(text)]
        return [*self.without("rungs"), *own]


def section(override: Override) -> str:
    """The first part of a typed key."""
    return re.split(r"[./]", override.key_or_group)[0]


def normalised(argument: str) -> str:
    """An override as Hydra takes it, whatever equivalent form was typed.

    `+experiment=x` is `experiment=x`; a value that names an existing path is quoted.
    """
    return quoted_path(PLUS.sub("", argument))


def last_wins(overrides: Iterable[str]) -> list[str]:
    """Overrides without those that a later one for the same key replaces.

    >>> last_wins(["seed=0", "data=a", "seed=1"])
    ['seed=1', 'data=a']
    """
    return list({re.split("[=@]", o.lstrip("+~"))[0]: o for o in overrides}.values())


def quoted_path(argument: str) -> str:
    """`key=value` with quotes around a value that names an existing path, where they are needed."""
    key, equals, value = argument.partition("=")
    if not equals or not value or SAFE.fullmatch(value):
        return argument
    path = Path(value).expanduser() if value.startswith("~") else Path(value)
    try:
        return f"{key}={quoted(str(path))}" if path.exists() else argument
    except OSError:  # such as a name that is too long for one
        return argument


def quoted(text: str) -> str:
    """A string in Hydra's grammar, whatever it holds.

    >>> quoted("it's (1)")
    "'it\\\\'s (1)'"
    """
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", text)) + "'"


def as_value(path: Path) -> str:
    """A path in Hydra's grammar, quoted only where it must be."""
    return str(path) if SAFE.fullmatch(str(path)) else quoted(str(path))


def command(*arguments: str) -> str:
    """A command line to type here, with what it depends on beside its arguments.

    That is an interpreter that is found without activating it, variables, and flags.
    """
    held = [f"{n}={shlex.quote(os.environ[n])}" for n in VARIABLES if os.environ.get(n)]
    return " ".join([*held, interpreter(), "-m launch", shlex.join([*FLAGS, *arguments])])


def interpreter() -> str:
    """`python` where that is the running one, else its path, from here if it lies below."""
    if shutil.which("python") == sys.executable:
        return "python"
    return shlex.quote(str(from_here(Path(sys.executable))))


def from_here(path: Path) -> Path:
    """A path relative to the current folder, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
