"""Where a dotted name leads, found by reading source files.

Nothing is imported, neither what is named nor a package above it, so that a configuration is
checked in milliseconds and without torch. What source does not show (compiled code, attributes
made at run time) is None: nothing is claimed about it.
"""

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from launch.errors import nearest

# Bases that take no arguments and that nobody has to read: the ends of every lineage.
ROOTS = ("object", "abc.ABC", "typing.Generic", "typing.Protocol", "torch.nn.Module")
Bindings = dict[str, ast.AST | str]


class TargetError(Exception):
    """A name that leads nowhere; `missing` if only because a package is not installed."""

    def __init__(self, message: str, missing: bool = False) -> None:
        super().__init__(message)
        self.message, self.missing = message, missing


@dataclass(frozen=True, eq=False)
class Definition:
    """A class, a function or an assigned value, in the module that its names belong to."""

    module: "Module"
    node: ast.AST

    @property
    def body(self) -> list[ast.stmt]:
        """Statements of a class; nothing for anything else."""
        return self.node.body if isinstance(self.node, ast.ClassDef) else []


@dataclass(frozen=True, eq=False)
class Module:
    """A module or package, parsed when its names are first asked for.

    `file` is None for a folder without `__init__.py` and for compiled code.
    """

    name: str
    file: Path | None
    folders: tuple[Path, ...] = ()
    compiled: bool = False

    @cached_property
    def statements(self) -> list[ast.stmt]:
        return ast.parse(self.file.read_bytes()).body if self.file else []

    @cached_property
    def bindings(self) -> Bindings:
        """What each top-level name is bound to: a syntax node, or the dotted name it imports."""
        return self._bind(self.statements)

    @cached_property
    def stars(self) -> list[str]:
        """Modules of which every name is imported."""
        imports = (s for s in self.statements if isinstance(s, ast.ImportFrom))
        return [self._origin(s) for s in imports if s.names[0].name == "*"]

    def names(self, seen: frozenset[str] = frozenset()) -> set[str]:
        """Public names, submodules included; `seen` ends a circle of imports."""
        files = (path for folder in self.folders for path in folder.iterdir())
        found = self.bindings.keys() | {path.stem for path in files if path.suffix in ("", ".py")}
        for star in filter(None, map(load, self.stars)):
            if star.name not in seen:
                found |= star.names(seen | {self.name})
        return {name for name in found if name.isidentifier() and not name.startswith("_")}

    def _bind(self, statements: Iterable[ast.stmt]) -> Bindings:
        bound: Bindings = {}
        for statement in statements:
            match statement:
                case ast.Import(names=names):
                    bound |= {a.asname or root(a.name): _imported(a) for a in names}
                case ast.ImportFrom(names=names):
                    origin = self._origin(statement)
                    bound |= {a.asname or a.name: f"{origin}.{a.name}" for a in names}
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    bound |= {} if _is_overload(statement) else {name: statement}
                case ast.Assign(targets=targets, value=value):
                    bound |= {name: value for name in _stored(targets)}
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    bound |= {name: value for name in _stored([target])}
                case ast.If(body=body, orelse=orelse):
                    bound |= self._bind(orelse) | self._bind(body)
                case ast.Try(body=body, handlers=handlers, orelse=orelse):
                    fallback = [inner for handler in handlers for inner in handler.body]
                    bound |= self._bind(fallback) | self._bind([*body, *orelse])
        return bound

    def _origin(self, statement: ast.ImportFrom) -> str:
        """The absolute name of the module in `from module import ...`."""
        if not statement.level:
            return statement.module or ""
        package = self.name.split(".") if self.folders else self.name.split(".")[:-1]
        kept = package[: len(package) - statement.level + 1]
        return ".".join([*kept, statement.module] if statement.module else kept)


@cache
def load(name: str) -> Module | None:
    """The module of a dotted name, or None if there is none; its file is not read yet."""
    parent, _, last = name.rpartition(".")
    if not parent:
        return _top_level(name)
    package = load(parent)
    for folder in package.folders if package else ():
        inside = folder / last
        if (inside / "__init__.py").is_file():
            return Module(name, inside / "__init__.py", (inside,))
        if (folder / f"{last}.py").is_file():
            return Module(name, folder / f"{last}.py")
        if any(folder.glob(f"{last}.*so")):
            return Module(name, None, compiled=True)
        if inside.is_dir():
            return Module(name, None, (inside,))
    return None


def _top_level(name: str) -> Module | None:
    spec = PathFinder.find_spec(name) or find_spec(name)
    if spec is None:
        return None
    folders = tuple(Path(f) for f in spec.submodule_search_locations or () if Path(f).is_dir())
    source = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    return Module(name, source, folders, compiled=source is None and not folders)


def find(dotted: str, seen: frozenset[str] = frozenset()) -> Definition | Module | None:
    """What a dotted name leads to; None if source does not show it.

    `seen` are the names on the way here, which end a circle of imports.

    Raises:
        TargetError: if there is no such thing, with the nearest names.
    """
    first, *parts = dotted.split(".")
    found: Definition | Module | None = load(first)
    if found is None:
        package = first.replace("_", "-")
        raise TargetError(f"the package {package} is missing: pip install {package}", missing=True)
    for place, part in enumerate(parts, 1):
        if not isinstance(found, Module) or dotted in seen:
            return None
        found = _member(found, part, place == len(parts), seen | {dotted})
    return found


def _member(
    module: Module, name: str, is_last: bool, seen: frozenset[str]
) -> Definition | Module | None:
    """A name of a module; a submodule comes first on the way to a further name, else last."""
    full = f"{module.name}.{name}"
    nested = load(full)
    bound = module.bindings.get(name) if is_last or nested is None else None
    if bound is not None and bound != full:
        return _follow(module, bound, seen)
    if nested is not None:
        return nested
    for star in filter(None, map(load, module.stars)):
        if star.compiled or name in star.names():
            return find(f"{star.name}.{name}", seen)
    if module.compiled or (is_last and "__getattr__" in module.bindings):
        return None
    raise TargetError(f"{module.name} has no {name!r}.{nearest(name, module.names())}")


def _follow(
    module: Module, bound: ast.AST | str, seen: frozenset[str]
) -> Definition | Module | None:
    """Where an import, or another name for the same thing, leads."""
    if isinstance(bound, ast.Name | ast.Attribute):
        bound = qualified(module, bound) or bound
    if isinstance(bound, ast.AST):
        return Definition(module, bound)
    return None if is_foreign(bound) else find(bound, seen)


def qualified(module: Module, expression: ast.expr) -> str | None:
    """The dotted name that an expression means in a module; a bare name is a built-in one."""
    match expression:
        case ast.Name(id=name):
            bound = module.bindings.get(name)
            if isinstance(bound, str):
                return bound
            is_built_in = bound is None and hasattr(builtins, name)
            return name if is_built_in else f"{module.name}.{name}"
        case ast.Attribute(value=value, attr=attribute):
            owner = qualified(module, value)
            return owner and f"{owner}.{attribute}"
        case ast.Subscript(value=value):
            return qualified(module, value)
    return None


def lineage(found: Definition | None) -> Iterator[Definition | None]:
    """A class and its bases, nearest first; None for a base that source does not show."""
    yield found
    if found and isinstance(found.node, ast.ClassDef):
        for base in found.node.bases:
            dotted = qualified(found.module, base)
            if dotted not in ROOTS:
                yield from lineage(_base(dotted))


def _base(dotted: str | None) -> Definition | None:
    if dotted is None or is_foreign(dotted):
        return None
    try:
        found = find(dotted)
    except TargetError:
        return None
    return found if isinstance(found, Definition) else None


def is_foreign(dotted: str) -> bool:
    """Built in, or of the standard library."""
    return "." not in dotted or root(dotted) in sys.stdlib_module_names


def _stored(targets: Iterable[ast.expr]) -> Iterator[str]:
    """Names that an assignment binds."""
    for node in (node for target in targets for node in ast.walk(target)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _imported(alias: ast.alias) -> str:
    """What the name is bound to by `import a.b as name`, or `a` by `import a.b`."""
    return alias.name if alias.asname else root(alias.name)


def root(dotted: str) -> str:
    return dotted.partition(".")[0]


def _is_overload(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return any(ast.unparse(d).endswith("overload") for d in node.decorator_list)
