"""`task=predict`: the textures of a game or a mod to PBR textures of the same names.

What a pixel is made of is decided once, on a small picture of the whole texture; the maps are then
made in tiles. Finished textures are kept when the same command is given again.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import Tensor, nn

from launch.errors import ConfigError, MissingError, nearest
from launch.experiments.pbr import contact_sheet, game_files, mod_files, rules, seams, textures
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.game_files import Diffuse, Found
from launch.experiments.pbr.inputs import Planned, Read, adjust, read_texture
from launch.experiments.pbr.manifest import Manifest, Record
from launch.experiments.pbr.mod_files import ColourFormat, Result, Written
from launch.experiments.pbr.rules import Rule, Rules
from launch.experiments.pbr.textures import UnreadableTextureError
from launch.experiments.pbr.tiles import TILE, context_of, convert_tiles

SMALLEST = 32  # pixels of the shorter side
LONGEST_NAME = 255 - 24  # bytes; what is being written has a longer name
DOMAIN = 2  # channels of a condition after the classes


class Networks(Protocol):
    """What makes maps of pictures; see `MapsFromAlbedo`."""

    def convert(self, image: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor: ...

    def game_condition(self, image: Tensor) -> Tensor | None: ...


class Settings(BaseModel):
    """What the section `predict` may say.

    Attributes:
        write: dds for the game, png for maps to look at and work on, or both.
        dry_run: only say what would be done.
        rules: path of a `predict.yaml`; null for the one in the input folder or in the folder
            `textures` there, if there is one.
        colour_format: of base colours without alpha; bc1 takes half the room of bc7.
        lossless_below: decibels. A map of which BC7 would keep less, in any channel, stays
            uncompressed and takes four times the room; 0 compresses all.
        classes: their names, where they are not those of the plan.
        tile: side in pixels of what the networks see at once.
    """

    model_config = ConfigDict(extra="forbid")

    write: Written = "dds"
    dry_run: bool = False
    rules: Path | None = None
    colour_format: ColourFormat = "bc7"
    lossless_below: NonNegativeFloat = 38
    classes: list[str] | None = None
    tile: PositiveInt = TILE


def convert_folder(
    networks: Networks, identity: str, source: Path, destination: Path, settings: Settings
) -> dict[str, float]:
    """Write PBR textures, their contact sheet and manifest for a folder or a single texture.

    A texture that cannot be read is named and counted, and stops nothing.

    Args:
        identity: of the networks' weights; textures made by others are made anew.

    Returns:
        Counts: `textures` written, `kept` from before, `left_out`.

    Raises:
        MissingError: if there is no texture, or no such file of rules.
        ConfigError: if the rules or the folders make no sense, or the destination is no folder.
    """
    root = root_of(source, destination)
    known = rules.read(settings.rules, *([source] if source.is_dir() else []), root)
    names = settings.classes or list(KEPT)
    found = game_files.scan(root, lambda file: known(file).skip)
    if source.is_file():
        found = only(found, root, source)
    planned = plan(root, found, known, names)
    announce(found, known)
    if not planned:
        reasons = "the reasons are above" if found.left_out else "no file of a kind that is read"
        raise MissingError(f"{source} has no texture to convert: {reasons}")
    if settings.dry_run:
        for one in planned:
            print(described(one, mod_files.outputs(one.texture.name, settings.write)), flush=True)
        return {"textures": len(planned), "kept": 0, "left_out": len(found.left_out)}
    work = Conversion(networks, destination, settings, names, identity)
    work.run(planned, found.left_out)
    return work.finish(found.left_out)


def fingerprint(module: nn.Module) -> str:
    """Of the weights of a network."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def root_of(source: Path, destination: Path) -> Path:
    """
    Raises:
        MissingError: if the source is not there.
        ConfigError: if the output would become input.
    """
    if not source.exists():
        raise MissingError(f"input={source} is not there")
    root = game_files.below_textures(source) if source.is_dir() else source.parent
    if source.is_dir() and destination.resolve().is_relative_to(root.resolve()):
        raise ConfigError(
            f"output={destination} lies among the textures of input={source}, and would be read "
            "the next time; give a folder beside it"
        )
    return root


def only(found: Found, root: Path, source: Path) -> Found:
    """What was found, of one file."""
    file = source.relative_to(root).as_posix()
    reasons = {name: why for name, why in found.left_out.items() if name == file}
    for texture in found.textures:
        if texture.normal == source:
            reasons[file] = f"is the normal map of {texture.path.name}; give that"
    return Found([t for t in found.textures if t.path == source], reasons)


def plan(root: Path, found: Found, known: Rules, names: Sequence[str]) -> list[Planned]:
    """Textures to convert; those that cannot be are added to what is left out.

    Raises:
        ConfigError: if a rule names a class that is none.
    """
    planned: list[Planned] = []
    taken: dict[str, str] = {}
    for texture in map(partial(as_in_game, Path(os.path.abspath(root))), found.textures):
        file = texture.path.relative_to(root).as_posix()
        rule = known(file)
        if rule.category not in (None, *names):
            said = f"class: {rule.category}, which is none of {', '.join(names)}"
            raise ConfigError(f"{file} has {said}.{nearest(str(rule.category), names)}")
        size, reason = look(texture.path)
        made = [path.lower() for path in mod_files.outputs(texture.name, "both")]
        before = next((taken[path] for path in made if path in taken), None)
        if before and not reason:
            reason = f"would overwrite an output of {before}"
        if max(len(Path(path).name.encode()) for path in made) > LONGEST_NAME and not reason:
            reason = "has a name too long for the files that are made of it"
        if reason:
            found.left_out[file] = reason
            continue
        taken |= dict.fromkeys(made, file)
        planned.append(Planned(texture, file, size, rule))
    return planned


def as_in_game(root: Path, texture: Diffuse) -> Diffuse:
    """Under the name that it has below the folder `textures` of a game, if there is one above."""
    name = game_files.name_in_game(root / texture.name)
    return replace(texture, name=name or texture.name)


def look(path: Path) -> tuple[tuple[int, int], str | None]:
    """Size of a texture, and why it cannot be converted, if so."""
    try:
        size = textures.size_of(path)
    except UnreadableTextureError as error:
        return (0, 0), str(error)
    small = f"{size[1]}x{size[0]} is smaller than {SMALLEST} pixels"
    return size, small if min(size) < SMALLEST else None


def announce(found: Found, known: Rules) -> None:
    for file, reason in sorted(found.left_out.items()):
        print(f"left out {file}: {reason}", flush=True)
    if found.others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(found.others.items()))
        print(f"left out files that are no textures: {kinds}", flush=True)
    archives = [suffix for suffix in game_files.ARCHIVES if suffix in found.others]
    if archives:
        print(f"archives are not opened ({' '.join(archives)}): extract them first", flush=True)
    for sentence in textures.not_read(found.others):
        print(sentence, flush=True)
    for sentence in known.unused():
        print(f"predict.yaml: {sentence}", flush=True)


def described(one: Planned, files: Sequence[str]) -> str:
    normal = one.texture.normal.name if one.texture.normal else "flat"
    shape = f"{one.size[1]}x{one.size[0]}"
    return f"convert {one.file} ({shape}, normals: {normal}) -> {', '.join(files)}"


class Conversion:
    """One run over planned textures.

    Raises:
        ConfigError: if the destination cannot be written to.
    """

    def __init__(
        self,
        networks: Networks,
        destination: Path,
        settings: Settings,
        names: Sequence[str],
        identity: str,
    ) -> None:
        self.networks, self.destination = networks, destination
        self.settings, self.names = settings, names
        try:
            destination.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            raise ConfigError(f"output={destination} cannot be written to: {reason}") from error
        said = settings.model_dump_json(exclude={"dry_run", "rules"})
        self.manifest = Manifest(destination, f"{identity}|{said}")
        self.kept = 0

    def run(self, planned: Sequence[Planned], left_out: dict[str, str]) -> None:
        for one, report in progress(planned):
            before = self.manifest.finished(one.file, self.stamp(one))
            if before is not None:
                self.kept += 1
                continue
            started = time.monotonic()
            try:
                read = read_texture(one)
            except (UnreadableTextureError, ValueError) as error:
                left_out[one.file] = str(error)
                report(f"left out {one.file}: {error}")
                continue
            record = self.convert(one, read)
            record["seconds"] = round(time.monotonic() - started, 2)
            self.manifest.add(record)
            report(contact_sheet.sentence(record))

    def stamp(self, one: Planned) -> str:
        normal = one.texture.normal
        files = [path.stat() for path in (one.texture.path, normal) if path is not None]
        content = "|".join(f"{s.st_size}:{s.st_mtime_ns}" for s in files)
        return f"{content}|{normal}|{one.rule.model_dump_json()}"

    def convert(self, one: Planned, read: Read) -> Record:
        torus = self.torus(one.rule, read.image)
        context = context_of(self.networks.game_condition, read.image, torus)
        confidence = None
        category = one.rule.category
        if context is not None:
            category, confidence = self.classify(context, category)
        elif category is not None:
            read.assumed.append("class without effect: these networks have no segmentation")
        maps = convert_tiles(self.networks.convert, read.image, context, torus, self.settings.tile)
        adjust(maps, one.rule, read)
        result = Result(maps, read.image[..., 3:], read.alpha)
        name = one.texture.name
        said = self.settings
        notes = mod_files.save(
            result, name, self.destination, said.write, said.colour_format, said.lossless_below
        )
        return {
            "file": one.file,
            "name": name,
            "stamp": self.stamp(one),
            "outputs": mod_files.outputs(name, said.write),
            "preview": contact_sheet.save_strip(self.destination, name, read.image, result),
            "size": list(one.size),
            "class": category,
            "confidence": confidence,
            "wrap_y": torus[0],
            "wrap_x": torus[1],
            "height_scale": one.rule.height_scale,
            "seams": [round(ratio, 3) for ratio in seams.seam_ratios(maps.transpose(1, 2, 0))],
            "rule": one.rule.model_dump(by_alias=True, exclude_defaults=True),
            "assumed": read.assumed,
            "notes": notes,
        }

    def torus(self, rule: Rule, image: np.ndarray) -> seams.Axes:
        seen = seams.wraps(image[..., :3])
        y = seen[0] if rule.wrap_y is None else rule.wrap_y
        return y, seen[1] if rule.wrap_x is None else rule.wrap_x

    def classify(self, context: Tensor, said: str | None) -> tuple[str, float]:
        """The class of a texture and how sure that is; one that is said replaces what is seen."""
        count = context.shape[1] - DOMAIN
        names = self.names if len(self.names) == count else [f"class {i}" for i in range(count)]
        if said is not None and said in names:
            context[:, :count] = 0
            context[:, names.index(said)] = 1
        shares = context[0, :count].mean(dim=(1, 2))
        return names[int(shares.argmax())], round(float(shares.max()), 3)

    def finish(self, left_out: dict[str, str]) -> dict[str, float]:
        """Write what belongs to all textures together."""
        records = self.manifest.close(left_out)
        if self.settings.write != "png":
            mod_files.write_patcher(self.destination / "PBRNifPatcher" / "launch.json", records)
        contact_sheet.write(self.destination / "contact_sheet.html", records, left_out)
        made = len(records) - self.kept
        return {"textures": made, "kept": self.kept, "left_out": len(left_out)}


def progress(planned: Sequence[Planned]) -> Iterator[tuple[Planned, Any]]:
    """Each texture with a function that prints a line; time left counts pixels."""
    columns = (BarColumn(), MofNCompleteColumn(), "textures,", TimeRemainingColumn(), "left")
    pixels = [one.size[0] * one.size[1] for one in planned]
    with Progress(*columns) as bar:
        task = bar.add_task("", total=len(planned))
        started, done = time.monotonic(), 0
        for place, one in enumerate(planned):
            spent = time.monotonic() - started
            left = spent / done * (sum(pixels) - done) if done else None

            def report(line: str, count: int = place + 1, left: float | None = left) -> None:
                eta = f", {left / 60:.0f} min left" if left and left >= 60 else ""
                bar.console.print(
                    f"[{count}/{len(planned)}{eta}] {line}", markup=False, soft_wrap=True
                )

            yield one, report
            done += pixels[place]
            bar.update(task, advance=1)
