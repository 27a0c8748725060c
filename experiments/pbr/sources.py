"""Where materials come from: the procedural generator, folders of materials, folders of a game."""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import DirectoryPath, NonNegativeInt, PositiveInt

from launch.errors import MissingError
from launch.experiments.pbr import game_files, synthetic, textures
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.decoding import (
    Convention,
    Loaded,
    invert_height,
    read_game,
    read_material,
    relit,
)
from launch.experiments.pbr.game_files import Diffuse
from launch.experiments.pbr.layers import CLEAN, GAME
from launch.experiments.pbr.naming import parse
from launch.tools.names import files_below

TRUTH = ("albedo", "normal", "rmaos", "height")  # kinds of files of a mod


@dataclass(frozen=True)
class Entry:
    """A material that can be read; `stamp` changes when its content does."""

    name: str
    domain: str
    category: str | None
    stamp: str
    read: Callable[[], Loaded]

    def relit(self) -> "Entry":
        """The same material, its diffuse made from albedo and normal whatever it has."""
        return replace(
            self, stamp=f"{self.stamp}|relit", read=lambda: relit(self.read(), self.name)
        )


class Synthetic:
    """Procedural textures of a domain.

    Args:
        count: textures, of classes as rare as in `synthetic.FREQUENCY`.
        size: side in pixels.
        mixed: every n-th texture holds a second material; 0 for none.
    """

    def __init__(
        self,
        count: PositiveInt,
        size: PositiveInt = 64,
        domain: Literal["clean", "game"] = CLEAN,
        seed: NonNegativeInt = 0,
        mixed: NonNegativeInt = 0,
    ) -> None:
        self.count, self.size, self.domain, self.seed = count, size, domain, seed
        self.mixed = mixed

    def entries(self) -> list[Entry]:
        first = 1_000_000 * self.seed + (500_000 if self.domain == GAME else 0)
        drawn = synthetic.draw(first, self.count)
        return [self._entry(first + i, category, i) for i, category in enumerate(drawn)]

    def _entry(self, seed: int, category: str, place: int) -> Entry:
        mixed = bool(self.mixed) and place % self.mixed == self.mixed - 1
        second = KEPT[(KEPT.index(category) + 1 + place % 5) % len(KEPT)] if mixed else None
        read = partial(synthetic.material, seed, category, self.domain, self.size, second)
        name = f"{self.domain}_{seed}_{category}" + (f"_{second}" if second else "")
        stamp = f"{name}-{self.size}-{synthetic.__doc__}"
        return Entry(name, self.domain, category, stamp, lambda: Loaded(read()))


class MaterialFolder:
    """Materials with ground truth: `category/material/map.png`, or any names that `naming` reads.

    The category is the folder below `root`, or the column `cls` of a `manifest.csv` with a column
    `file`, which may also say `normal_convention`.

    Args:
        normals: which way green points, where neither name nor manifest says it.
        diffuse_is_albedo: whether a diffuse without albedo counts as one, as in sets that call
            their base colour so.
    """

    def __init__(
        self,
        root: DirectoryPath,
        normals: Convention = "auto",
        diffuse_is_albedo: bool = True,
    ) -> None:
        self.root = Path(root)
        self.normals: Convention = normals
        self.diffuse_is_albedo = diffuse_is_albedo
        self.notes: list[str] = []

    def entries(self) -> list[Entry]:
        """
        Raises:
            MissingError: if there is no material below `root`.
        """
        manifest = read_manifest(self.root)
        found = [self._entry(*group, manifest) for group in group_files(self.root, self.notes)]
        if not found:
            raise MissingError(f"{self.root} has no materials. {layout(self.root)}")
        return found

    def _entry(
        self, name: str, files: Mapping[str, Path], manifest: Mapping[str, Mapping[str, str]]
    ) -> Entry:
        row = manifest.get(name, {})
        category = row.get("cls") or (name.split("/", maxsplit=1)[0] if "/" in name else None)
        said = row.get("normal_convention", "")
        read = partial(read_material, files, self._convention(said), self.diffuse_is_albedo)
        if "inverted" in said:
            read = partial(invert_height, read)
        return Entry(name, CLEAN, category, stamp_of(files, str(row)), read)

    def _convention(self, said: str) -> Convention:
        """What the manifest says wins over the setting."""
        words: dict[str, Convention] = {"DX": "directx", "GL": "opengl"}
        return words.get(said[:2].upper(), self.normals)


class GameFolder:
    """Textures of a game: diffuse files with optional `_n` beside them, and truth below `pbr/`.

    The truth of `area/wall.dds` is `pbr/area/wall.dds` (albedo), `wall_rmaos.dds` and
    `wall_p.dds`, as mods ship it. Normals are DirectX. A manifest's `cls` is for evaluation only.
    """

    def __init__(self, root: DirectoryPath, normals: Convention = "directx") -> None:
        self.root = Path(root)
        self.normals: Convention = normals
        self.notes: list[str] = []

    def entries(self) -> list[Entry]:
        """
        Raises:
            MissingError: if there is no texture below `root`.
        """
        manifest = read_manifest(self.root)
        found = game_files.scan(self.root)
        self.notes = [f"{file}: {reason}" for file, reason in found.left_out.items()]
        self.notes += textures.not_read(found.others)
        if not found.textures:
            raise MissingError(
                f"{self.root} has no diffuse textures ({' '.join(textures.SUFFIXES)}). "
                + "; ".join(self.notes[:5])
            )
        return [self._entry(texture, manifest) for texture in found.textures]

    def _entry(self, texture: Diffuse, manifest: Mapping[str, Mapping[str, str]]) -> Entry:
        normal = {"normal": texture.normal} if texture.normal else {}
        own = {"diffuse": texture.path, **normal}
        truth = truth_files(self.root / "pbr", texture)
        stamp = stamp_of(own | {f"truth {kind}": path for kind, path in truth.items()})
        row = manifest.get(texture.path.relative_to(self.root).as_posix(), {})
        read = partial(read_game, own, truth, self.normals)
        return Entry(texture.name, GAME, row.get("cls"), stamp, read)


# Files


def group_files(root: Path, notes: list[str]) -> Iterator[tuple[str, dict[str, Path]]]:
    """Materials below a folder in the order of their names, with a file for each kind of map.

    Files of one material lie in one folder: `oak_albedo.png` is not that of `oak/normal.png`.

    Args:
        notes: gets a sentence for every file that is left out.
    """
    groups: dict[str, dict[Path, dict[str, Path]]] = defaultdict(lambda: defaultdict(dict))
    spelled: dict[str, str] = {}
    others: Counter[str] = Counter()
    for path in files_below(root):
        if path.suffix.lower() not in textures.SUFFIXES:
            others[path.suffix.lower()] += 1
            continue
        stem, kind = parse(path)
        name = (path.parent.relative_to(root) / stem).as_posix()
        name = spelled.setdefault(game_files.spelled_alike(name), name)
        files = groups[name][path.parent] if kind else {}
        if kind is None:
            notes.append(f"{path.relative_to(root)}: the name does not tell which map it is")
        elif kind in files:
            notes.append(f"{path.relative_to(root)}: {name} already has {files[kind].name}")
        else:
            files[kind] = path
    notes += textures.not_read(others)
    for name, folders in sorted(groups.items()):
        kept = max(folders, key=lambda folder: len(folders[folder]))
        for path in (path for f, files in folders.items() if f != kept for path in files.values()):
            place = kept.relative_to(root).as_posix()
            notes.append(f"{path.relative_to(root)}: the files of {name} are those in {place}/")
        yield name, folders[kept]


def layout(root: Path) -> str:
    """How materials have to lie, said with the first picture that is there."""
    rule = (
        "A material is its maps, in a folder of its own below its category or under one name: "
        "CATEGORY/MATERIAL/albedo.png, normal.png, roughness.png, or MATERIAL_albedo.png, "
        "MATERIAL_normal.png"
    )
    found = [p for p in files_below(root) if p.suffix.lower() in textures.SUFFIXES]
    if not found:
        return f"{rule}; no picture is there ({' '.join(textures.SUFFIXES)})"
    path = found[0].relative_to(root)
    folder = path.parent.name
    if folder and parse(Path(f"{folder}.png"))[1]:  # sorted by map
        wanted = f"{path.stem}/{folder}{path.suffix}"
    elif folder and len([other for other in found if other.parent == found[0].parent]) > 1:
        wanted = path.with_name(f"albedo{path.suffix}").as_posix()
    else:
        wanted = path.with_name(f"{path.stem}_albedo{path.suffix}").as_posix()
    return f"{rule}. Your {path.as_posix()} would be {wanted} if it is the albedo"


def truth_files(folder: Path, texture: Diffuse) -> dict[str, Path]:
    """Files of a mod for a texture, by kind; `wall_d` may have those of `wall`."""
    for name in dict.fromkeys((texture.name, texture.base)):
        wanted = folder / name
        found: dict[str, Path] = {}
        for path in game_files.beside(wanted.parent, wanted.name):
            kind = parse(path)[1] if path.stem.lower() != wanted.name.lower() else "albedo"
            if kind in TRUTH:
                found.setdefault(kind, path)
        if found:
            return found
    return {}


def read_manifest(root: Path) -> dict[str, dict[str, str]]:
    """Rows of `manifest.csv` by their column `file`; empty without one."""
    path = root / "manifest.csv"
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file) if row.get("file")}


def stamp_of(files: Mapping[str, Path], extra: str = "") -> str:
    """Identifies the content of files by name, size and time of change."""
    parts = [extra]
    for kind, path in sorted(files.items()):
        status = path.stat()
        parts.append(f"{kind}:{path.name}:{status.st_size}:{status.st_mtime_ns}")
    return "|".join(parts)
