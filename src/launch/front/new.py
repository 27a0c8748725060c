"""`python -m launch new DIR`: a project of one's own, small and complete. No torch."""

import re
from importlib.util import find_spec
from pathlib import Path

from launch.errors import ConfigError
from launch.record import storage

TEMPLATE = Path(__file__).parents[1] / "template"
NAME = "mylab"


def new(arguments: list[str]) -> str:
    """Write the template into a folder, under the folder's name; returns what to type next.

    Raises:
        ConfigError: if the folder has content, or its name is no name of a Python package.
    """
    if len(arguments) != 1:
        raise ConfigError("type python -m launch new DIR; DIR names the project and its package")
    folder = Path(arguments[0])
    name = folder.resolve().name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in ("launch", "conf", "tests"):
        raise ConfigError(
            f"{name!r} would name the package; give a folder of small letters, digits and _, "
            "such as mylab"
        )
    if is_installed(name):
        raise ConfigError(f"a package {name} is installed already; give the folder another name")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} has files already; give a folder that is new or empty")
    for path in sorted(TEMPLATE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            place = folder / str(path.relative_to(TEMPLATE)).replace(NAME, name)
            storage.write(place, path.read_text().replace(NAME, name))
    after = (f"cd {folder}", f"launch +experiment={name}/first", "python -m unittest")
    return "\n  ".join([f"wrote {folder}; next:", *after])


def is_installed(package: str) -> bool:
    """Whether a name means a package already; an empty folder of that name does not count."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None
