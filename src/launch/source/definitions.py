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
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    PathFinder,
    SourceFileLoader,
)
from importlib.util import find_spec
from pathlib import Path

from launch.errors import ConfigError, LaunchError, MissingError, nearest

LONGEST = 20  # imports that a name is followed through; a circle has no end
# Bases that take no arguments and that nobody has to read: the ends of every lineage.
ROOTS = ("object", "abc.ABC", "typing.Generic", "typing.Protocol", "torch.nn.Module")
LOADERS = (ExtensionFileLoader, EXTENSION_SUFFIXES), (SourceFileLoader, SOURCE_SUFFIXES)


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

    `file` is None for a folder without `__init__.py` and, without folders too, for compiled code.
    """

    name: str
    file: Path | None
    folders: tuple[Path, ...] = ()

    @property
    def compiled(self) -> bool:
        return not self.file and not self.folders

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """
        Raises:
            ConfigError: if the file is no Python.
        """
        try:
            return ast.parse(self.file.read_bytes()).body if self.file else []
        except (SyntaxError, ValueError) as error:
            line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
            raise ConfigError(f"{self.file}{line} is no Python: {error.args[0]}") from error

    @cached_property
    def bindings(self) -> dict[str, ast.AST | str]:
        """What each top-level name is bound to: a syntax node, or the dotted name it imports."""
        bound: dict[str, ast.AST | str] = {}
        for statement in _flat(self.statements):
            match statement:
                case ast.Import(names=names):
                    bound |= {root(a.name): root(a.name) for a in names if not a.asname}
                    bound |= {a.asname: a.name for a in names if a.asname}
                case ast.ImportFrom(names=names):
                    origin = self._origin(statement)
                    bound |= {a.asname or a.name: f"{origin}.{a.name}" for a in names}
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    bound[name] = statement
                case ast.Assign(targets=targets, value=value):
                    bound |= {name: value for name in _stored(targets)}
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    bound[name] = value
        return bound

    @cached_property
    def stars(self) -> list[str]:
        """Modules of which every name is imported."""
        imports = (s for s in self.statements if isinstance(s, ast.ImportFrom))
        return [self._origin(s) for s in imports if s.names[0].name == "*"]

    def leads(self, name: str) -> ast.AST | str | None:
        """What a name is bound to here, or by `import *`; a name for another thing leads there."""
        bound = self.bindings.get(name)
        if isinstance(bound, ast.Name | ast.Attribute):
            return qualified(self, bound) or bound
        full = f"{self.name}.{name}"
        if bound is not None or load(full):
            return bound if bound != full else None
        stars = filter(None, map(load, self.stars))
        return next((f"{s.name}.{name}" for s in stars if s.compiled or name in s.names()), None)

    def names(self, seen: frozenset[str] = frozenset()) -> set[str]:
        """Public names, submodules included; `seen` ends a circle of imports."""
        files = (path for folder in self.folders for path in folder.iterdir())
        found = self.bindings.keys() | {path.stem for path in files if path.suffix in ("", ".py")}
        for star in filter(None, map(load, self.stars)):
            if star.name not in seen:
                found |= star.names(seen | {self.name})
        return {name for name in found if name.isidentifier() and not name.startswith("_")}

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
    parent = name.rpartition(".")[0]
    if parent:
        package = load(parent)
        finders = [FileFinder(str(f), *LOADERS) for f in (package.folders if package else ())]
        spec = next(filter(None, (finder.find_spec(name) for finder in finders)), None)
    else:
        spec = PathFinder.find_spec(name) or find_spec(name)
    if spec is None:
        return None
    folders = tuple(Path(f) for f in spec.submodule_search_locations or () if Path(f).is_dir())
    file = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    return Module(name, file, folders)


def find(dotted: str, hops: int = 0) -> Definition | Module | None:
    """What a dotted name leads to, through `hops` imports; None if source does not show it.

    Raises:
        MissingError: if its package is not installed.
        ConfigError: if there is no such thing, with the nearest names.
    """
    parts = dotted.split(".")
    if load(parts[0]) is None:
        package = parts[0].replace("_", "-")
        raise MissingError(f"the package {package} is missing: pip install {package}")
    owners = (load(".".join(parts[:end])) for end in range(len(parts) - 1, 0, -1))
    module = next(filter(None, owners), None)
    if module is None:
        return load(dotted)
    name, *inner = parts[module.name.count(".") + 1 :]
    bound = module.leads(name)
    if isinstance(bound, str):
        further = ".".join([bound, *inner])
        return None if is_foreign(further) or hops > LONGEST else find(further, hops + 1)
    if bound is not None:
        return None if inner else Definition(module, bound)
    submodule = load(dotted)
    if submodule or module.compiled or ("__getattr__" in module.bindings and not inner):
        return submodule
    raise ConfigError(f"{module.name} has no {name!r}.{nearest(name, module.names())}")


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
                yield from lineage(definition(dotted))


def definition(dotted: str | None) -> Definition | None:
    """What a dotted name leads to; None if it is foreign, not there, or no definition."""
    try:
        found = None if dotted is None or is_foreign(dotted) else find(dotted)
    except LaunchError:
        return None
    return found if isinstance(found, Definition) else None


def is_foreign(dotted: str) -> bool:
    """Built in, or of the standard library."""
    return "." not in dotted or root(dotted) in sys.stdlib_module_names


def root(dotted: str) -> str:
    return dotted.partition(".")[0]


def _flat(statements: Iterable[ast.stmt | ast.ExceptHandler]) -> Iterator[ast.stmt]:
    """Statements with those inside `if` and `try`, the likelier branch last, so that it wins."""
    for statement in statements:
        if isinstance(statement, ast.If | ast.Try | ast.ExceptHandler):
            for branch in ("handlers", "orelse", "body"):
                yield from _flat(getattr(statement, branch, ()))
        else:
            yield statement


def _stored(targets: Iterable[ast.expr]) -> Iterator[str]:
    """Names that an assignment binds."""
    for node in (node for target in targets for node in ast.walk(target)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
