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

from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.catalog.database.sqlite_connection import SqliteConnection, connect
from runlore.catalog.database.tables import FACTS, METRICS, OPEN, PARAMS, RUNS, TAGS
from runlore.catalog.packing import pack
from runlore.catalog.rows import metric_rows, param_rows, tag_rows
from runlore.catalog.search import fetch_page
from runlore.query import parse
from runlore.store.series import SeriesColumns, SeriesRecord
from runlore.store.summary import RunSummary

SERIES = 20
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


def summary_of(source, number):
    summary = RunSummary()
    numbers = {}
    for key in range(SERIES):
        value = math.nan if source.random() < 0.01 else source.random()
        finite = int(not math.isnan(value))
        total = value if finite else 0.0
        numbers[f"metric_{key}"] = SeriesRecord(
            1, finite, total, value, None, value, None, value, None, 0, value, None, 0
        )
    summary.series = SeriesColumns.of(numbers)
    params = {"lr": source.choice([0.1, 0.01]), "model": source.choice(["resnet", "vit"]), "seed": number}
    summary.params = {key: (0, value) for key, value in params.items()}
    summary.tags = {key: (0, source.choice("abcd")) for key in ("team", "owner")}
    return summary


def fill(database, count):
    """A catalog as the indexer would fill it. Every fiftieth run is open."""
    source = random.Random(1)
    now = time.time_ns()
    rows = {table.name: [] for table in (RUNS, FACTS, PARAMS, TAGS, METRICS)}
    for number in range(count):
        started = now - (count - number) * 3600 * SECOND
        ended = started + source.randrange(20_000) * SECOND
        row = {
            **dict.fromkeys(RUNS.names),
            **dict.fromkeys(("lost", "deleted", "archived", "mtime_ns"), 0),
            "id": number,
            "uid": f"{started:016x}{number:016x}",
            "experiment": f"{source.choice(['vision', 'nlp'])}/e{number % 10}",
            "number": number,
            "name": f"run {number}",
            "status": source.choice(["succeeded", "succeeded", "failed", "running"]),
            "started_ns": started,
            "ended_ns": ended,
            "updated_ns": started,
            "active_ns": ended - started,
            "points": SERIES,
            "path": str(number),
            "state": OPEN if number % 50 == 0 else "sealed",
        }
        summary = summary_of(source, number)
        rows["runs"].append([row[name] for name in RUNS.names])
        rows["facts"].append((number, *pack(summary, {})))
        if row["state"] != OPEN:
            rows["params"] += [(number, *found) for found in param_rows(summary)]
            rows["tags"] += [(number, *found) for found in tag_rows(summary)]
            rows["metrics"] += [(number, *found) for found in metric_rows(summary.series)]
    with database.writing() as connection:
        for table in (RUNS, FACTS, PARAMS, TAGS, METRICS):
            connection.insert(table, rows[table.name])


def median_ms(action):
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3, max(times) * 1e3


class Noting(SqliteConnection):
    """A connection that notes what it is asked."""

    def __init__(self, raw, value_at):
        super().__init__(raw, only_reads=True)
        self.value_at = value_at
        self._functions.begin(value_at)
        self.statements = []

    def rows(self, statement, *values):
        if not isinstance(statement, str):
            self.statements.append(statement)
        return super().rows(statement, *values)


def plan(path, value_at, query, order_by):
    """How SQLite finds the page: the plan of the last statement that sorted runs for it."""
    noting = Noting(connect(path), value_at)
    fetch_page(noting, query, order_by)
    statement = next(found for found in reversed(noting.statements) if " AS sort_0" in found.text)
    noting.raw.set_authorizer(None)
    steps = [row[3] for row in noting.raw.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.values)]
    noting.raw.close()
    return steps


def sine(_uid, _key, step):
    return math.sin(step)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as directory:
        database = SqliteDatabase(os.path.join(directory, "catalog.sqlite"))
        fill(database, count)

        def page(query, order_by, cursor=None):
            with database.reading(30, sine) as connection:
                return fetch_page(connection, query, order_by, cursor=cursor)

        print(f"{count:,} runs x {SERIES} metrics; pages of 100; ms\n")
        print(f"{'query':<34}{'median':>8}{'worst':>8}{'ratio':>8}  plan")
        with database.reading() as connection:
            unit, worst = median_ms(lambda: connection.rows("SELECT uid FROM runs LIMIT 100"))
        print(f"{'bare SELECT':<34}{unit:>8.2f}{worst:>8.2f}{1:>8.0f}")
        for name, (query, order_by) in QUERIES.items():
            median, worst = median_ms(lambda q=query, o=order_by: page(q, o))
            print(f"{name:<34}{median:>8.2f}{worst:>8.2f}{median / unit:>8.0f}")
            for line in plan(database.address, sine, query, order_by):
                print(f"{'':<60}{line}")
        first = page("metrics.metric_3 < 0.5", "-metrics.metric_7")
        median, worst = median_ms(lambda: page("metrics.metric_3 < 0.5", "-metrics.metric_7", first.next_cursor))
        print(f"{'the second page, sorted by metric':<34}{median:>8.2f}{worst:>8.2f}{median / unit:>8.0f}")
        median, worst = median_ms(lambda: parse(QUERIES["all of it"][0]))
        print(f"{'parse alone':<34}{median:>8.2f}{worst:>8.2f}{median / unit:>8.0f}")
        database.close()


if __name__ == "__main__":
    main()
