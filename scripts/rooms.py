"""What only some rooms of the package know: SQL, and where a store in a directory keeps its files.

    python scripts/rooms.py

prints what is known elsewhere, and nothing where all is well.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src" / "runlore"

SQL_ROOMS = (
    "catalog/", "importers/", "dialects/luml/_snapshot.py", "server/accounts/_tables.py", "server/backup.py",
)  # fmt: skip
"""The catalog; who reads or writes databases of other trackers; a server's accounts and their copy, which are no part
of a store."""

PATH_ROOMS = ("store/", "catalog/", "housekeeping/", "ship/", "server/receiving/")
"""A store in a directory and its index; and what looks after one, fills a spool or receives journals, in files."""

_STATEMENT = re.compile(
    r"\s*(SELECT\s.*\sFROM\s|INSERT\s+(OR|INTO)\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|"
    r"CREATE\s+(TABLE|INDEX|UNIQUE|VIEW)\b|PRAGMA\s)",
    re.DOTALL,
)
_PATHS = frozenset({"runs_root", "cards_root", "blobs_root", "blob_path", "run_directory"})


def sql_elsewhere(source: Path) -> list[str]:
    """`file:line` of each text outside `SQL_ROOMS` that is a statement of SQL."""
    return [
        f"{name}:{node.lineno}"
        for name, node in _nodes(source, SQL_ROOMS)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value)
    ]


def paths_elsewhere(source: Path) -> list[str]:
    """`file:line` of each place outside `PATH_ROOMS` that asks a store in a directory for a path of its layout."""
    return [
        f"{name}:{node.lineno}"
        for name, node in _nodes(source, PATH_ROOMS)
        if isinstance(node, ast.Attribute) and node.attr in _PATHS
    ]


def _nodes(source: Path, rooms: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source).as_posix()
        if not name.startswith(rooms):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield name, node


if __name__ == "__main__":
    print("\n".join([*sql_elsewhere(SOURCE), *paths_elsewhere(SOURCE)]))
