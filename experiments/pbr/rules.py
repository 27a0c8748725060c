"""`predict.yaml`: what a modder knows about textures, by folder, file or pattern.

    landscape: {wrap_x: true, wrap_y: true}
    armor/*: {class: metal, roughness_scale: 0.8}
    clutter/bag.tga: {skip: true}

Of several patterns that match, later ones win, key by key. Letter case is ignored.
"""

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from launch.errors import ConfigError, MissingError, nearest

Share = Annotated[float, Field(ge=0, le=1)]


class Rule(BaseModel):
    """What is known about a texture.

    Attributes:
        skip: true leaves it out; false converts it whatever its name or folder.
        category: its class, written `class`; null lets the network say it.
        wrap_x, wrap_y: whether it tiles along an axis; null looks at its edges.
        normals: which way green points in its normal map.
        roughness_scale, roughness_offset: roughness * scale + offset.
        metallic: of every pixel; null lets the network say it.
        height_scale: `displacement_scale` of the game.
        specular_hint: how much of the specular in the alpha of `_n` is taken off roughness, about
            its mean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    skip: bool | None = None
    category: str | None = Field(default=None, alias="class")
    wrap_x: bool | None = None
    wrap_y: bool | None = None
    normals: Literal["directx", "opengl"] = "directx"
    roughness_scale: Annotated[float, Field(ge=0)] = 1
    roughness_offset: Annotated[float, Field(ge=-1, le=1)] = 0
    metallic: Share | None = None
    height_scale: Annotated[float, Field(ge=0)] = 1
    specular_hint: Share = 0


Model = TypeVar("Model", bound=BaseModel)


class Rules:
    """Patterns with what they say, in order; `used` are those that matched one of `files`."""

    def __init__(
        self, given: Mapping[str, Mapping[str, Any]], origin: str = "predict.yaml"
    ) -> None:
        """
        Raises:
            ConfigError: for an unknown key or a wrong value.
        """
        for pattern, said in given.items():
            checked(Rule, said, f"{origin}: {pattern}")
        plain = [pattern.replace("\\", "/").strip("/").lower() for pattern in given]
        self.given = [(p, dict(said)) for p, said in zip(plain, given.values(), strict=True)]
        self.used: set[str] = set()
        self.files: set[str] = set()

    def __call__(self, file: str) -> Rule:
        """What is known about a file, by its path below the textures."""
        said: dict[str, Any] = {}
        self.files.add(file.lower())
        for pattern, settings in self.given:
            if matches(pattern, file.lower()):
                self.used.add(pattern)
                said |= settings
        return Rule(**said)

    def unused(self) -> list[str]:
        """A sentence for each pattern that matched nothing, with the nearest names that would."""
        paths = map(PurePosixPath, sorted(self.files))
        names = dict.fromkeys(map(str, chain(*((p, p.with_suffix(""), *p.parents) for p in paths))))
        unused = (pattern for pattern, _ in self.given if pattern not in self.used)
        return [f"{pattern} matches no texture.{nearest(pattern, names)}" for pattern in unused]


def matches(pattern: str, file: str) -> bool:
    """Whether a pattern names a file, with or without its suffix, or a folder above it."""
    stem = file.rsplit(".", 1)[0]
    above = file.startswith(f"{pattern}/")
    return above or any(fnmatchcase(name, pattern) for name in (file, stem))


def checked(model: type[Model], said: Any, place: str) -> Model:
    """Settings as their model.

    Raises:
        ConfigError: for an unknown key or a wrong value.
    """
    if not isinstance(said, Mapping):
        raise ConfigError(f"{place} is {said!r}, not keys with values such as {{skip: true}}")
    try:
        return model(**said)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        keys = [info.alias or name for name, info in model.model_fields.items()]
        if first["type"] == "extra_forbidden":
            message = f"unknown key {key!r}; there are {', '.join(keys)}.{nearest(key, keys)}"
        else:
            message = f"{key}={first['input']!r}: {first['msg']}"
        raise ConfigError(f"{place}: {message}") from None


def read(path: Path | None, *folders: Path) -> Rules:
    """Rules of a file, or of `predict.yaml` in the first folder that has one; or no rules.

    Raises:
        MissingError: if the file that was asked for is not there.
        ConfigError: if it is no table of patterns.
    """
    beside = (folder / "predict.yaml" for folder in folders)
    wanted = path or next(filter(Path.is_file, beside), None)
    if wanted is None:
        return Rules({})
    if not wanted.is_file():
        raise MissingError(f"predict.rules={path} is not there")
    try:
        text = wanted.read_text("utf-8")
        given, nodes = yaml.safe_load(text) or {}, yaml.compose(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{wanted} is no UTF-8 text: {error}; save it as that") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{wanted} is no YAML: {error}") from None
    if not isinstance(given, dict):
        raise ConfigError(
            f"{wanted} has to hold patterns with settings, such as armor: {{class: metal}}"
        )
    written = Counter(key.value for key, _ in nodes.value) if nodes else Counter[str]()
    twice = [pattern for pattern, count in written.items() if count > 1]
    if twice:  # of which YAML keeps the last
        raise ConfigError(f"{wanted}: {twice[0]} stands there twice; put what it says together")
    return Rules({str(pattern): said for pattern, said in given.items()}, str(wanted))
