"""Who imports whom: the layers of the design as functions over the syntax tree of every module.

Run it to see the table of layers and the table of libraries. `tests/test_layers.py` enforces both.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

SOURCE = Path(__file__).parents[1] / "src" / "runlore"

LAYERS = {
    "errors": 0,
    "failures": 0,
    "model": 0,
    "config": 0,
    "names": 0,
    "recorder": 0,
    "versions": 0,
    "files": 0,
    "json_files": 0,
    "stored_text": 0,
    "nodes": 0,
    "notices": 0,
    "leaving": 0,
    "notebook": 0,
    "scratch": 0,
    "_version": 0,
    "plain": 0,
    "journal": 1,
    "store": 2,
    "query": 2,
    "capture": 2,
    "media": 2,
    "run": 3,
    "ship": 3,
    "index": 3,
    "catalog": 3,
    "opening": 3,
    "remote": 3,
    "wire": 3,
    "reader": 3,
    "housekeeping": 3,
    "registry": 3,
    "tracing": 3,
    "dialects": 4,
    "server": 4,
    "integrations": 4,
    "importers": 4,
    "testing": 4,
    "cli": 5,
    "demo": 5,
    "exec": 5,
    "__init__": 5,
    "__main__": 5,
}
"""The first component below `runlore` and its layer. A module may import its own layer and lower ones."""

SEPARATE = {"dialects", "server", "integrations", "importers"}
"""Packages that never import one another."""

FAMILIES = {"dialects", "integrations", "importers"}
"""Packages whose public members never import one another; a private module of the package may be shared."""

IMITATED = {"omegaml", "opsml", "polyaxon", "polyaxon_client", "polyaxon_sdk", "traceml", "luml", "luml_sdk"}
"""Libraries whose API a dialect speaks. Nothing here may need them."""

ANYWHERE = {"numpy", "pandas", "pyarrow"}
"""Required libraries that any module may use (inside functions, where the import budget says so)."""

HOMES = {
    "accelerate": ("integrations.accelerate",),
    "argon2": ("server.accounts._argon2",),
    "sqlalchemy": ("server.accounts._tables", "server.accounts.migrations"),
    "alembic": ("server.accounts._migrations", "server.accounts.migrations"),
    "rich": ("cli", "demo", "exec"),
    "re2": ("query.regex",),
    "psycopg": ("catalog.database._psycopg",),
    "click": ("cli",),
    "msgspec": ("server",),
    "starlette": ("server",),
    "uvicorn": ("server.serving", "server.impatient"),
    "pytest": ("testing",),
    "hypothesis": ("testing",),
    "skl2onnx": ("media._skl2onnx", "media._onnxmltools"),
    "sklearn": ("demo", "media._skops", "media._lightgbm"),
    "matplotlib": ("demo", "media._matplotlib", "reader._draw_matplotlib"),
    "plotly": ("media._plotly", "reader._draw_plotly"),
    "scipy": ("media._scipy", "dialects.omegaml.monitoring._scipy"),
}
"""Where a library may be imported, as a prefix below `runlore`. A library that is neither here nor in `ANYWHERE` lives
in one private module, whichever that is."""

INDOORS = {"journal.format", "catalog.database.sqlite_connection", "catalog.database.sqlite_dialect"}
"""Modules that know a layout byte by byte, or one kind of database: none but those of their own package import them."""

DIALECTS_ROOM = frozenset(
    {
        "capture", "config", "errors", "leaving", "media", "model", "names", "notices", "opening", "query", "reader",
        "registry", "run", "tracing", "versions", "_version", "index.records", "store.base", "reader.session",
    }
)  # fmt: skip
"""What dialects know of Runlore: the public API and the contracts; the packages `reader` and `run`, not their modules.
More than that is known to `dialects._native` alone."""

WHOLE_ROOMS = frozenset({"capture", "media", "query", "registry"})
"""Those of them whose modules are public too."""

Kind = Literal["module", "typing", "function"]


@dataclass(frozen=True)
class Import:
    """One import statement, or one `import_module("literal")`."""

    importer: str
    target: str
    kind: Kind
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target} ({self.kind} level)"


class Tree(NamedTuple):
    """Every module below one package directory, and what they import."""

    modules: frozenset[str]
    imports: tuple[Import, ...]


class _Visitor(ast.NodeVisitor):
    """Collects imports with the level at which they stand."""

    def __init__(self, module: str, is_package: bool) -> None:
        self.module = module
        self.package = module if is_package else module.rpartition(".")[0]
        self.kind: Kind = "module"
        self.found: list[tuple[str, Kind, int]] = []

    def _within(self, kind: Kind, nodes: list[ast.stmt]) -> None:
        before = self.kind
        self.kind = kind if before == "module" else before
        for node in nodes:
            self.visit(node)
        self.kind = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._within("function", node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        name = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", "")
        self._within("typing" if name == "TYPE_CHECKING" else self.kind, node.body)
        self._within(self.kind, node.orelse)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, self.kind, node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self.package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        self.found += [(f"{base}.{alias.name}", self.kind, node.lineno) for alias in node.names]

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in {"import_module", "__import__"} and node.args and isinstance(node.args[0], ast.Constant):
            self.found.append((str(node.args[0].value), self.kind, node.lineno))
        self.generic_visit(node)


def read_tree(source: Path) -> Tree:
    """Parse every module below `source`, the directory of a package."""
    files = {}
    for path in sorted(source.rglob("*.py")):
        parts = [source.name, *path.relative_to(source).with_suffix("").parts]
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    imports = []
    for module, path in files.items():
        visitor = _Visitor(module, path.name == "__init__.py")
        visitor.visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        imports += [
            Import(module, _resolve(target, files, source.name), kind, line) for target, kind, line in visitor.found
        ]
    return Tree(frozenset(files), tuple(imports))


def _resolve(target: str, modules: dict[str, Path], package: str) -> str:
    """The module that `from a.b import c` loads: `a.b.c` if there is one, else `a.b`; for others their top name."""
    top = target.partition(".")[0]
    if top != package:
        return top
    while target not in modules and "." in target:
        target = target.rpartition(".")[0]
    return target


def _room(module: str) -> str:
    """`runlore.store.layout` is in room `store`; `runlore` itself is `__init__`."""
    return module.split(".")[1] if "." in module else "__init__"


def _internal(tree: Tree) -> list[Import]:
    return [item for item in tree.imports if item.target in tree.modules]


def _external(tree: Tree) -> list[Import]:
    known = sys.stdlib_module_names | {"__future__", "_typeshed"}
    return [item for item in tree.imports if item.target not in tree.modules and item.target not in known]


def _is_private(module: str) -> bool:
    return any(part.startswith("_") for part in module.split(".")[1:])


def unplaced_modules(tree: Tree) -> list[str]:
    """Modules whose room is not in the table."""
    return sorted(module for module in tree.modules if _room(module) not in LAYERS)


def layer_violations(tree: Tree) -> list[str]:
    """Imports of a higher layer, at any level: a type from above is a dependency too."""
    return [
        f"{item}: layer {LAYERS[_room(item.importer)]} may not import layer {LAYERS[_room(item.target)]}"
        for item in _internal(tree)
        if LAYERS[_room(item.importer)] < LAYERS[_room(item.target)]
    ]


def neighbour_violations(tree: Tree) -> list[str]:
    """Dialects, server, integrations and importers know nothing of each other."""
    found = []
    for item in _internal(tree):
        room, other = _room(item.importer), _room(item.target)
        if room != other:
            if {room, other} <= SEPARATE:
                found.append(f"{item}: {room} and {other} never import one another")
        elif room in FAMILIES:
            members = item.importer.split(".")[2:3], item.target.split(".")[2:3]
            if all(members) and members[0] != members[1] and not members[1][0].startswith("_"):
                found.append(f"{item}: members of {room} never import one another")
    return found


def indoor_violations(tree: Tree) -> list[str]:
    """Imports of a module that is known in its own package alone."""
    return [
        f"{item}: only {package} knows that"
        for item in _internal(tree)
        for package in (item.target.rpartition(".")[0],)
        if item.target.partition(".")[2] in INDOORS and not f"{item.importer}.".startswith(f"{package}.")
    ]


def private_violations(tree: Tree) -> list[str]:
    """Imports by which a dialect reaches into a room of Runlore's that is not public; types do no harm."""
    return [
        f"{item}: dialects know it by dialects._native alone"
        for item in _internal(tree)
        if item.kind != "typing" and _room(item.importer) == "dialects" and item.importer != "runlore.dialects._native"
        and _room(item.target) != "dialects" and not _is_public(item.target.partition(".")[2])
    ]  # fmt: skip


def _is_public(module: str) -> bool:
    room, *inside = module.split(".")
    if any(part.startswith("_") for part in inside):
        return False
    return module in DIALECTS_ROOM or (room in WHOLE_ROOMS and room in DIALECTS_ROOM)


def documented_layers(text: str) -> dict[str, int]:
    """Room → layer, as a document's table of layers names them: rows of `| 2 | `store`, `media` | 0-1 |`."""
    rows = re.findall(r"^\| (\d) \| (.*?) \|", text, re.MULTILINE)
    return {room: int(layer) for layer, rooms in rows for room in re.findall(r"`(\w+)`", rooms)}


def import_cycles(tree: Tree) -> list[list[str]]:
    """Groups of modules that reach each other by imports, also by deferred ones; types alone do not count."""
    loads: dict[str, set[str]] = defaultdict(set)
    for item in _internal(tree):
        if item.kind != "typing" and item.importer != item.target:
            loads[item.importer].add(item.target)
    reached = {module: _reached(module, loads) for module in tree.modules}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in tree.modules
        if module in reached[module]
    }
    return [list(group) for group in sorted(groups)]


def _reached(module: str, loads: dict[str, set[str]]) -> set[str]:
    """What importing the module loads, step by step; the module itself only if a cycle leads back to it."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        new = loads.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def imitated_imports(tree: Tree) -> list[str]:
    """Imports of a library whose API is imitated here."""
    return [str(item) for item in _external(tree) if item.target in IMITATED]


def library_homes(tree: Tree) -> dict[str, list[str]]:
    """The modules that import each third-party library (a type alone does not count): the table."""
    homes = defaultdict(set)
    for item in _external(tree):
        if item.kind != "typing":
            homes[item.target].add(item.importer)
    return {library: sorted(modules) for library, modules in sorted(homes.items())}


def homeless_libraries(tree: Tree) -> list[str]:
    """Third-party libraries that are imported outside the one place they should live in."""
    found = []
    for library, modules in library_homes(tree).items():
        if library in ANYWHERE:
            continue
        if library in HOMES:
            homes = tuple(f"runlore.{home}" for home in HOMES[library])
            strangers = [m for m in modules if not any(m == h or m.startswith(f"{h}.") for h in homes)]
            found += [f"{module} imports {library}, which lives in {', '.join(homes)}" for module in strangers]
        elif len(modules) > 1 or not _is_private(modules[0]):
            found.append(f"{library} must be imported in one private module, not in {', '.join(modules)}")
    return found


def eager_libraries(tree: Tree) -> list[str]:
    """Public modules that load a library of `HOMES`' second kind (one private module) merely by being imported."""
    loads: dict[str, set[str]] = defaultdict(set)
    for item in tree.imports:
        if item.kind == "module":
            loads[item.importer].add(item.target)
    optional = {item.target for item in _external(tree)} - ANYWHERE - HOMES.keys()
    return [
        f"importing {module} loads {library}"
        for module in sorted(tree.modules)
        if not _is_private(module)
        for library in sorted(_reached(module, loads) & optional)
    ]


def main() -> None:
    """Print both tables."""
    tree = read_tree(SOURCE)
    for layer in sorted(set(LAYERS.values())):
        rooms = sorted({_room(module) for module in tree.modules if LAYERS.get(_room(module)) == layer})
        print(f"layer {layer}  {', '.join(rooms)}")
    print()
    for library, modules in library_homes(tree).items():
        print(f"{library:<16} {', '.join(modules)}")


if __name__ == "__main__":
    main()
