"""A catalog filled from plain Python values, so that queries can be compared with what Python says."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import tempfile
from types import SimpleNamespace

import pytest

from runlore.catalog.database._psycopg import PostgresDatabase
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.catalog.database.tables import ARTIFACTS, FACTS, METRICS, OPEN, PARAMS, RUNS, TAGS
from runlore.catalog.packing import pack
from runlore.catalog.rows import metric_rows, param_rows, tag_rows
from runlore.catalog.search import fetch_page
from runlore.store.series import SeriesColumns, SeriesRecord
from runlore.store.summary import RunSummary
from runlore.stored_text import to_stored

SECOND = 1_000_000_000


def run_uid(number):
    return f"{0x01900000_00007000_80000000_00000000 + number:032x}"


def _series(points):
    """A series in numbers, of points (step, value) in order."""
    values = [value for _, value in points]
    numbers = [value for value in values if not math.isnan(value)]
    return SeriesRecord(
        points=len(values),
        finite=len(numbers),
        sum=sum(numbers) if numbers else 0.0,
        min=min(numbers, default=math.nan),
        min_step=None,
        max=max(numbers, default=math.nan),
        max_step=None,
        first=values[0],
        first_step=points[0][0],
        first_time_ns=0,
        last=values[-1],
        last_step=points[-1][0],
        last_time_ns=0,
    )


def _summary(run):
    summary = RunSummary()
    summary.params = {key: (0, value) for key, value in run.get("params", {}).items()}
    summary.tags = {key: (0, value) for key, value in run.get("tags", {}).items()}
    summary.series = SeriesColumns.of({key: _series(points) for key, points in run.get("metrics", {}).items()})
    return summary


def _run_row(run, index, run_id):
    started = run.get("started_ns", index * SECOND)
    ended = run.get("ended_ns")
    updated = run.get("updated_ns", index * SECOND)
    return {
        **dict.fromkeys(RUNS.names),
        **dict.fromkeys(("points", "lost", "archived", "deleted", "mtime_ns"), 0),
        "experiment": "e",
        "number": index,
        "status": "succeeded",
        "started_ns": started,
        "updated_ns": updated,
        "active_ns": (updated if ended is None else ended) - started,
        "path": str(index),
        "state": "ended",
        **{name: value for name, value in run.items() if name in RUNS.names},
        "id": run_id,
        "uid": run_uid(index),
    }


class Filled:
    """A database, and the runs in it as they were given."""

    uid = staticmethod(run_uid)

    def __init__(self, database):
        self.database = database
        self.runs = {}

    def __call__(self, runs):
        """Fill it anew; run i has the uid `uid(i)`."""
        self.runs = {}
        with self.database.writing() as connection:
            for table in (METRICS, PARAMS, TAGS, ARTIFACTS, FACTS, RUNS):
                connection.run(f"DELETE FROM {table.name}")
            self._insert(connection, [(run, index, index + 1) for index, run in enumerate(runs)])
        return self

    def insert(self, connection, run, index, run_id=None):
        """Add a run, as the catalog would."""
        self._insert(connection, [(run, index, len(self.runs) + 1 if run_id is None else run_id)])
        return run_uid(index)

    def _insert(self, connection, runs):
        new = {table.name: [] for table in (RUNS, FACTS, PARAMS, TAGS, METRICS)}
        for run, index, run_id in runs:
            row, summary = _run_row(run, index, run_id), _summary(run)
            values = (row[name] for name in RUNS.names)
            new["runs"].append(tuple(to_stored(value) if isinstance(value, str) else value for value in values))
            new["facts"].append((run_id, *pack(summary, {})))
            if row["state"] != OPEN:
                new["params"] += [(run_id, *found) for found in param_rows(summary)]
                new["tags"] += [(run_id, *found) for found in tag_rows(summary)]
                new["metrics"] += [(run_id, *found) for found in metric_rows(summary.series)]
            self.runs[row["uid"]] = (index, run_id, run)
        for table in (RUNS, FACTS, PARAMS, TAGS, METRICS):
            if new[table.name]:
                connection.insert(table, new[table.name])

    def change(self, connection, uid, **changes):
        """Something of a run changed."""
        index, run_id, run = self.runs[uid]
        for table in (METRICS, PARAMS, TAGS, FACTS):
            connection.run(f"DELETE FROM {table.name} WHERE run_id = ?", run_id)
        connection.run("DELETE FROM runs WHERE id = ?", run_id)
        self.insert(connection, {**run, **changes}, index, run_id)

    def page(self, query=None, order_by=None, limit=100, cursor=None, *, value_at=None, time_limit_s=30, **options):
        """One page: `uids` and `next_cursor`."""
        with self.database.reading(time_limit_s, value_at) as connection:
            found = fetch_page(connection, query, order_by, limit, cursor, **options)
            uids = dict(connection.rows("SELECT id, uid FROM runs WHERE id IN ??", list(found.ids)))
        return SimpleNamespace(uids=[uids[run_id] for run_id in found.ids], next_cursor=found.next_cursor)


@pytest.fixture(scope="session")
def sqlite_catalog():
    """`sqlite_catalog(list of run mappings)`: a catalog in SQLite with these runs; see `Filled`."""
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteDatabase(f"{folder}/catalog.sqlite")
        yield Filled(database)
        database.close()


@pytest.fixture(scope="session")
def postgresql_catalog(postgres_address):
    """The same in PostgreSQL."""
    database = PostgresDatabase(postgres_address, f"search_{os.getpid()}")
    yield Filled(database)
    database.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def make_catalog(request):
    """The same in each of them."""
    return request.getfixturevalue(f"{request.param}_catalog")


@pytest.fixture
def query_plan(sqlite_catalog):
    """`query_plan(statement)`: how SQLite finds the rows, step by step."""
    raw = sqlite3.connect(sqlite_catalog.database.address)
    yield lambda statement: [
        row[3]
        for row in raw.execute(
            f"EXPLAIN QUERY PLAN {statement.text.replace('??', '(SELECT value FROM json_each(?))')}",
            [json.dumps(value) if isinstance(value, list) else value for value in statement.values],
        )
    ]
    raw.close()


@pytest.fixture(scope="session")
def find(make_catalog):
    """`find(runs, query, **options)`: indices of the runs that the query finds, in order."""

    def finder(runs, query, order_by="number", **options):
        def value_at(uid, key, step):
            found = [v for s, v in runs[index[uid]]["metrics"][key] if s == step]
            return found[-1] if found else None

        index = {run_uid(number): number for number in range(len(runs))}
        page = make_catalog(runs).page(query, order_by, None, value_at=value_at, **options)
        return [index[uid] for uid in page.uids]

    return finder
