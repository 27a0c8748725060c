"""One file, several native Hydra configurations: an experiment, its scale blocks, its rungs.

Hydra merges whatever its defaults list names, so what stands in one file for the sake of its reader
is offered to Hydra as configurations of their own:

| name in a defaults list | is |
|---|---|
| `experiment/sr/static` | the file without its scale blocks and the bodies of its rungs |
| `overlay/experiment/demo/sr/static` | its `demo:` block, after those of the files it starts from |
| `experiment/pbr/phase_b/albedo` | the file, then the entry `albedo` of its `rungs:` |
| `rung/albedo/experiment/pbr/phase_b` | that entry alone, after those of the files it starts from |
| `replaced/NAME` | null for each node of NAME that has a `_target_`: it replaces, not merges |

The names of the blocks are the options of `scale`, so a third scale is one more file there.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from launch.errors import ConfigError
from launch.record.run import CONF

NESTED = ("experiment", "ladder", "study", "search", "data", "network")
"""Groups whose options lie in folders: their lists name `sr/static`, as one types it."""


OF_THE_ROOT = ("experiment", "scale")
"""Groups whose files are about the whole configuration; `# @package` says another thing."""

OF_EITHER = ("ladder", "study", "search")
"""Groups whose files hold a section of that name beside others, or nothing but what is in it."""


@dataclass(frozen=True)
class Part:
    """What a generated name means: a file, one of its scale blocks, one of its rungs, or both."""

    file: str
    scale: str | None = None
    rung: str | None = None

    @classmethod
    def of(cls, name: str) -> "Part | None":
        """The part of a generated name; None for a name that is a file's own."""
        first, _, rest = name.partition("/")
        if first == "rung" and rest.count("/") >= 2:
            rung, file = rest.split("/", 1)
            return cls(file, rung=rung)
        if first == "overlay" and rest.count("/") >= 2:
            group, scale, option = rest.split("/", 2)
            if group != "rung":
                return cls(f"{group}/{option}", scale)
            rung, _, file = option.partition("/")
            return cls(file, scale, rung)
        return None

    def named(self, file: str) -> str:
        """The generated name of the same part of another file."""
        if self.scale is None:
            return f"rung/{self.rung}/{file}"
        if self.rung is None:
            group, _, option = file.partition("/")
            return f"overlay/{group}/{self.scale}/{option}"
        return f"overlay/rung/{self.scale}/{self.rung}/{file}"


class FileConfigSource(file_config_source.FileConfigSource):
    """A folder of configuration files, and the parts of them as configurations of their own.

    Called as the one that it replaces: a launcher with processes of its own hands them Hydra's
    state, to which Hydra adds its sources once more, and those are known by their names.
    """

    def is_config(self, config_path: str) -> bool:
        name = config_path.removesuffix(".yaml")
        part = Part.of(name.removeprefix("replaced/"))
        if part is not None:
            return bool(self._whole(part.file) is not None or self._rung_of(part.file))
        return super().is_config(config_path) or self._rung_of(name) is not None

    def is_group(self, config_path: str) -> bool:
        first = config_path.partition("/")[0]
        return first in ("overlay", "rung", "replaced") or super().is_group(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Options of a group; those in folders below it too, `sr/static`, and rungs."""
        if config_path in NESTED and results_filter == ObjectType.CONFIG:
            return sorted(options(Path(self.path), config_path))
        return super().list(config_path, results_filter)

    def load_config(self, config_path: str) -> ConfigResult:
        name = config_path.removesuffix(".yaml")
        replaced = name.startswith("replaced/")
        part = Part.of(name.removeprefix("replaced/"))
        if part is not None:
            return self._result(self._nulls(part) if replaced else self._part(part))
        rung = None if super().is_config(config_path) else self._rung_of(name)
        if rung is not None:
            return self._result(whole_rung(rung))
        with text(Path(self.path, f"{name}.yaml")):
            result = super().load_config(config_path)
        if not result.header["package"] and is_of_the_root(name, result.config):
            result.header["package"] = "_global_"
        if OmegaConf.is_dict(result.config):
            result.config = OmegaConf.create(self._root(name, content(result.config)))
        return result

    def _result(self, config: Any) -> ConfigResult:
        place = f"{self.scheme()}://{self.path}"
        header: dict[str, str | None] = {"package": "_global_"}
        return ConfigResult(self.provider, place, OmegaConf.create(config), header)

    def _root(self, name: str, file: dict[str, Any]) -> dict[str, Any]:
        """A file as far as it holds at every scale, with its rungs by name."""
        group, _, option = name.partition("/")
        root = {key: value for key, value in file.items() if key not in scales(self.path)}
        if "losses" in root:
            root["losses"] = named(root["losses"])
        if root.get("rungs") and group in ("experiment", "base"):
            root["rungs"] = [*self.rungs(name)]
        return root | ({"name": option} if group == "experiment" else {})

    def _part(self, part: Part) -> dict[str, Any]:
        """The part of a file, after the same part of the files that it starts from."""
        rung = self._rung_of(part.file) if part.rung is None else None
        if rung is not None:  # the overlay of experiment/pbr/phase_b/albedo
            both = (Part(rung.file, part.scale), Part(rung.file, part.scale, rung.rung))
            return {"defaults": [*(f"/{p.named(p.file)}" for p in both), "_self_"]}
        body = self._body(part)
        first = [f"/{part.named(base)}" for base in self._bases(part.file)]
        nulls = [f"/replaced/{part.named(part.file)}"] if part.scale and self._nulls(part) else []
        return {"defaults": [*first, *nulls, "_self_"], **body}

    def _body(self, part: Part) -> dict[str, Any]:
        body: Any = self._whole(part.file) or {}
        if part.scale:
            body = body.get(part.scale) or {}
        if part.rung:
            body = (body.get("rungs") or {}).get(part.rung) or {}
        body = {key: value for key, value in body.items() if key != "rungs"}
        return body | ({"losses": named(body["losses"])} if "losses" in body else {})

    def _nulls(self, part: Part) -> dict[str, Any]:
        return dict(nulls(self._body(part)))

    def _bases(self, file: str) -> Iterator[str]:
        """Files that a file starts from: `/base/sr`, or `sr/static` in the group of the file."""
        group = file.partition("/")[0]
        for entry in (self._whole(file) or {}).get("defaults") or []:
            if isinstance(entry, str) and entry != "_self_":
                yield entry[1:] if entry.startswith("/") else f"{group}/{entry}"

    def _rung_of(self, name: str) -> Part | None:
        """The rung that `experiment/pbr/phase_b/albedo` names."""
        file, _, rung = name.rpartition("/")
        if not file.startswith("experiment/") or self._whole(name) or not self._whole(file):
            return None
        return Part(file, rung=rung) if rung in self.rungs(file) else None

    def rungs(self, file: str) -> tuple[str, ...]:
        """Names of the rungs of a file, after those of the files that it starts from."""
        inherited = [rung for base in self._bases(file) for rung in self.rungs(base)]
        own = (self._whole(file) or {}).get("rungs") or {}
        return tuple(dict.fromkeys([*inherited, *own])) if isinstance(own, dict) else ()

    def _whole(self, file: str) -> dict[str, Any] | None:
        """The content of a file of this folder, or of the launcher's own."""
        for folder in (Path(self.path), CONF):
            path = folder / f"{file}.yaml"
            if path.is_file():
                return load(path, path.stat().st_mtime_ns)
        return None


def whole_rung(rung: Part) -> dict[str, Any]:
    """An experiment's file, then one entry of its rungs."""
    option = rung.file.partition("/")[2]
    return {
        "defaults": [f"/{rung.file}", f"/{rung.named(rung.file)}", "_self_"],
        "name": f"{option}/{rung.rung}",
        "rungs": None,
    }


def is_of_the_root(name: str, config: Any) -> bool:
    """Whether the keys of a file that names no package are those of the root."""
    group = name.partition("/")[0]
    return group in OF_THE_ROOT or (group in OF_EITHER and group in config)


@cache
def load(path: Path, changed: int) -> dict[str, Any]:
    """The content of a file as plain containers; read anew when it has `changed`."""
    with text(path):
        return content(OmegaConf.load(path))


@contextmanager
def text(path: Path) -> Iterator[None]:
    """
    Raises:
        ConfigError: if what reads a file finds that it is no text.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error


def content(config: Any) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(config, resolve=False)
    return plain if isinstance(plain, dict) else {}


def nulls(body: Any) -> Iterator[tuple[str, Any]]:
    """The nodes of a block that name their class, as null, in the nesting of the block."""
    for key, value in body.items():
        if isinstance(value, dict) and "_target_" in value:
            yield key, None
        elif isinstance(value, dict):
            inner = dict(nulls(value))
            if inner:
                yield key, inner


def scales(folder: str | Path) -> set[str]:
    """Options of `scale`: the launcher's, and those of the folder."""
    return {path.stem for root in (CONF, Path(folder)) for path in (root / "scale").glob("*.yaml")}


def options(folder: Path, group: str) -> list[str]:
    """The options of a group below a folder of configurations, such as `sr/static`."""
    found = (folder / group).rglob("*.yaml")
    return sorted(str(path.relative_to(folder / group).with_suffix("")) for path in found)


def named(losses: Any) -> Any:
    """Losses by name: a list of `- type: ...` entries gets names from their types.

    `ganloss` is called `gan`; a second loss of one type is called `gan_2`; an entry may give its
    own `name`.

    >>> list(named([{"type": "l1loss"}, {"type": "ganloss"}, {"type": "l1loss"}]))
    ['l1', 'gan', 'l1_2']
    """
    if not isinstance(losses, list):
        return losses
    result: dict[str, Any] = {}
    for listed in losses:
        entry = dict(listed)
        stem = str(entry.pop("name", "") or entry.get("type", "loss")).removesuffix("loss")
        stem = stem.rstrip("_") or "loss"
        taken = sum(name == stem or name.startswith(f"{stem}_") for name in result)
        result[f"{stem}_{taken + 1}" if taken else stem] = entry
    return result


class OwnConfigurations(SearchPathPlugin):
    """`conf/` of the current folder, or --config-dir, lies over the launcher's."""

    folders: ClassVar[list[Path]] = []

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in self.folders:
            search_path.prepend("own", f"file://{folder}")


def register(config_dir: str | None = None) -> None:
    """Make Hydra read recipes, wherever it reads files: also in hydra.searchpath.

    Raises:
        ConfigError: if `config_dir` is not there.
    """
    if config_dir and not Path(config_dir).is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder")
    folders = [Path("conf"), *([Path(config_dir)] if config_dir else [])]
    OwnConfigurations.folders = [
        folder.resolve() for folder in folders if folder.is_dir() and folder.resolve() != CONF
    ]
    Plugins.instance().register(OwnConfigurations)
    SourcesRegistry.instance().types["file"] = FileConfigSource
    OmegaConf.register_new_resolver("first_of", first_of, replace=True)


def first_of(*values: Any) -> Any:
    """The first value that is not null."""
    return next((value for value in values if value is not None), None)


def folders() -> list[Path]:
    """Folders of configurations: the launcher's, then those laid over it."""
    own = OwnConfigurations.folders or ([Path("conf").resolve()] if Path("conf").is_dir() else [])
    return list(dict.fromkeys([CONF, *own]))


def rungs_of(name: str, places: Iterable[str | Path] = ()) -> list[str]:
    """The rungs of an experiment, as its file and those that it starts from have them."""
    file = f"experiment/{name}"
    looked_at = places or folders()
    sources = (FileConfigSource("", f"file://{folder}") for folder in looked_at)
    return list(dict.fromkeys(rung for source in sources for rung in source.rungs(file)))


def names(group: str) -> list[str]:
    """The options of a group, wherever they lie."""
    return sorted({name for folder in folders() for name in options(folder, group)})


def groups() -> list[str]:
    """Config groups that one chooses from."""
    inner = {p.name for folder in folders() for p in folder.iterdir() if p.is_dir()}
    return sorted(inner - {"base", "hydra"})


def remark(group: str, name: str, word: str) -> str:
    """What a comment line `# WORD: ...` at the head of an option's file says, or ""."""
    for folder in folders():
        path = folder / group / f"{name}.yaml"
        for line in path.read_text().splitlines() if path.is_file() else ():
            if line.startswith(f"# {word}: "):
                return line.partition(": ")[2]
    return ""


def description(path: Path) -> str:
    """The first comment line of a configuration file that is not a Hydra directive."""
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            return line.lstrip("# ").strip()
    return ""
