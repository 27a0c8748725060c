"""Whether a value fits the annotation of an argument, without importing what is annotated.

An annotation is evaluated from its syntax, with the names of `typing`, `collections.abc`, `pathlib`
and `pydantic` and the aliases that modules assign. One that means anything else is not checked.
"""

import ast
import collections.abc
import json
import operator
import pathlib
import re
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from types import ModuleType
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticCustomError

from launch.check.definitions import Definition, Module, TargetError, find, is_foreign, qualified
from launch.check.signatures import Argument
from launch.errors import nearest

NAMESPACES: dict[str, ModuleType] = {
    "typing": typing,
    "collections.abc": collections.abc,
    "pydantic": pydantic,
}
BUILT_IN = {t.__name__: t for t in (int, float, str, bool, list, dict, tuple, set, object)}
OWN_PACKAGES = ("launch.",)

WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "literal_error": "{expected}",
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "missing": "given, the list is too short",
    "node": "a node with `_target_`",
}
ABSENT = {
    "path_not_exists": "there is no such file or folder",
    "path_not_file": "there is no such file",
    "path_not_directory": "there is no such folder",
}


class UnreadableError(Exception):
    """An annotation that means something only its own package knows."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong with a value; `missing` if only that it names a file that is not there."""

    message: str
    missing: bool = False


def _node(value: Any) -> Any:
    raise PydanticCustomError("node", "a node with `_target_`")


def _existing(path: pathlib.Path) -> pathlib.Path:
    if not path.exists():
        raise PydanticCustomError("path_not_exists", "there is no such file or folder")
    return path


OBJECT = Annotated[Any, AfterValidator(_node)]
"""What no value in YAML can be: a tensor, a module, a function."""

NAMED: dict[str, Any] = {
    "pathlib.Path": Annotated[pathlib.Path, AfterValidator(_existing)],
    "torch.Tensor": OBJECT,
    "torch.nn.Module": OBJECT,
    "collections.abc.Callable": OBJECT,
    "typing.Callable": OBJECT,
    "collections.abc.Iterable": collections.abc.Sequence,
    "typing.Iterable": collections.abc.Sequence,
}


def complaint(argument: Argument, value: Any) -> Complaint | None:
    """What is wrong with the value of an argument, or None.

    As strict as a careful reader: 1 is a number but `true` and "1" are not, a list fits a tuple
    and text fits a path. Paths are relative to the current directory. Without an annotation the
    default tells numbers from text.
    """
    default = _default(argument)
    if type(default) is type(value) and default == value:
        return None
    if argument.annotation is None:
        is_text_for_number = type(default) in (int, float) and isinstance(value, str)
        return Complaint("must be a number") if is_text_for_number else None
    adapter = _adapter(argument.annotation, argument.module)
    if adapter is None:
        return None
    try:
        # The strict rules of JSON are those of a plain YAML value.
        adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        absent = [ABSENT[e["type"]] for e in details if e["type"] in ABSENT]
        return Complaint(absent[0], missing=True) if absent else Complaint(sentence(details))
    return None


@cache
def _adapter(annotation: ast.expr, module: Module) -> TypeAdapter[Any] | None:
    """None for an annotation that is not checked."""
    try:
        return TypeAdapter(evaluate(annotation, module))
    except (UnreadableError, TargetError, RecursionError, TypeError, PydanticUserError):
        return None


def sentence(details: Sequence[Any]) -> str:
    """Pydantic's findings about one value; where an item of a list is wrong, about that."""
    places = [[part for part in e["loc"] if isinstance(part, int)] for e in details]
    deepest = max(places, key=len)
    item = f"item {''.join(f'[{part}]' for part in deepest)} " if deepest else ""
    there = [e for e, place in zip(details, places, strict=True) if place == deepest]
    phrases = dict.fromkeys(_phrase(e) for e in there)
    names = [name for e in there for name in re.findall(r"'([^']*)'", e["msg"])]
    guess = nearest(str(there[0]["input"]), names)
    return f"{item}must be {' or '.join(phrases)}{guess and '.' + guess}"


def _phrase(error: Any) -> str:
    if error["type"] not in WANTED:
        return error["msg"].removeprefix("Input should be ")
    return WANTED[error["type"]].format(**error.get("ctx", {}))


def _default(argument: Argument) -> Any:
    """The default where it is a literal, else `...`, which no value in YAML is."""
    try:
        return ast.literal_eval(argument.default) if argument.default else ...
    except ValueError:
        return ...


def evaluate(annotation: ast.expr, module: Module) -> Any:
    """The type that an annotation means in a module.

    Raises:
        UnreadableError: if it is not made of the names this file knows.
    """
    match annotation:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            return evaluate(ast.parse(text, mode="eval").body, module)
        case ast.Name() | ast.Attribute():
            return _named(annotation, module)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _union([evaluate(left, module), evaluate(right, module)])
        case ast.Subscript(value=value, slice=inside):
            return _subscripted(evaluate(value, module), inside, module)
    raise UnreadableError(ast.unparse(annotation))


def _named(expression: ast.expr, module: Module) -> Any:
    name = qualified(module, expression) or ""
    if name in NAMED or name in BUILT_IN:
        return NAMED.get(name) or BUILT_IN[name]
    namespace, _, last = name.rpartition(".")
    if namespace in NAMESPACES:
        return getattr(NAMESPACES[namespace], last)
    found = None if is_foreign(name) else find(name)
    if isinstance(found, Definition) and isinstance(found.node, ast.expr):
        return evaluate(found.node, found.module)
    if isinstance(found, Definition) and found.module.name.startswith(OWN_PACKAGES):
        return OBJECT
    raise UnreadableError(name)


def _subscripted(generic: Any, inside: ast.expr, module: Module) -> Any:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if generic is OBJECT:
        return OBJECT
    if generic is Literal:
        return Literal[tuple(ast.literal_eval(part) for part in parts)]
    if generic is Annotated:
        limits = [limit for part in parts[1:] for limit in _limits(part)]
        return reduce(lambda t, m: Annotated[t, m], limits, evaluate(parts[0], module))
    arguments = [... if _is_ellipsis(part) else evaluate(part, module) for part in parts]
    if generic is typing.Optional:
        return _union([*arguments, None])
    return _union(arguments) if generic is typing.Union else generic[tuple(arguments)]


def _limits(metadata: ast.expr) -> Iterator[Any]:
    """`Field(ge=0)` and its like; other metadata means nothing here."""
    if isinstance(metadata, ast.Call) and ast.unparse(metadata.func).endswith("Field"):
        named = {k.arg: ast.literal_eval(k.value) for k in metadata.keywords if k.arg}
        yield pydantic.Field(**named)


def _union(members: list[Any]) -> Any:
    """A value in YAML is none of the members that are objects."""
    plain = [member for member in members if member is not OBJECT]
    if plain in ([], [None]):
        plain.append(OBJECT)
    return reduce(operator.or_, plain)


def _is_ellipsis(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is ...
