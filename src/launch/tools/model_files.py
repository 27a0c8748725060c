"""Model files of anyone, into a network: tensors only, whatever they are wrapped in, never code.

`.safetensors`; files of `torch.save` with `params_ema`, `params`, `state_dict`, `model` or bare
tensors, behind `module.` or any other prefix; checkpoints of Lightning that hold classes of other
programs, which are read as inert stand-ins; exports and checkpoints of this project. Averaged
weights are taken where the file has them. spandrel and timm translate the names they know.
"""

import json
import pickle
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from launch.errors import ConfigError, MissingError, nearest
from launch.record import storage
from launch.record.checksum import SHARDED
from launch.tools.names import inside

AVERAGED = (
    *("params_ema", "params-ema", "state_dict_ema", "model_ema", "ema_state_dict", "g_ema"),
    *("ema_model", "ema", "shadow"),
)
WRAPPERS = ("state_dict", "model_state_dict", "params", "model", "net", "generator")
PREFIXES = ("module.", "_orig_mod.", "netG.")
AVERAGES = ("ema.", "model_ema.", "ema_model.")
"""Prefixes of averaged copies beside the weights they are averages of."""

POINTER = b"version https://git-lfs"
UNREADABLE = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError, SafetensorError),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError),
)
COUNTER = "num_batches_tracked"
NAMED = 4


def tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by their names, out of their wrappings.

    Raises:
        MissingError: if there is no such file.
        StorageError: if it is one of this project and damaged.
        ConfigError: if it holds no tensors, or cannot be read without running what is in it.
    """
    return named(path, read(path))


def read(path: Path) -> dict[str, Any]:
    """The content of a file as it is; objects that are no tensors are inert stand-ins."""
    if not path.is_file():
        raise MissingError(f"there is no model file {path}")
    storage.verify(path)
    try:
        if path.name.endswith(SHARDED):
            return shards(path)
        if is_safetensors(path):
            return dict(load_file(path))
        stand_ins: Any = [(stand_in(name), name) for name in _foreign_names(path)]
        with torch.serialization.safe_globals(stand_ins):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ConfigError(f"{path} cannot be read as tensors alone: {why(path, error)}") from error
    return dict(content) if isinstance(content, Mapping) else {}


def named(path: Path, content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of what `read` found in a file.

    Raises:
        ConfigError: if there are none, or such as are no plain numbers.
    """
    found = unwrapped(content)
    if not found:
        raise ConfigError(f"{path} holds no tensors by name; give a state dict or a checkpoint")
    coded = [k for k, v in found.items() if v.layout is not torch.strided or v.is_quantized]
    if coded:
        raise ConfigError(
            f"{path} holds {len(coded)} sparse or quantised tensors, such as {coded[0]}; save them "
            "dense, as floating point"
        )
    return found


def is_safetensors(path: Path) -> bool:
    """By its first bytes, the length of a header of JSON: suffixes are often wrong."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def shards(path: Path) -> dict[str, Any]:
    """The tensors of all files that an index of a sharded checkpoint names.

    Raises:
        MissingError: if one of them is not there.
    """
    names = json.loads(path.read_bytes())["weight_map"]
    files = {name: read(inside(path.parent, name, path)) for name in sorted(set(names.values()))}
    return {tensor: files[name][tensor] for tensor, name in names.items()}


def why(path: Path, error: Exception) -> str:
    """What a person can do with; torch advises to switch its protection off."""
    with path.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            return "it is a pointer of Git LFS; fetch the file itself"
    reason = str(error).strip().partition("\n")[0]
    other = reason.startswith(("Weights only load failed", "Error while deserializing header"))
    return "it is cut off, no file of tensors, or asks to run code" if other else reason


def stand_in(name: str) -> type:
    """A class that takes the place of another one, accepts everything and does nothing."""

    def ignore(self: Any, *arguments: Any, **options: Any) -> None:
        pass

    methods: dict[str, Any] = {n: ignore for n in ("__init__", "__setstate__", "__setitem__")}
    return type(name.rpartition(".")[2], (), methods)


def unwrapped(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of the innermost state dict, without a prefix that all of them share."""
    for key in (*AVERAGED, *WRAPPERS):
        if isinstance(content.get(key), Mapping) and _holds_tensors(content[key]):
            return unwrapped(content[key])
    state = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}
    for prefix in PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def load(network: nn.Module, path: Path, part: str = "") -> None:
    """Load a file into a network.

    Args:
        part: the sub-module of the file to take, where it has several; "" finds it.

    Raises:
        MissingError, ConfigError: as `tensors`, and if a tensor is missing or of another shape,
            with the nearest name.
    """
    wanted = network.state_dict()
    saved = fitting(tensors(path), network, wanted, part)
    require(path, saved, wanted)
    network.load_state_dict({name: saved[name] for name in wanted}, strict=False)


def fitting(
    state: Mapping[str, Tensor], network: nn.Module, wanted: Mapping[str, Tensor], part: str = ""
) -> dict[str, Tensor]:
    """The tensors of a file under the names of a network, as far as they are known.

    A network that knows files of others has a method `foreign(state) -> state`.
    """
    aligned = below(state, prefix_of(state, list(wanted), part))
    if agreeing(aligned, wanted) < len(wanted):
        translate = getattr(network, "foreign", None) or partial(translated, network=network)
        candidates = (aligned, translate(state), translate(aligned))
        aligned = max(candidates, key=lambda found: agreeing(found, wanted))
    return with_counters(aligned, wanted)


def with_counters(found: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Old files do not count the batches of a norm, which then begin as they do in the network."""
    uncounted = [n for n in wanted if n.endswith(COUNTER) and n not in found]
    norms = [n for n in uncounted if n.removesuffix(COUNTER) + "running_mean" in found]
    return found | {name: wanted[name] for name in norms}


def agreeing(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> int:
    """How many tensors are there in the shape in which they are wanted."""
    return sum(k in found and found[k].shape == value.shape for k, value in wanted.items())


def prefix_of(state: Mapping[str, Tensor], names: Sequence[str], part: str = "") -> str:
    """What stands before the names of a network in a file; that of an average if there is one."""
    probes = {*names[:2], *names[-2:]}
    found = {k.removesuffix(n) for k in state for n in probes if k == n or k.endswith(f".{n}")}
    kept = sorted(p for p in found if not part or p == f"{part}." or p.endswith(f".{part}."))
    known = set(state)

    def rank(prefix: str) -> tuple[int, bool, int]:
        count = sum(prefix + name in known for name in names)
        return count, prefix.startswith(AVERAGES), -len(prefix)

    return max(kept, key=rank, default=f"{part}." if part else "")


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def translated(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Names of other programs in those of spandrel or timm, if the network is theirs."""
    home = type(network).__module__
    try:
        if home.startswith("spandrel."):
            from spandrel import ModelLoader  # noqa: PLC0415 - 170 MB of architectures

            model = ModelLoader().load_from_state_dict(dict(state)).model
            return model.state_dict() if type(model) is type(network) else {}
        translate = getattr(sys.modules[home], "checkpoint_filter_fn", None)
        if home.startswith("timm.") and translate is not None:
            return translate(dict(state), network)
    except Exception:  # a library that does not know the names fails in its own way
        return {}
    return {}


def require(path: Path, saved: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """
    Raises:
        ConfigError: if a tensor is missing, of another shape, with the first few, holds NaN, or
            other numbers than are wanted.
    """
    differing = [k for k in wanted if k not in saved or saved[k].shape != wanted[k].shape]
    if differing:
        raise ConfigError(mismatch(path, differing, saved, wanted))
    more = deeper(saved, wanted)
    if more:
        raise ConfigError(
            f"{path} is of another architecture: it goes on where the network ends, with "
            f"{len(more)} tensors such as {more[0]}. Give the module settings it was trained with."
        )
    floats = [k for k, own in wanted.items() if own.is_floating_point()]
    coded = [k for k in floats if not saved[k].is_floating_point()]
    if coded:
        raise ConfigError(
            f"{path} holds {saved[coded[0]].dtype} in {len(coded)} of {len(wanted)} tensors, such "
            f"as {coded[0]}, where floating point is wanted; save the weights as they were trained"
        )
    # A buffer may begin as NaN, which stands for "not known yet".
    nan = [k for k in floats if saved[k].float().isnan().any()]
    spoilt = [k for k in nan if not wanted[k].isnan().any()]
    if spoilt:
        raise ConfigError(
            f"{path} holds NaN in {len(spoilt)} of {len(wanted)} tensors, such as {spoilt[0]}: its "
            "training has diverged; give an earlier file"
        )


def deeper(saved: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Names of a file within numbered blocks of which the network has some, but not these.

    >>> deeper(["body.0.a", "body.1.a", "body.2.a", "head.a"], ["body.0.a", "body.1.a"])
    ['body.2.a']
    """
    own = {block for name in wanted for block in blocks(name)}
    lists = {parent for parent, _ in own}
    return [n for n in saved if any(b[0] in lists and b not in own for b in blocks(n))]


def blocks(name: str) -> list[tuple[str, str]]:
    """The lists that a tensor lies in, and its place in each."""
    return [(name[: m.start()], m[1]) for m in re.finditer(r"\.(\d+)(?=\.)", name)]


def mismatch(
    checkpoint: Path, differing: list[str], saved: Mapping[str, Any], wanted: Mapping[str, Any]
) -> str:
    """Says how a checkpoint differs from the network, with the first few tensors."""
    lines = []
    for name in differing[:NAMED]:
        got = tuple(saved[name].shape) if name in saved else "nothing." + nearest(name, saved)
        lines.append(f"  {name}: the network has {tuple(wanted[name].shape)}, the file {got}")
    return (
        f"{checkpoint} is of another architecture: {len(differing)} of {len(wanted)} tensors "
        "do not fit.\n" + "\n".join(lines) + "\nGive the module settings it was trained with."
    )


def _foreign_names(path: Path) -> list[str]:
    """What a file of `torch.save` asks to import beyond tensors; older files ask for nothing."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except ValueError:
        return []


def _holds_tensors(content: Mapping[Any, Any]) -> bool:
    return any(
        isinstance(value, Tensor) or (isinstance(value, Mapping) and _holds_tensors(value))
        for value in content.values()
    )
