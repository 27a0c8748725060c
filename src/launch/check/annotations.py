"""Whether a value fits the annotation of an argument, without importing what is annotated.

An annotation is read with the names of `typing`, `collections.abc`, `pathlib` and `pydantic` and
the aliases that modules assign; what means anything else is not checked.
"""

import ast
import collections.abc
import json
import pathlib
import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticCustomError

from launch.check.problem import Problem
from launch.errors import nearest
from launch.record.inside import below, children
from launch.source.definitions import Module, definition, qualified
from launch.source.signatures import Argument

NAMESPACES = ("builtins", "typing", "collections.abc", "pydantic")
OWN_PACKAGES = "launch."

WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping",
    "literal_error": "{expected}",
    "greater_than": "greater than {gt:.10g}",
    "greater_than_equal": "at least {ge:.10g}",
    "less_than": "less than {lt:.10g}",
    "less_than_equal": "at most {le:.10g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "missing": "a longer list",
    "node": "a node with `_target_`",
}
ABSENT = {
    "path_not_exists": "there is no such file or folder",
    "path_not_file": "there is no such file",
    "path_not_directory": "there is no such folder",
    "path_empty": "this folder is empty",
}


def _not_a_node(_: Any) -> Any:
    raise PydanticCustomError("node", "a node with `_target_`")


def _existing(path: pathlib.Path) -> pathlib.Path:
    if not path.exists():
        raise PydanticCustomError("path_not_exists", "there is no such file or folder")
    return path


def _with_content(path: pathlib.Path) -> pathlib.Path:
    if not any(path.iterdir()):
        raise PydanticCustomError("path_empty", "this folder is empty")
    return path


Object = Annotated[Any, AfterValidator(_not_a_node)]
"""What no value in YAML can be: a tensor, a module, a function."""

MEANINGS: dict[str, Any] = {
    "pydantic.DirectoryPath": Annotated[pydantic.DirectoryPath, AfterValidator(_with_content)],
    "pathlib.Path": Annotated[pathlib.Path, AfterValidator(_existing)],
    "torch.Tensor": Object,
    "torch.nn.Module": Object,
    "collections.abc.Callable": Object,
    "typing.Callable": Object,
    "collections.abc.Iterable": collections.abc.Sequence,
    "typing.Iterable": collections.abc.Sequence,
}


def complaint(key: str, argument: Argument, value: Any) -> Problem | None:
    """What is wrong with the value that an argument gets by a key, or with an item of it.

    As strict as a careful reader: 1 is a number but `true` and "1" are not, a list fits a tuple
    and text fits a path. Paths are relative to the current directory. Without an annotation the
    default tells numbers from text.
    """
    default = _default(argument)
    if type(default) is type(value) and default == value:
        return None
    if argument.annotation is None:
        is_text_for_number = type(default) in (int, float) and isinstance(value, str)
        return Problem(key, "must be a number", value) if is_text_for_number else None
    try:
        # The strict rules of JSON are those of a plain YAML value.
        adapter = _adapter(argument.annotation, argument.module)
        adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        return _told(key, value, error.errors(include_url=False))
    except (PydanticUserError, ArithmeticError, AttributeError, NameError, TypeError, ValueError):
        return None  # an annotation that means something else than a plain value
    return None


@cache
def _adapter(annotation: ast.expr, module: Module) -> TypeAdapter[Any]:
    return TypeAdapter(evaluate(annotation, module))


def _told(key: str, value: Any, details: Sequence[Any]) -> Problem:
    """Pydantic's findings about one value; where an item inside is wrong, about that."""
    absent = [ABSENT[e["type"]] for e in details if e["type"] in ABSENT]
    if absent:
        return Problem(key, absent[0], value, exit_code=3)
    paths = [_inside(value, e["loc"]) for e in details]
    deepest = max(paths, key=len)
    there = [e for e, path in zip(details, paths, strict=True) if path == deepest]
    for part in deepest:
        value = children(value)[part]
    phrases = dict.fromkeys(_phrase(e) for e in there if e["type"] != "node" or len(there) == 1)
    names = [name for e in there for name in re.findall(r"'([^']*)'", e["msg"])]
    guess = nearest(str(value), names)
    where = below(key, *deepest)
    message = f"must be {' or '.join(phrases)}{guess and '.' + guess}"
    return Problem(where, message + _instead(where, message, value), value)


def _instead(key: str, message: str, value: Any) -> str:
    """What to type instead of one value for a mapping, or of 1e5 and 100k for a whole number."""
    if message == "must be a mapping":
        return f"; type single values, {key}.KEY=VALUE"
    found = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\+?\d+)?)\s*([kM]?)", str(value))
    if "whole number" not in message or not found or str(value).isdigit():
        return ""
    number = float(found[1]) * {"": 1, "k": 1e3, "M": 1e6}[found[2]]
    return f"; write {int(number)}" if number.is_integer() else ""


def _inside(value: Any, location: Sequence[Any]) -> tuple[str, ...]:
    """The parts of a location that are keys and places; others name members of a union."""
    path: list[str] = []
    for part in map(str, location):
        if part in children(value):
            path.append(part)
            value = children(value)[part]
    return tuple(path)


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


def evaluate(annotation: ast.expr, module: Module) -> Any:  # noqa: PLR0911 - one for each kind
    """The type that an annotation means in a module; `Any` where only its own package knows."""
    match annotation:
        case ast.Constant(value=str(text)):
            return evaluate(ast.parse(text, mode="eval").body, module)
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            return meaning(qualified(module, annotation) or "")
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return evaluate(left, module) | evaluate(right, module)
        case ast.Subscript(value=value, slice=inside):
            outer = evaluate(value, module)
            if outer in (Any, Object):
                return outer
            return outer[ast.literal_eval(inside) if outer is Literal else evaluate(inside, module)]
        case ast.Tuple(elts=parts):
            return tuple(evaluate(part, module) for part in parts)
        case ast.Call(func=function, args=given, keywords=named):
            options = {str(k.arg): ast.literal_eval(k.value) for k in named}
            return evaluate(function, module)(*map(ast.literal_eval, given), **options)
    return Any


def meaning(name: str) -> Any:
    """What a dotted name stands for in an annotation."""
    if name in MEANINGS:
        return MEANINGS[name]
    namespace, _, last = (name if "." in name else f"builtins.{name}").rpartition(".")
    if namespace in NAMESPACES:
        return getattr(sys.modules[namespace], last)
    found = definition(name)
    if found and isinstance(found.node, ast.expr):
        return evaluate(found.node, found.module)
    return Object if found and found.module.name.startswith(OWN_PACKAGES) else Any
