"""MLflow's SQLite database. Read as it is, whatever version of MLflow made it, as long as it has the tables of runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import groupby
from math import nan
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, NotFound
from runlore.importers._folders import files_below
from runlore.importers._records import File, Points, Source
from runlore.importers._sqlite import columns_of, read_database
from runlore.importers.mlflow.entities import KIND, MlflowRun, RunInfo, infinite, ns_of, start_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from runlore.importers._records import Record

_NEEDED = {"experiments": {"experiment_id", "name"}, "runs": {"run_uuid", "experiment_id", "status", "start_time"},
           "metrics": {"key", "value", "timestamp", "run_uuid"}, "params": {"key", "value", "run_uuid"},
           "tags": {"key", "value", "run_uuid"}}  # fmt: skip
_BATCH = 10_000

_RUNS = """
    SELECT r.run_uuid, e.name, r.name, r.user_id, r.status, r.start_time, r.end_time, r.lifecycle_stage, r.experiment_id
    FROM runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id
    ORDER BY r.start_time, r.run_uuid
"""
_METRICS = """
    SELECT key, value, timestamp, {step}, {is_nan} FROM metrics WHERE run_uuid = ? ORDER BY key, rowid
"""


@dataclass
class DatabaseRun(MlflowRun):
    """A run of the database."""

    database: str = field(kw_only=True)
    files: str | None = field(kw_only=True)
    """The folder of its artifacts, where that is known."""

    def records(self) -> Iterator[Record]:
        """Params and tags, points, files, the end."""
        with read_database(self.database) as connection:
            yield from self.facts(_pairs(connection, "params", self.info.id))
            columns = columns_of(connection, "metrics")
            query = _METRICS.format(
                step="step" if "step" in columns else "0", is_nan="is_nan" if "is_nan" in columns else "0"
            )
            rows = connection.execute(query, (self.info.id,))
            while batch := rows.fetchmany(_BATCH):
                for key, points in groupby(batch, key=lambda row: str(row[0])):
                    yield self._points(key, list(points))
        for name, path in files_below(self.files) if self.files else ():
            yield File(name, path)
        yield from self.end()

    def _points(self, key: str, rows: list[tuple[Any, ...]]) -> Points:
        found = Points(key, [], [], [])
        for _, value, timestamp, step, is_nan in rows:
            try:
                point = float(step or 0), ns_of(int(timestamp or 0)), nan if is_nan else infinite(float(value))
            except (TypeError, ValueError, OverflowError):  # SQLite lets any column hold any type
                self.problems.append(f"left out: the point {(key, value, timestamp, step)!r:.200}, which is no number")
                continue
            for column, number in zip(found[1:], point, strict=True):
                column.append(number)  # type: ignore[attr-defined]
        return found


def _pairs(connection: sqlite3.Connection, table: str, run_id: str) -> dict[str, str]:
    rows = connection.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ? ORDER BY key", (run_id,))  # noqa: S608 - a table's name, of this module
    return {str(key): "" if value is None else str(value) for key, value in rows}


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


class DatabaseSource(Source):
    """The runs of a database.

    Args:
        path: of the database.
        artifacts: a directory with `<experiment id>/<run id>/artifacts`; None: the one beside the database, if any.

    Raises:
        NotFound: there is no such directory.
    """

    kind = KIND

    def __init__(self, path: str, artifacts: str | None = None) -> None:
        self.location = path
        self.problems: list[str] = []
        beside = [os.path.join(os.path.dirname(os.path.abspath(path)), name) for name in ("mlruns", "mlartifacts")]
        if artifacts is not None and not os.path.isdir(artifacts):
            raise NotFound(f"artifacts={artifacts!r} is no directory")
        self._artifacts = [artifacts] if artifacts is not None else [place for place in beside if os.path.isdir(place)]

    def runs(self) -> Iterator[DatabaseRun]:
        """All runs, also those in MLflow's trash, by their start.

        Raises:
            InvalidArgument: it is a database of something else.
            DamagedFile: it cannot be read.
        """
        with read_database(self.location) as connection:
            for table, needed in _NEEDED.items():
                missing = needed - columns_of(connection, table)
                if missing:
                    raise InvalidArgument(
                        f"{self.location!r} is no database of MLflow: its table {table!r} lacks "
                        + ", ".join(sorted(missing))
                    )
            for row in connection.execute(_RUNS).fetchall():
                yield self._run(connection, row)

    def _run(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> DatabaseRun:
        run_id, experiment, name, user, status, start_ms, end_ms, stage, experiment_id = row
        info = RunInfo(
            str(run_id), str(experiment or experiment_id), _text(name), _text(user), str(status), _whole(start_ms),
            _whole(end_ms), stage == "deleted",
        )  # fmt: skip
        tags = _pairs(connection, "tags", info.id)
        return DatabaseRun(**start_of(info, tags), database=self.location, files=self._folder(experiment_id, info.id))

    def _folder(self, experiment_id: Any, run_id: str) -> str | None:
        """Where its artifacts are below ours. Where the database says they are is not followed: it may be anywhere."""
        for part in (str(experiment_id), run_id):
            if not part.replace("-", "").isalnum():
                return None
        for root in self._artifacts:
            folder = os.path.join(root, str(experiment_id), run_id, "artifacts")
            if os.path.isdir(folder):
                return folder
        return None
