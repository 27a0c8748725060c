"""The arguments of a `_target_`, which are the schema of its settings; nothing is imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from launch.check.definitions import Definition, Module, TargetError, find, lineage
from launch.errors import ConfigError
from launch.record import targets


@dataclass(frozen=True)
class Argument:
    """One argument of a function or constructor; `module` is where its annotation was written."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    required: bool
    module: Module


@dataclass(frozen=True)
class Signature:
    """Arguments by name; an `open` one takes any further keyword."""

    arguments: dict[str, Argument] = field(default_factory=dict)
    open: bool = False


def signature(target: str) -> Signature | None:
    """The arguments of a class or function; None if source does not show them.

    Raises:
        TargetError: if there is no such class or function, or it is not an allowed target.
    """
    try:
        targets.require(target)
    except ConfigError as error:
        raise TargetError(error.message) from error
    found = find(target)
    if isinstance(found, Module):
        guess = ", ".join(sorted(found.names())[:5])
        raise TargetError(f"{target} is a module; name a class or function in it, such as {guess}")
    if found is None:
        return None
    if isinstance(found.node, ast.FunctionDef):
        return _of_function(found.module, found.node.args)
    return next(_constructors(found), Signature()) if found.body else None


def class_constant(target: str, name: str) -> Any:
    """A class attribute written as a constant, inherited or not; None if there is none.

    Raises:
        TargetError: if there is no such class.
    """
    found = find(target)
    for definition in lineage(found) if isinstance(found, Definition) else ():
        for statement in definition.body if definition else ():
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=written)], value=ast.Constant(value=value))
                    | ast.AnnAssign(target=ast.Name(id=written), value=ast.Constant(value=value))
                ) if written == name:
                    return value
    return None


def _constructors(found: Definition) -> Iterator[Signature | None]:
    """What constructs an object, nearest class first; None where source does not show it."""
    for definition in lineage(found):
        if definition is None:
            yield None
            continue
        for statement in definition.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                yield _of_function(definition.module, statement.args, bound=1)
        if _is_dataclass(definition.node):
            yield Signature(_fields(definition))


def _of_function(module: Module, given: ast.arguments, bound: int = 0) -> Signature:
    """Arguments after the first `bound` ones, which the caller does not give."""
    positional = [*given.posonlyargs, *given.args]
    without_default = [None] * (len(positional) - len(given.defaults))
    pairs = [*zip(positional, [*without_default, *given.defaults], strict=True)][bound:]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    arguments = {
        a.arg: Argument(a.arg, a.annotation, default, default is None, module)
        for a, default in pairs
    }
    return Signature(arguments, open=given.kwarg is not None)


def _fields(found: Definition) -> dict[str, Argument]:
    """Arguments of the constructor that `dataclass` writes, those of base classes first."""
    _, *ancestors = lineage(found)
    arguments: dict[str, Argument] = {}
    for definition in (*reversed(ancestors), found):
        if definition and _is_dataclass(definition.node):
            arguments |= _own_fields(definition)
    return arguments


def _own_fields(definition: Definition) -> dict[str, Argument]:
    arguments = {}
    for statement in definition.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                marker = ast.unparse(annotation).split("[")[0].split(".")[-1]
                options = _field_options(value)
                if marker in ("ClassVar", "KW_ONLY") or (options and options["init"] == "False"):
                    continue
                default = value if options is None else None
                required = options["required"] == "True" if options else value is None
                module = definition.module
                arguments[name] = Argument(name, annotation, default, required, module)
    return arguments


def _field_options(value: ast.expr | None) -> dict[str, str] | None:
    """Keywords of `field(...)` as source, and whether they leave the field required."""
    if not isinstance(value, ast.Call) or not ast.unparse(value.func).endswith("field"):
        return None
    given = {option.arg: ast.unparse(option.value) for option in value.keywords if option.arg}
    required = not given.keys() & {"default", "default_factory"}
    return {"init": "True", "required": str(required)} | given


def _is_dataclass(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        ast.unparse(decorator).split("(")[0].endswith("dataclass")
        for decorator in node.decorator_list
    )
