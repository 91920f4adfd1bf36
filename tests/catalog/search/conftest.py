"""A catalog filled from plain Python values, so that queries can be compared with what Python says."""

from __future__ import annotations

import json
import math
import sqlite3
import tempfile
from types import SimpleNamespace

import pytest

from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.catalog.database.tables import ARTIFACTS, FACTS, METRICS, OPEN, PARAMS, RUNS, TAGS
from runlore.catalog.packing import pack
from runlore.catalog.rows import metric_rows, param_rows, tag_rows
from runlore.catalog.search import fetch_page
from runlore.store.series import MetricSummary, SeriesColumns
from runlore.store.summary import RunSummary
from runlore.stored_text import to_stored

SECOND = 1_000_000_000


def run_uid(number):
    return f"{0x01900000_00007000_80000000_00000000 + number:032x}"


def _series(points):
    """A series in numbers, of points (step, value) in order."""
    values = [value for _, value in points]
    numbers = [value for value in values if not math.isnan(value)]
    return MetricSummary(
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


class Filled:
    """A database, and the runs in it as they were given."""

    uid = staticmethod(run_uid)

    def __init__(self, database):
        self.database = database
        self.runs = {}

    def __call__(self, runs):
        """Fill it anew; run i has the uid `uid(i)`."""
        with self.database.writing() as connection:
            for table in (METRICS, PARAMS, TAGS, ARTIFACTS, FACTS, RUNS):
                connection.run(f"DELETE FROM {table.name}")
            self.runs = {}
            for index, run in enumerate(runs):
                self.insert(connection, run, index)
        return self

    def insert(self, connection, run, index, run_id=None):
        """Add a run, as the catalog would."""
        uid = run_uid(index)
        run_id = len(self.runs) + 1 if run_id is None else run_id
        row = {
            **dict.fromkeys(RUNS.names),
            **dict.fromkeys(("points", "lost", "archived", "deleted", "mtime_ns"), 0),
            "experiment": "e",
            "number": index,
            "status": "succeeded",
            "started_ns": index * SECOND,
            "updated_ns": index * SECOND,
            "path": str(index),
            "state": "ended",
            **{name: value for name, value in run.items() if name in RUNS.names},
            "id": run_id,
            "uid": uid,
        }
        end = row["updated_ns"] if row["ended_ns"] is None else row["ended_ns"]
        row["active_ns"] = end - row["started_ns"]
        summary = _summary(run)
        values = (to_stored(value) if isinstance(value, str) else value for value in map(row.__getitem__, RUNS.names))
        connection.insert(RUNS, [tuple(values)])
        connection.insert(FACTS, [(run_id, *pack(summary, {}))])
        if row["state"] != OPEN:
            connection.insert(PARAMS, [(run_id, *row) for row in param_rows(summary)])
            connection.insert(TAGS, [(run_id, *row) for row in tag_rows(summary)])
            connection.insert(METRICS, [(run_id, *row) for row in metric_rows(summary.series)])
        self.runs[uid] = (index, run_id, run)
        return uid

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
def new_database():
    """`new_database()`: an empty catalog, of the kind that the tests are run with."""
    with tempfile.TemporaryDirectory() as folder:
        made = []

        def make():
            made.append(SqliteDatabase(f"{folder}/{len(made)}.sqlite"))
            return made[-1]

        yield make
        for database in made:
            database.close()


@pytest.fixture(scope="session")
def make_catalog(new_database):
    """`make_catalog(list of run mappings)`: a catalog with these runs; see `Filled`."""
    return Filled(new_database())


@pytest.fixture
def query_plan(make_catalog):
    """`query_plan(statement)`: how SQLite finds the rows, step by step."""
    raw = sqlite3.connect(make_catalog.database.address)
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
