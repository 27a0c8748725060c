"""The structure of the code in numbers: modules, arrows, circles, lines, length of functions.

python benchmarks/house.py [FOLDER]      # a checkout, this one by default
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

RUN_OF_LINES = 6


def modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the launcher and the scenarios by its dotted name."""
    places = {"src": root / "src", "launch.experiments": root / "experiments"}
    found = {}
    for prefix, folder in places.items():
        for path in sorted(folder.rglob("*.py")):
            if "template" in path.parts:
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join(([] if prefix == "src" else [prefix]) + list(parts))
            found[name.removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


def arrows(tree: ast.Module, known: set[str]) -> Iterator[tuple[str, bool]]:
    """Modules that one imports, and whether inside a function; for types alone does not count."""
    only_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    within = {id(inner) for function in functions for inner in ast.walk(function)}
    for node in ast.walk(tree):
        if id(node) in only_types:
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [n for n in inner if n in known] or [node.module]
        for name in names:
            whole = name if name.startswith("launch.") else f"launch.{name}"
            if whole in known:
                yield whole, id(node) in within


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of nodes each of which reaches the others."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += graph[node]
        return seen

    far = {node: reach(node) for node in graph}
    found = {frozenset(m for m in far[n] if n in far[m]) for n in graph if n in far[n]}
    return [set(group) for group in found]


def room(name: str) -> str:
    """The package of a module: `launch.front`, `launch.experiments.sr`, or a file at the top."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[1:2] == ["experiments"] else 2])


def rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between packages."""
    result: dict[str, set[str]] = {room(name): set() for name in graph}
    for name, others in graph.items():
        result[room(name)] |= {room(other) for other in others} - {room(name)}
    return result


def bodies(trees: dict[str, ast.Module]) -> list[int]:
    """Lines of every function without its signature and docstring."""
    lengths = []
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
                lengths.append((body[-1].end_lineno or 0) - body[0].lineno + 1)
    return lengths


def duplicates(root: Path) -> int:
    """Runs of six lines of code that stand in more than one place."""
    places = {}
    for folder in ("src", "experiments"):
        for path in sorted((root / folder).rglob("*.py")):
            lines = [line.strip() for line in path.read_text().splitlines()]
            code = [line for line in lines if line and not line.startswith(("#", "import", "from"))]
            for start in range(len(code) - RUN_OF_LINES + 1):
                run = tuple(code[start : start + RUN_OF_LINES])
                if sum(len(line) > 8 for line in run) == RUN_OF_LINES:
                    places.setdefault(run, []).append((str(path), start))
    starts = sorted(place for found in places.values() if len(found) > 1 for place in found)
    chains = groupby(enumerate(starts), key=lambda pair: (pair[1][0], pair[1][1] - pair[0]))
    return sum(1 for _ in chains) // 2


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])
    trees = modules(root)
    found = {name: list(arrows(tree, set(trees))) for name, tree in trees.items()}
    graph = {name: {other for other, _ in pairs} for name, pairs in found.items()}
    lengths = sorted(bodies(trees))
    lines = sum(
        len(p.read_text().splitlines())
        for f in ("src", "experiments")
        for p in (root / f).rglob("*.py")
    )
    facts = {
        "modules": len(graph),
        "arrows between modules": sum(map(len, graph.values())),
        "rooms": len(rooms(graph)),
        "arrows between rooms": sum(map(len, rooms(graph).values())),
        "circles of modules": len(circles(graph)),
        "circles of rooms": len(circles(rooms(graph))),
        "imports inside functions": sum(inner for pairs in found.values() for _, inner in pairs),
        "lines": lines,
        "median body of a function": statistics.median(lengths),
        "90th percentile": lengths[len(lengths) * 9 // 10],
        "functions over 40 lines": sum(length > 40 for length in lengths),
        "duplicates of six lines": duplicates(root),
    }
    for name, value in facts.items():
        print(f"{name:28} {value}")
    for group in [*circles(graph), *circles(rooms(graph))]:
        print("circle:", ", ".join(sorted(group)))


if __name__ == "__main__":
    main()
