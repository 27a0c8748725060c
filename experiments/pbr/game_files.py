"""The texture folder of a game or a mod: which files are diffuse textures, and what the others are.

Games on Windows ignore the case of names, and so does everything here.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from launch.experiments.pbr import textures
from launch.tools.names import files_below

EXCLUDED = {
    "pbr": "finished PBR textures, which are never input",
    "lod": "distant models, no material",
    "interface": "menus, no material",
    "cubemaps": "surroundings, no material",
    "effects": "effects, no material",
    "fomod": "pictures of an installer",
    "__macosx": "what macOS adds to archives",
}
ARCHIVES = (".bsa", ".ba2", ".zip", ".7z", ".rar")
NORMAL = {"n", "normal", "normals", "nrm", "norm", "nor", "nm", "normalmap"}
OTHER_MAPS = {  # these suffixes are a game's own
    **{"msn": "model-space normals", "sk": "subsurface map", "s": "specular map"},
    **{"g": "glow map", "em": "glow map", "m": "environment mask", "e": "environment map"},
    **{"p": "height map", "b": "back light map", "rmaos": "packed PBR maps", "cnr": "coat map"},
}
WITH_BASE = {  # these may as well be part of a name: they count beside a texture without them
    **{word: "height map" for word in ("h", "height", "disp", "displacement", "bump")},
    **{word: "roughness map" for word in ("rough", "roughness")},
    **{word: "specular map" for word in ("spec", "specular", "gloss")},
    **{word: "opacity map" for word in ("alpha", "opacity", "mask")},
    **{word: "occlusion map" for word in ("ao", "occlusion")},
    **{"bl": "back light map", "f": "fuzz map"},
    **{"metallic": "metallic map", "metalness": "metallic map", "glow": "glow map"},
}
DIFFUSE = {"d", "diff", "diffuse", "c", "color", "colour", "albedo", "basecolor"}

Skip = Callable[[str], bool | None]


@dataclass(frozen=True)
class Diffuse:
    """A texture to convert or to learn from.

    Attributes:
        name: path below the root without the suffix, as it is spelled.
        base: the same without `_d` and the like, for looking up its other maps.
    """

    name: str
    base: str
    path: Path
    normal: Path | None


@dataclass
class Found:
    """What is in a folder.

    Attributes:
        left_out: path below the root -> why it is none of the textures.
        others: suffix -> how many files that no texture has.
    """

    textures: list[Diffuse] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)


def scan(root: Path, skip: Skip = lambda name: None) -> Found:
    """Every texture file below a folder, as a texture, as its normal map, or with a reason.

    Args:
        skip: what is known of a file by its path below the root: true leaves it out, false makes it
            a texture whatever it is called.
    """
    found = Found()
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in files_below(root, hidden=True):
        if path.suffix.lower() in textures.SUFFIXES:
            folders[path.parent].append(path)
        else:
            found.others[path.suffix.lower() or path.name] += 1
    for folder, paths in sorted(folders.items()):
        _scan_folder(root, folder.relative_to(root), paths, skip, found)
    return found


def _scan_folder(root: Path, folder: Path, paths: list[Path], skip: Skip, found: Found) -> None:
    excluded = next((part.lower() for part in folder.parts if part.lower() in EXCLUDED), None)
    stems = {spelled_alike(path.stem) for path in paths}
    bases = stems | {base_of(stem) for stem in stems}
    plain: dict[str, list[Path]] = defaultdict(list)
    normals: dict[str, list[Path]] = defaultdict(list)
    reasons: dict[Path, str] = {}
    for path in sorted(paths, key=lambda p: (p.suffix.lower() != ".dds", p.name)):
        said, stem = skip(path.relative_to(root).as_posix()), spelled_alike(path.stem)
        reason, is_normal = _what(stem, bases)
        if excluded and (excluded == "pbr" or said is not False):
            reasons[path] = f"in {_spelled(folder, excluded)}/: {EXCLUDED[excluded]}"
        elif said:
            reasons[path] = "skip in predict.yaml"
        elif reason and said is None:
            reasons[path] = reason
        else:
            (normals if is_normal and said is None else plain)[stem].append(path)
    used = set()
    for stem, same in sorted(plain.items()):
        path = _chosen(same, reasons)
        beside = _normals_of(stem, normals)
        normal = _chosen(beside, reasons) if beside else None
        used |= {path, normal}
        name, base = ((folder / n).as_posix() for n in (path.stem, base_of(path.stem)))
        found.textures.append(Diffuse(name, base, path, normal))
    for path in (path for same in normals.values() for path in same):
        reasons.setdefault(path, "normal map of a texture that is left out")
    for path in sorted(reasons.keys() - used):
        found.left_out[path.relative_to(root).as_posix()] = reasons[path]


def _spelled(folder: Path, name: str) -> str:
    return next(part for part in folder.parts if part.lower() == name)


def _chosen(paths: list[Path], reasons: dict[Path, str]) -> Path:
    """The first of several files for the same that can be read; the others get a reason."""
    faults: dict[Path, str] = {}
    if len(paths) > 1:
        for path in paths:
            if (fault := textures.fault(path)) is None:
                break
            faults[path] = fault
    chosen = next((path for path in paths if path not in faults), paths[0])
    for path in paths:
        reasons[path] = faults.get(path, f"{chosen.name} is used instead")
    return chosen


def _normals_of(stem: str, normals: dict[str, list[Path]]) -> list[Path]:
    """Of `wall_d`: `wall_d_n` and `wall_n`."""
    names = [f"{base}_{w}" for base in dict.fromkeys((stem, base_of(stem))) for w in sorted(NORMAL)]
    return [path for name in names for path in normals.get(name, [])]


def _what(stem: str, bases: set[str]) -> tuple[str | None, bool]:
    """Why a file is no diffuse, or None; and whether it is the normal map of another."""
    base, _, word = stem.rpartition("_")
    if not base:
        return None, False
    if word in NORMAL and base in bases:
        return None, True
    if word == "n":
        return f"normal map without its texture {base}", False
    kind = OTHER_MAPS.get(word) or (WITH_BASE.get(word) if base in bases else None)
    if kind is None:
        return None, False
    return f"{kind} of {base}" if base in bases else f"{kind} without its texture {base}", False


def spelled_alike(name: str) -> str:
    """The same for names that differ in letter case, or in how accents are coded."""
    return unicodedata.normalize("NFC", name).lower()


def name_in_game(path: Path) -> str | None:
    """Path below the nearest folder `textures` above; None if there is none."""
    above = [part.lower() for part in path.parent.parts]
    if "textures" not in above:
        return None
    return Path(*path.parts[len(above) - above[::-1].index("textures") :]).as_posix()


def base_of(stem: str) -> str:
    """`wall` of `wall_d`."""
    base, _, word = stem.rpartition("_")
    return base if base and word.lower() in DIFFUSE else stem


def below_textures(folder: Path) -> Path:
    """The folder `textures` of a mod, or the folder itself if it has none."""
    inside = [p for p in sorted(folder.iterdir()) if p.is_dir() and p.name.lower() == "textures"]
    return inside[0] if inside else folder


def beside(folder: Path, stem: str) -> list[Path]:
    """Texture files of a folder whose name is `stem`, or begins with it and `_`; none if absent."""
    if not folder.is_dir():
        return []
    wanted = re.compile(re.escape(stem) + r"(_.*)?", re.IGNORECASE)
    named = (p for p in sorted(folder.iterdir()) if p.suffix.lower() in textures.SUFFIXES)
    return [path for path in named if wanted.fullmatch(path.stem)]
