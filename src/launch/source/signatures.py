"""The arguments of a `_target_`, which are the schema of its settings; nothing is imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from launch.errors import ConfigError
from launch.source.definitions import Definition, Module, find, lineage


@dataclass(frozen=True)
class Argument:
    """One argument of a function or constructor; `module` is where its annotation was written."""

    annotation: ast.expr | None
    default: ast.expr | None
    required: bool
    module: Module


@dataclass(frozen=True)
class Signature:
    """Arguments by name, of a constructor or a function; an `open` one takes others as well."""

    arguments: dict[str, Argument] = field(default_factory=dict)
    open: bool = False


def signature(target: str) -> Signature | None:
    """The arguments of a class or function; None if source does not show them.

    Raises:
        MissingError: if its package is not installed.
        ConfigError: if there is none.
    """
    found = find(target)
    if isinstance(found, Module):
        guess = ", ".join(sorted(found.names())[:5])
        raise ConfigError(f"{target} is a module; name a class or function in it, such as {guess}")
    if found is None:
        return None
    if isinstance(found.node, ast.FunctionDef):
        return _of_function(found.module, found.node.args)
    return _constructor([*lineage(found)]) if found.body else None


def class_constant(target: str, name: str) -> Any:
    """A class attribute written as a constant, inherited or not; None if there is none.

    Raises:
        MissingError, ConfigError: if there is no such class.
    """
    found = find(target)
    for definition in lineage(found) if isinstance(found, Definition) else ():
        for statement in definition.body if definition else ():
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                to = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                if name in map(ast.unparse, to) and isinstance(statement.value, ast.Constant):
                    return statement.value.value
    return None


def _constructor(classes: list[Definition | None]) -> Signature | None:
    """That of the nearest class of a lineage which has one; None where source does not show it."""
    for place, definition in enumerate(classes):
        if definition is None:
            return None
        for statement in definition.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                own = _of_function(definition.module, statement.args, bound=1)
                call = _passes_on(definition.node, statement)
                base = _constructor(classes[place + 1 :]) if call else None
                return _with_base(own, base, call) if base and call else own
        if _is_dataclass(definition):
            return Signature(_fields(definition))
    return Signature()


def _passes_on(node: ast.AST, init: ast.FunctionDef) -> ast.Call | None:
    """`super().__init__(..., **kwargs)` with all further keywords, if that is all they are for."""
    name = init.args.kwarg.arg if init.args.kwarg else None
    uses = [n for n in ast.walk(init) if isinstance(n, ast.Name) and n.id == name]
    if len(uses) != 1 or len(getattr(node, "bases", ())) != 1:
        return None
    for call in (n for n in ast.walk(init) if isinstance(n, ast.Call)):
        passed = any(keyword.value is uses[0] for keyword in call.keywords)
        if passed and ast.unparse(call.func) == "super().__init__":
            return None if any(isinstance(a, ast.Starred) for a in call.args) else call
    return None


def _with_base(own: Signature, base: Signature, call: ast.Call) -> Signature:
    """The arguments of a base that its class does not give by itself, then its own."""
    given = {keyword.arg for keyword in call.keywords}
    left = [*base.arguments.items()][len(call.args) :]
    return Signature({k: a for k, a in left if k not in given} | own.arguments, base.open)


def _of_function(module: Module, given: ast.arguments, bound: int = 0) -> Signature:
    """Arguments after the first `bound` ones, which the caller does not give."""
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    pairs = [*zip(positional, defaults, strict=True)][bound:]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    arguments = {a.arg: Argument(a.annotation, d, d is None, module) for a, d in pairs}
    return Signature(arguments, open=given.kwarg is not None)


def _fields(found: Definition) -> dict[str, Argument]:
    """Arguments of the constructor that `dataclass` writes, those of base classes first."""
    arguments: dict[str, Argument] = {}
    for definition in reversed([*lineage(found)]):
        if definition and _is_dataclass(definition):
            arguments |= dict(_own_fields(definition))
    return arguments


def _own_fields(definition: Definition) -> Iterator[tuple[str, Argument]]:
    for statement in definition.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                options = _options(value)
                marker = ast.unparse(annotation).split("[")[0].split(".")[-1]
                made_later = "init" in options and not ast.literal_eval(options["init"])
                if marker not in ("ClassVar", "KW_ONLY") and not made_later:
                    required = not options.keys() & {"default", "default_factory"}
                    default = options.get("default")
                    argument = Argument(annotation, default, required, definition.module)
                    yield name.rstrip("_"), argument  # `from_`, since `from` is Python's own


def _options(value: ast.expr | None) -> dict[str, ast.expr]:
    """Keywords of `field(...)`; a plain default counts as one of them."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("field"):
        return {option.arg: option.value for option in value.keywords if option.arg}
    return {"default": value} if value else {}


def _is_dataclass(definition: Definition) -> bool:
    decorators = getattr(definition.node, "decorator_list", ())
    return any(ast.unparse(d).split("(")[0].endswith("dataclass") for d in decorators)
