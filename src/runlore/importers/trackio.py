"""Trackio: its SQLite databases, one for each project."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import groupby
from math import nan
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers._json_values import iso_ns, leaves, number_of
from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, Points, Source, SourceRun
from runlore.importers._sqlite import columns_of, read_database
from runlore.json_files import parse_json
from runlore.model import PARAM, SUCCEEDED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from runlore.importers._records import Record

KIND = "trackio"
SUFFIX = ".db"

_BATCH = 10_000
_NEEDED = {"timestamp", "run_name", "step", "metrics"}
_OWN = "_"
"""Keys of a config that begin so are Trackio's own."""


@dataclass
class ProjectRun(SourceRun):
    """A run of a database."""

    database: str = field(kw_only=True)
    column: str = field(kw_only=True)
    """What tells runs apart: `run_id`, in older databases `run_name`."""
    key: str = field(kw_only=True)

    def records(self) -> Iterator[Record]:
        """Params, series, and the end: a database does not tell how a run ended."""
        left_out: dict[str, int] = {}
        last_ns = self.started_ns
        with read_database(self.database) as connection:
            for (text,) in self._rows(connection, "configs", "config"):
                for key, value in leaves(self._object(text)):
                    if not key.startswith(_OWN):
                        yield Fact(PARAM, key, value)
            for table, prefix in (("metrics", ""), ("system_metrics", "system/")):
                step = "step" if table == "metrics" else "NULL"
                rows = self._rows(connection, table, f"timestamp, {step}, metrics")
                while batch := rows.fetchmany(_BATCH):
                    for points in self._points(batch, prefix, left_out):
                        last_ns = max(last_ns, *points.times_ns)
                        yield points
        for key, count in sorted(left_out.items()):
            self.problems.append(f"left out: {count:,} values of {key!r} that are no numbers")
        yield End(SUCCEEDED, last_ns)

    def _rows(self, connection: sqlite3.Connection, table: str, columns: str) -> sqlite3.Cursor:
        wanted = self.column in columns_of(connection, table)
        condition = f"{self.column} = ? ORDER BY id" if wanted else "0 = ?"
        source = table if wanted else "metrics"
        return connection.execute(f"SELECT {columns if wanted else '0'} FROM {source} WHERE {condition}", (self.key,))  # noqa: S608 - names of this module

    def _points(self, rows: list[tuple[Any, ...]], prefix: str, left_out: dict[str, int]) -> Iterator[Points]:
        found = []
        for timestamp, step, text in rows:
            at = number_of(step)
            for key, value in leaves(self._object(text)):
                number = number_of(value)
                if number is None:
                    left_out[key] = left_out.get(key, 0) + 1
                else:
                    found.append((f"{prefix}{key}", nan if at is None else at, iso_ns(timestamp), number))
        found.sort(key=lambda item: item[0])  # stable: each series stays in its order
        for key, items in groupby(found, key=lambda item: item[0]):
            _, steps, times_ns, values = zip(*items, strict=True)
            yield Points(key, steps, times_ns, values)

    def _object(self, text: Any) -> Any:
        try:
            return parse_json(text.decode("utf-8") if isinstance(text, bytes) else str(text))  # as its version likes it
        except ValueError as error:
            self.problems.append(f"left out: a row of {self.database!r}: {error}")
            return {}


class Projects(Source):
    """The runs of a database, or of all in a folder.

    Raises:
        NotFound: nothing is there.
    """

    kind = KIND

    def __init__(self, path: str) -> None:
        if not os.path.exists(path):
            raise NotFound(f"{path!r}: nothing is there; name a folder of Trackio, or a database in it")
        self.location = path
        self.problems: list[str] = []

    def runs(self) -> list[ProjectRun]:
        """All runs, by the time of their first values.

        Raises:
            InvalidArgument: there is no database of Trackio.
        """
        inside = sorted(os.path.join(self.location, name) for name in self._names() if name.endswith(SUFFIX))
        found, known = [], 0
        for path in inside or [self.location] * os.path.isfile(self.location):
            try:
                runs = _runs(path)
            except DamagedFile as error:
                self.problems.append(f"left out: {error}")
                continue
            known += runs is not None
            found += runs or []
        if not known and not self.problems:
            raise InvalidArgument(f"{self.location!r} is no database of Trackio, and has none in it")
        return sorted(found, key=lambda run: (run.started_ns, run.id))

    def _names(self) -> list[str]:
        return os.listdir(self.location) if os.path.isdir(self.location) else []


def _runs(path: str) -> list[ProjectRun] | None:
    """The runs of a database; None where it is another's."""
    project = os.path.basename(path).removesuffix(SUFFIX)
    with read_database(path) as connection:
        columns = columns_of(connection, "metrics")
        if not columns >= _NEEDED:
            return None
        column = "run_id" if "run_id" in columns else "run_name"
        rows = connection.execute(
            f"SELECT {column}, run_name, MIN(timestamp) FROM metrics GROUP BY {column} ORDER BY MIN(id)"  # noqa: S608 - one of two names
        ).fetchall()
    return [
        ProjectRun(
            str(name), uid_of(KIND, f"{project}|{key}", iso_ns(first)), project, iso_ns(first), {"name": str(name)},
            database=path, column=column, key=str(key),
        )
        for key, name, first in rows
    ]  # fmt: skip
