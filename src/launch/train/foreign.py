"""Model files of other programs: the part of a module that one is for, and what it holds of it.

A network that knows such files says so by a method `foreign(state) -> state`: the tensors of a file
under its own names and in its own shapes, as far as it can tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from launch.errors import ConfigError
from launch.tools import model_files

APART = ("losses", "ema")
"""Children of a module that no foreign file is for."""

NUMBERED = (nn.Sequential, nn.ModuleList)
NAMED = 3


@dataclass(frozen=True)
class Placed:
    """
    Attributes:
        tensors: of the file, under the names of the module.
        fresh: sub-modules of the same part that the file does not fill.
    """

    tensors: dict[str, Tensor]
    fresh: tuple[str, ...] = ()


def placed(path: Path, state: dict[str, Tensor], module: nn.Module, whole: bool) -> Placed:
    """The tensors of a file as those of the part of the module that they fit best.

    What that part has and the file lacks starts fresh, by whole sub-modules, and so does a last
    layer with another number of outputs. That is printed, and so is what of the file has no place.

    Args:
        whole: nothing of that part may start fresh.

    Raises:
        ConfigError: if the file is of another architecture, naming what differs.
    """
    if not state.keys().isdisjoint(module.state_dict()):
        return Placed(state)
    parts = dict(candidates(module))
    if not parts:
        raise ConfigError(f"{path}: this recipe has no network that a model file could be for")
    wanted = {name: tensors_of(part) for name, part in parts.items()}
    try:
        found = {n: model_files.fitting(state, part, wanted[n]) for n, part in parts.items()}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from error
    best = max(parts, key=lambda n: (model_files.agreeing(found[n], wanted[n]), len(wanted[n])))
    own = {f"{best}.{name}": value for name, value in wanted[best].items()}
    saved = {f"{best}.{name}": value for name, value in found[best].items()}
    fresh = gaps(parts[best], saved, f"{best}.")
    if whole or fresh is None or best in fresh or model_files.deeper(saved, own):
        model_files.require(path, saved, own)
        fresh = []
    taken = {k: v for k, v in saved.items() if k in own and not within(k, fresh)}
    if fresh or len(state) > len(taken):
        print(told(path, best, len(taken), len(own), fresh, len(state)), flush=True)
    return Placed(taken, tuple(fresh))


def candidates(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The parts of a module, and within each what makes up most of it."""
    size = len(tensors_of(module))
    for name, part in module.named_children():
        own = len(tensors_of(part))
        if own and (2 * own > size if prefix else name not in APART):
            yield f"{prefix}{name}", part
            if not hasattr(part, "foreign"):
                yield from candidates(part, f"{prefix}{name}.")


def tensors_of(part: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    return {k: v for k, v in part.state_dict(prefix=prefix).items() if isinstance(v, Tensor)}


def gaps(part: nn.Module, saved: Mapping[str, Tensor], prefix: str) -> list[str] | None:
    """Sub-modules that a file does not fill; None if it is of another architecture.

    That is when tensors of a module are there in part, blocks of another number, or shapes differ.
    """
    own = tensors_of(part, prefix)
    there = [name for name in own if name in saved]
    if not there or is_last(own, saved):
        return [prefix[:-1]]
    direct = {name for name in own if "." not in name.removeprefix(prefix)}
    inner = {n: gaps(p, saved, f"{prefix}{n}.") for n, p in part.named_children() if tensors_of(p)}
    lacking = [n for n, fresh in inner.items() if fresh == [f"{prefix}{n}"]]
    other = any(n not in saved or saved[n].shape != own[n].shape for n in direct)
    if other or None in inner.values() or (lacking and isinstance(part, NUMBERED)):
        return None
    return [name for fresh in inner.values() for name in fresh or ()]


def is_last(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> bool:
    """Whether a layer differs in the number of its outputs, and in nothing else."""
    shapes = [(v.shape, saved[k].shape) for k, v in own.items() if k in saved]
    rest = all(mine[1:] == theirs[1:] for mine, theirs in shapes if mine)
    return rest and len(shapes) == len(own) <= 2 and all(m != t for m, t in shapes)


def within(name: str, parts: Sequence[str]) -> bool:
    """Whether a tensor belongs to one of some sub-modules."""
    return any(name.startswith(f"{part}.") for part in parts)


def told(path: Path, part: str, taken: int, of: int, fresh: list[str], there: int) -> str:
    """What a file gives to a part, what starts fresh, and how much of the file has no place."""
    text = f"{path}: {taken} of the {of} tensors of {part} are taken"
    if fresh:
        text += f"; {listed(fresh)} start{'s' if len(fresh) == 1 else ''} fresh"
    if there > taken:
        text += f"; {there - taken} of the {there} in the file have no place"
    return text


def listed(names: list[str]) -> str:
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest
