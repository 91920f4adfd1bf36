"""A catalog filled from plain Python values, so that queries can be compared with what Python says."""

from __future__ import annotations

import functools
import json
import math

import pytest
import sqlalchemy as sa

from runlore.catalog import schema

SECOND = 1_000_000_000


def _number(value):
    """As the indexer stores it: NaN is NULL."""
    return None if value is None or math.isnan(value) else value


def _metric_row(run_id, key, points):
    values = [value for _, value in points]
    numbers = [value for value in values if not math.isnan(value)]
    total = sum(numbers) if numbers else 0.0
    return {
        "run_id": run_id,
        "key": key,
        "count": len(values),
        "last": _number(values[-1]),
        "last_step": points[-1][0],
        "last_time_ns": 0,
        "first": _number(values[0]),
        "first_time_ns": 0,
        "min": min(numbers, default=None),
        "max": max(numbers, default=None),
        "sum": _number(total),
        "finite": len(numbers),
    }


def _param_row(run_id, key, value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    number = None
    if isinstance(value, (bool, int, float)):
        try:
            number = _number(float(value))
        except OverflowError:
            number = math.inf if value > 0 else -math.inf
    return {
        "run_id": run_id,
        "key": key,
        "num": number,
        "text": text,
        "json": json.dumps(value, ensure_ascii=False),
    }


def _complete(table, row):
    """The row with 0 or '' in columns that must have something and say nothing here."""
    blanks = {
        column.name: "" if isinstance(column.type, sa.Text) else 0
        for column in table.columns
        if not column.nullable and not column.primary_key
    }
    return {**blanks, **row}


def run_uid(number):
    return f"{0x01900000_00007000_80000000_00000000 + number:032x}"


def insert_run(connection, run, index):
    columns = {column.name for column in schema.runs.columns}
    row = {
        "uid": run_uid(index),
        "experiment": "e",
        "number": index,
        "status": "succeeded",
        "started_ns": index * SECOND,
        "updated_ns": index * SECOND,
        "path": str(index),
        "state": "ended",
        **{name: value for name, value in run.items() if name in columns},
    }
    run_id = connection.execute(schema.runs.insert(), _complete(schema.runs, row)).inserted_primary_key[0]
    metrics = [_metric_row(run_id, key, points) for key, points in run.get("metrics", {}).items()]
    params = [_param_row(run_id, key, value) for key, value in run.get("params", {}).items()]
    tags = [{"run_id": run_id, "key": key, "value": value} for key, value in run.get("tags", {}).items()]
    for table, rows in ((schema.metrics, metrics), (schema.params, params), (schema.tags, tags)):
        if rows:
            connection.execute(table.insert(), [_complete(table, row) for row in rows])
    return row["uid"]


@functools.lru_cache(maxsize=1)
def memory():
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    schema.metadata.create_all(engine)
    return engine


@pytest.fixture(scope="session", autouse=True)
def _dispose():
    yield
    memory().dispose()


def fill(runs, engine=None):
    engine = engine or memory()
    with engine.begin() as connection:
        for table in (schema.metrics, schema.params, schema.tags, schema.runs):
            connection.execute(table.delete())
        for index, run in enumerate(runs):
            insert_run(connection, run, index)
    return engine


@pytest.fixture(scope="session")
def make_catalog():
    """`make_catalog(list of run mappings)`: an engine; run i has the uid `make_catalog.uid(i)`."""
    fill.uid = run_uid
    fill.insert = insert_run
    return fill


@pytest.fixture(scope="session")
def find(make_catalog):
    """`find(runs, query, **options)`: indices of the runs that the query finds, in order."""
    from runlore.catalog.search import SqliteFunctions, fetch_page

    def finder(runs, query, order_by="number", **options):
        def value_at(uid, key, step):
            found = [v for s, v in runs[index[uid]]["metrics"][key] if s == step]
            return found[-1] if found else None

        index = {run_uid(number): number for number in range(len(runs))}
        engine = make_catalog(runs)
        with engine.connect() as connection:
            page = fetch_page(
                connection, query, order_by, None, functions=SqliteFunctions(value_at=value_at), **options
            )
        return [index[run.uid] for run in page.runs]

    return finder
