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

Forced = Callable[[str], bool]


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


def scan(root: Path, forced: Forced = lambda name: False) -> Found:
    """Every texture file below a folder, as a texture, as its normal map, or with a reason.

    Args:
        forced: whether a file, by its path below the root, is a texture whatever it is called.
    """
    found = Found()
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in files_below(root, hidden=True):
        if path.suffix.lower() in textures.SUFFIXES:
            folders[path.parent].append(path)
        else:
            found.others[path.suffix.lower() or path.name] += 1
    for folder, paths in sorted(folders.items()):
        _scan_folder(root, folder.relative_to(root), paths, forced, found)
    return found


def _scan_folder(root: Path, folder: Path, paths: list[Path], forced: Forced, found: Found) -> None:
    excluded = [part for part in folder.parts if part.lower() in EXCLUDED]
    stems = {spelled_alike(path.stem) for path in paths}
    bases = stems | {base_of(stem) for stem in stems}
    normals = {}
    plain: dict[str, Path] = {}
    for path in sorted(paths, key=lambda p: (p.suffix.lower() != ".dds", p.name)):
        file, stem = path.relative_to(root).as_posix(), spelled_alike(path.stem)
        reason, is_normal = _what(stem, bases)
        if excluded and (excluded[0].lower() == "pbr" or not forced(file)):
            reason = f"in {excluded[0]}/: {EXCLUDED[excluded[0].lower()]}"
        elif forced(file):
            reason = None
        elif is_normal:
            normals.setdefault(stem, path)
            continue
        if reason is None and stem in plain:
            reason = f"has the name of {plain[stem].name}, which is taken"
        if reason is None:
            plain[stem] = path
        else:
            found.left_out[file] = reason
    used = set()
    for stem, path in sorted(plain.items()):
        name = (folder / path.stem).as_posix()
        normal = _normal_of(stem, normals)
        used.add(normal)
        found.textures.append(Diffuse(name, (folder / base_of(path.stem)).as_posix(), path, normal))
    for path in normals.values():
        if path not in used:
            file = path.relative_to(root).as_posix()
            found.left_out[file] = "normal map of a texture that is left out"


def _normal_of(stem: str, normals: dict[str, Path]) -> Path | None:
    """Of `wall_d`: `wall_d_n` or `wall_n`."""
    for base in dict.fromkeys((stem, base_of(stem))):
        for word in sorted(NORMAL):
            if f"{base}_{word}" in normals:
                return normals[f"{base}_{word}"]
    return None


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
