"""Nodes of a configuration, `{_target_: package.Class, argument: value}`, against signatures."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from launch.check.annotations import complaint
from launch.check.definitions import TargetError, load, root
from launch.check.signatures import Signature, signature
from launch.errors import nearest

UNSET = "???"
NO_VALUE = object()
HYDRA_KEYS = frozenset({"_target_", "_partial_", "_args_", "_recursive_", "_convert_"})
SUPPLIED = {"module": ("losses",), "expand": ("config",)}
BACKENDS = {"TensorBoardLogger": "tensorboard", "WandbLogger": "wandb", "MLFlowLogger": "mlflow"}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key, and where it was written.

    `exit_code` is 3 if a file, folder or package is missing, else 2.
    """

    key: str
    message: str
    value: Any = NO_VALUE
    source: str | None = None
    exit_code: int = 2

    def __str__(self) -> str:
        value = "" if self.value is NO_VALUE else f" = {shown(self.value)}"
        source = f"  ({self.source})" if self.source else ""
        return f"{self.key}{value}: {self.message}{source}"


def shown(value: Any) -> str:
    """A value as in YAML, cut to a readable length."""
    words = {None: "null", True: "true", False: "false"}
    plain = isinstance(value, bool) or value is None
    text = words[value] if plain else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unset(key: str, value: Any) -> Iterator[Problem]:
    """Mandatory values, `???`, that nobody has given."""
    if value == UNSET:
        yield Problem(key, f"has no value yet; give {key}=VALUE", value)
    for name, inner in children(value):
        yield from unset(f"{key}.{name}" if key else name, inner)


def walk(key: str, value: Any) -> Iterator[Problem]:
    """Problems of all nodes in a value, outer before inner."""
    if isinstance(value, dict) and "_target_" in value:
        given = {name: inner for name, inner in value.items() if name not in HYDRA_KEYS}
        positional = len(children(value.get("_args_")))
        partial = bool(value.get("_partial_"))
        needed = None if partial else positional
        yield from node(key, value["_target_"], given, needed_after=needed)
    for name, inner in children(value):
        yield from walk(f"{key}.{name}", inner)


def node(
    key: str,
    target: Any,
    given: dict[str, Any],
    *,
    needed_after: int | None = 0,
    others: Collection[str] = (),
    target_key: str = "_target_",
) -> Iterator[Problem]:
    """Problems of what one target is given.

    Args:
        needed_after: required arguments count after this many; None if none has to be given.
        others: names that are valid beside the arguments, for suggestions.
        target_key: the key that chose the target.
    """
    try:
        schema = signature(str(target))
        require_backend(str(target))
    except TargetError as error:
        code = 3 if error.missing else 2
        yield Problem(f"{key}.{target_key}", error.message, target, exit_code=code)
        return
    if schema is None:
        return
    yield from _unknown(key, target, schema, given, others)
    for name, value in given.items():
        if name in schema.arguments and is_plain(value):
            found = complaint(schema.arguments[name], value)
            if found:
                code = 3 if found.missing else 2
                yield Problem(f"{key}.{name}", found.message, value, exit_code=code)
    if needed_after is not None:
        yield from _missing(key, target, schema, given, needed_after)


def require_backend(target: str) -> None:
    """
    Raises:
        TargetError: for a logger whose own package is not installed.
    """
    package = BACKENDS.get(target.rpartition(".")[2])
    if root(target) == "lightning" and package and load(package) is None:
        message = f"the extra package {package} is missing: pip install {package}"
        raise TargetError(message, missing=True)


def _unknown(
    key: str, target: str, schema: Signature, given: dict[str, Any], others: Collection[str]
) -> Iterator[Problem]:
    known = [*schema.arguments, *others]
    listed = f" It takes {', '.join(known)}." if known else " It takes none."
    for name in given if not schema.open else ():
        if name not in schema.arguments:
            guess = nearest(name, known) or listed
            message = f"{target.rpartition('.')[2]} has no argument {name!r}.{guess}"
            yield Problem(f"{key}.{name}", message, given[name])


def _missing(
    key: str, target: str, schema: Signature, given: dict[str, Any], needed_after: int
) -> Iterator[Problem]:
    for name, argument in [*schema.arguments.items()][needed_after:]:
        if argument.required and name not in given and name not in SUPPLIED.get(key, ()):
            message = f"is missing; {target.rpartition('.')[2]} needs it"
            if target.startswith("torch.optim"):
                message += ", unless the node says `_partial_: true`"
            yield Problem(f"{key}.{name}", message)


def is_plain(value: Any) -> bool:
    """Whether a value is complete as it stands: no node in it, and nothing that is still unset."""
    if value == UNSET or (isinstance(value, dict) and "_target_" in value):
        return False
    return all(is_plain(inner) for _, inner in children(value))


def children(value: Any) -> list[tuple[str, Any]]:
    """Names and values inside a mapping, places and items of a list."""
    if isinstance(value, dict):
        return [(str(name), inner) for name, inner in value.items()]
    if isinstance(value, list | tuple):
        return [(str(place), inner) for place, inner in enumerate(value)]
    return []
