"""Time queries over a catalog of 10,000 runs with 20 metrics, 5 params and 2 tags each.

    python bench/query.py [runs]

Prints the median of each query in ms (parse, compile, execute, cursor: everything but the DataFrame), its ratio to a
bare `SELECT uid … LIMIT 100` in the same process, and SQLite's plan of the statement that found the page.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import sys
import tempfile
import time

import sqlalchemy as sa

from runlore.catalog import schema
from runlore.catalog.search import SqliteFunctions, fetch_page
from runlore.query import parse

METRICS = 20
REPEATS = 15
SECOND = 10**9

QUERIES = {
    "newest 100": (None, None),
    "one metric": ("metrics.metric_3 < 0.1", None),
    "one metric, sorted by another": ("metrics.metric_3 < 0.5", "-metrics.metric_7"),
    "two metrics and a param, sorted": (
        "metrics.metric_3 < 0.5 and params.lr = 0.1 and metrics.metric_5 > 0.2",
        "-metrics.metric_7",
    ),
    "all of it": (
        (
            "(min(metrics.metric_3) < 0.2 or tags.team in ('a', 'b')) and not params.model like 'res%' "
            "and started > '-300d' and experiment matches '^vision/' and status != 'failed'"
        ),
        "max(metrics.metric_7) desc, params.lr, -started",
    ),
    "negated": ("not (metrics.metric_3 < 0.5 or metrics.metric_4 is null)", "metrics.metric_4"),
    "matches on a tag": ("tags.team matches '^[ab]$'", "-mean(metrics.metric_1)"),
    "value at a step": ("at(metrics.metric_3, 10) < 0.1 and status = 'running'", None),
    "by duration": ("duration > 2h30m", "-duration"),
}


def fill(engine, count):
    """A catalog as the indexer would fill it."""
    source = random.Random(1)
    now = time.time_ns()
    schema.metadata.create_all(engine)
    runs, metrics, params, tags = [], [], [], []
    for i in range(count):
        started = now - (count - i) * 3600 * SECOND
        row = dict.fromkeys((column.name for column in schema.runs.columns), None)
        runs.append(
            row
            | {
                "id": i,
                "uid": f"{started:016x}{i:016x}",
                "experiment": f"{source.choice(['vision', 'nlp'])}/e{i % 10}",
                "number": i,
                "name": f"run {i}",
                "status": source.choice(["succeeded", "succeeded", "failed", "running"]),
                "started_ns": started,
                "ended_ns": started + source.randrange(20_000) * SECOND,
                "updated_ns": started,
                "points": 20,
                "lost": 0,
                "deleted": 0,
                "archived": 0,
                "path": str(i),
                "state": "open" if i % 50 == 0 else "sealed",
                "mtime_ns": 0,
            }
        )
        for key in range(METRICS):
            value = None if source.random() < 0.01 else source.random()
            empty = dict.fromkeys((column.name for column in schema.metrics.columns), 0)
            metrics.append(
                empty
                | dict.fromkeys(("last", "first", "min", "max", "sum"), value)
                | {"run_id": i, "key": f"metric_{key}", "count": 1, "finite": int(value is not None)}
            )
        for key, value in {
            "lr": source.choice([0.1, 0.01]),
            "model": source.choice(["resnet", "vit"]),
            "seed": i,
        }.items():
            is_text = isinstance(value, str)
            params.append(
                {
                    "run_id": i,
                    "key": key,
                    "num": None if is_text else value,
                    "text": str(value),
                    "json": f'"{value}"' if is_text else str(value),
                    "time_ns": 0,
                }
            )
        tags += [{"run_id": i, "key": key, "value": source.choice("abcd"), "time_ns": 0} for key in ("team", "owner")]
    with engine.begin() as connection:
        for table, rows in (
            (schema.runs, runs),
            (schema.metrics, metrics),
            (schema.params, params),
            (schema.tags, tags),
        ):
            connection.execute(table.insert(), rows)


def median_ms(action):
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3, max(times) * 1e3


def plan(connection, functions, query, order_by):
    """How SQLite finds the page: the plan of the last statement that selected runs for it."""
    statements = []

    def note(_connection, _cursor, statement, values, _context, _many):
        if statement.startswith("SELECT runs.id, runs.uid"):
            statements.append((statement, values))

    sa.event.listen(connection, "before_cursor_execute", note)
    fetch_page(connection, query, order_by, functions=functions)
    sa.event.remove(connection, "before_cursor_execute", note)
    statement, values = statements[-1]
    raw = connection.connection.driver_connection
    return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as directory:
        engine = sa.create_engine(f"sqlite:///{os.path.join(directory, 'catalog.sqlite')}")
        fill(engine, count)
        functions = SqliteFunctions(value_at=lambda _uid, _key, step: math.sin(step))
        print(f"{count:,} runs x {METRICS} metrics; pages of 100; ms\n")
        print(f"{'query':<34}{'median':>8}{'worst':>8}{'ratio':>8}  plan")
        with engine.connect() as connection:
            bare = sa.text("SELECT uid FROM runs LIMIT 100")
            unit, worst = median_ms(lambda: connection.execute(bare).all())
            print(f"{'bare SELECT':<34}{unit:>8.2f}{worst:>8.2f}{1:>8.0f}")
            for name, (query, order_by) in QUERIES.items():
                median, worst = median_ms(lambda q=query, o=order_by: fetch_page(connection, q, o, functions=functions))
                print(f"{name:<34}{median:>8.2f}{worst:>8.2f}{median / unit:>8.0f}")
                for line in plan(connection, functions, query, order_by):
                    print(f"{'':<60}{line}")
            page = fetch_page(connection, "metrics.metric_3 < 0.5", "-metrics.metric_7", functions=functions)
            median, worst = median_ms(
                lambda: fetch_page(
                    connection,
                    "metrics.metric_3 < 0.5",
                    "-metrics.metric_7",
                    cursor=page.next_cursor,
                    functions=functions,
                )
            )
            print(f"{'the second page, sorted by metric':<34}{median:>8.2f}{worst:>8.2f}{median / unit:>8.0f}")
        median, worst = median_ms(lambda: parse(QUERIES["all of it"][0]))
        print(f"{'parse alone':<34}{median:>8.2f}{worst:>8.2f}{median / unit:>8.0f}")
        engine.dispose()


if __name__ == "__main__":
    main()
