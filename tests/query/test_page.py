"""Pages: every run exactly once, while runs are being written."""

from __future__ import annotations

import itertools
import random
import threading

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlore.catalog import schema
from runlore.catalog.search import fetch_page, iterate_pages
from runlore.catalog.search.page import MAX_LIVE
from runlore.errors import InvalidArgument, WrongType
from runlore.query import Clock

S = 10**9


def collect(connection, query=None, order_by=None, limit=3, between=lambda: None, **options):
    """Uids in the order in which pages visit them; `between` is called after each page."""
    found, cursor = [], None
    while True:
        page = fetch_page(connection, query, order_by, limit, cursor, **options)
        found += [run.uid for run in page.runs]
        cursor = page.next_cursor
        if cursor is None:
            return found
        connection.rollback()
        between()


def set_metric(connection, uid, value):
    run_id = connection.execute(sa.select(schema.runs.c.id).where(schema.runs.c.uid == uid)).scalar_one()
    table = schema.metrics
    connection.execute(table.update().where(table.c.run_id == run_id).values(last=value))


def end(connection, uid):
    connection.execute(schema.runs.update().where(schema.runs.c.uid == uid).values(state="ended", status="succeeded"))


def run(index, *, live, value=None):
    return {
        "state": "open" if live else "ended",
        "status": "running" if live else "succeeded",
        "metrics": {"acc": [(0, float(index) if value is None else value)]},
    }


@pytest.fixture
def shared(tmp_path):
    """A catalog in a file, as readers and indexers share it."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/catalog.sqlite", connect_args={"timeout": 30})
    schema.metadata.create_all(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    yield engine
    engine.dispose()


STEP = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 11), st.sampled_from([None, -5.0, 0.5, 3.5, 7.5, 99.0])),
    st.tuples(st.just("end"), st.integers(0, 11), st.none()),
    st.tuples(st.just("start"), st.sampled_from([-9.0, 0.2, 4.5, 50.0]), st.none()),
    st.tuples(st.just("forget"), st.none(), st.none()),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    live=st.sets(st.integers(0, 11), max_size=8),
    limit=st.integers(1, 4),
    order_by=st.sampled_from(
        ["-metrics.acc", "metrics.acc", "metrics.acc desc, status", "max(metrics.acc), -metrics.acc"]
    ),
    script=st.lists(st.lists(STEP, max_size=3), max_size=8),
)
def test_each_run_once_whatever_running_runs_do_between_pages(make_catalog, live, limit, order_by, script):
    engine = make_catalog([run(i, live=i in live) for i in range(12)])
    uids = [make_catalog.uid(i) for i in range(12)]
    script, state = list(script), {"next": 12, "live": {uids[i] for i in live}}

    def between():
        for kind, who, value in script.pop() if script else ():
            with engine.begin() as connection:
                if kind == "start":
                    uid = make_catalog.insert(connection, run(0, live=True, value=who), state["next"])
                    state["live"].add(uid)
                    state["next"] += 1
                elif kind == "move" and uids[who] in state["live"]:
                    set_metric(connection, uids[who], value)
                elif kind == "end" and uids[who] in state["live"]:
                    state["live"].discard(uids[who])
                    end(connection, uids[who])

    with engine.connect() as connection:
        found = collect(connection, None, order_by, limit, between)
    assert sorted(uid for uid in found if uid in uids) == uids
    assert len(set(found)) == len(found)


def test_pages_while_a_writer_writes(shared, make_catalog):
    """A thread logs to, ends and starts runs as fast as it can; traversals in the mean time miss and repeat none."""
    source = random.Random(1)
    make_catalog([run(i, live=i % 3 == 0, value=source.random()) for i in range(90)], shared)
    uids = {make_catalog.uid(i) for i in range(90)}
    stop, written = threading.Event(), threading.Event()

    def write():
        live = [make_catalog.uid(i) for i in range(0, 90, 3)]
        for count in itertools.count():
            if stop.is_set():
                return
            with shared.begin() as connection:
                for uid in source.sample(live, 3):
                    set_metric(connection, uid, source.choice([None, source.random()]))
                if count % 5 == 0:
                    end(connection, live.pop(0))
                    live.append(make_catalog.insert(connection, run(0, live=True, value=source.random()), 90 + count))
            written.set()
            stop.wait(0.001)

    def until_written():
        written.clear()
        assert written.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with shared.connect() as connection:
            for order_by in ("-metrics.acc", "metrics.acc", "-duration", None, "-mean(metrics.acc), name") * 2:
                found = collect(connection, "metrics.acc is not null", order_by, 7, until_written)
                assert len(set(found)) == len(found)
                assert uids <= set(found), order_by
    finally:
        stop.set()
        writer.join()


def test_a_running_run_that_moves_back_is_visited_out_of_order(make_catalog):
    engine = make_catalog([run(i, live=i == 4) for i in range(6)])
    uid = make_catalog.uid

    def between():
        with engine.begin() as connection:
            set_metric(connection, uid(4), -1.0)

    with engine.connect() as connection:
        assert collect(connection, None, "metrics.acc", 2, between) == [uid(i) for i in (0, 1, 4, 2, 3, 5)]


def test_a_run_that_leaves_the_query_is_not_visited(make_catalog):
    engine = make_catalog([run(i, live=True) for i in range(6)])
    uid = make_catalog.uid

    def between():
        with engine.begin() as connection:
            end(connection, uid(5))

    with engine.connect() as connection:
        assert collect(connection, "status = running", "metrics.acc", 4, between) == [uid(i) for i in range(5)]


def test_pages_go_on_in_a_catalog_that_was_rebuilt(make_catalog):
    runs = [run(i, live=i % 2 == 0) for i in range(9)]
    engine = make_catalog(runs)

    def rebuild():
        with engine.begin() as connection:
            for table in (schema.metrics, schema.runs):
                connection.execute(table.delete())
            connection.execute(schema.runs.insert(), {"id": 500, **blank(make_catalog.uid(99))})
            for i in reversed(range(9)):
                make_catalog.insert(connection, runs[i], i)

    def blank(uid):
        return {
            "uid": uid,
            "experiment": "e",
            "status": "x",
            "started_ns": 0,
            "updated_ns": 0,
            "path": "x",
            "state": "ended",
        }

    with engine.connect() as connection:
        found = collect(connection, "metrics.acc is not null", "metrics.acc", 2, rebuild)
    assert found == [make_catalog.uid(i) for i in range(9)]


def test_ties_are_in_order_of_start_then_uid_in_the_direction_of_the_last_key(make_catalog):
    engine = make_catalog([{"started_ns": started * S} for started in (2, 1, 1, 3, 1)])
    uid = make_catalog.uid
    ascending = [uid(i) for i in (1, 2, 4, 0, 3)]
    with engine.connect() as connection:
        assert collect(connection, None, "status", 2) == ascending
        assert collect(connection, None, "-status", 2) == ascending[::-1]
        assert collect(connection, None, None, 2) == ascending[::-1]
        assert collect(connection, None, "started, -started", 2) == [uid(i) for i in (4, 2, 1, 0, 3)]


def test_missing_values_come_last_and_nan_before_them(make_catalog):
    values = [None, float("nan"), 2.0, float("-inf"), float("inf")]
    engine = make_catalog([{} if v is None else {"metrics": {"a": [(0, v)]}} for v in values])
    uid = make_catalog.uid
    with engine.connect() as connection:
        assert collect(connection, None, "metrics.a", 1) == [uid(i) for i in (3, 2, 4, 1, 0)]
        assert collect(connection, None, "-metrics.a", 1) == [uid(i) for i in (4, 2, 3, 1, 0)]


def test_now_is_the_same_on_all_pages(make_catalog):
    engine = make_catalog([{"started_ns": i * S} for i in range(10)])
    with engine.connect() as connection:
        first = fetch_page(connection, "started > -5s", "started", 2, clock=Clock(10 * S))
        assert [run.uid for run in first.runs] == [make_catalog.uid(6), make_catalog.uid(7)]
        second = fetch_page(connection, "started > -5s", "started", 2, first.next_cursor, clock=Clock(10**6 * S))
        assert [run.uid for run in second.runs] == [make_catalog.uid(8), make_catalog.uid(9)]
        assert second.next_cursor is None


def test_iterate_pages(make_catalog):
    engine = make_catalog([{} for _ in range(7)])
    with engine.connect() as connection:
        pages = list(iterate_pages(connection, None, "number", limit=3))
        assert [len(page.runs) for page in pages] == [3, 3, 1]
        assert [run.id for page in pages for run in page.runs] == list(range(1, 8))
        assert [len(page.runs) for page in iterate_pages(connection, "number < 0")] == [0]


def test_cursors_of_fixed_orders_stay_small(make_catalog):
    engine = make_catalog([run(i, live=True) for i in range(50)])
    with engine.connect() as connection:
        assert len(fetch_page(connection, None, "-started", 10).next_cursor) < 150
        assert len(fetch_page(connection, None, "experiment, host", 10).next_cursor) < 150
        assert 22 * 50 < len(fetch_page(connection, None, "-metrics.acc", 10).next_cursor) < 60 * 50


def test_more_running_runs_than_a_cursor_remembers(make_catalog):
    count = MAX_LIVE + 50
    engine = make_catalog([run(i, live=True) for i in range(count)])
    with engine.connect() as connection:
        assert collect(connection, None, "metrics.acc", 500) == [make_catalog.uid(i) for i in range(count)]


@pytest.mark.parametrize("limit", [0, -1, 10**7])
def test_a_limit_out_of_range_is_refused(make_catalog, limit):
    with make_catalog([]).connect() as connection, pytest.raises(InvalidArgument, match="limit="):
        fetch_page(connection, limit=limit)


@pytest.mark.parametrize("limit", ["3", 1.5, True])
def test_a_limit_of_another_type_is_refused(make_catalog, limit):
    with make_catalog([]).connect() as connection, pytest.raises(WrongType, match="limit="):
        fetch_page(connection, limit=limit)


def test_too_many_keys_of_an_order_are_refused(make_catalog):
    with make_catalog([]).connect() as connection, pytest.raises(InvalidArgument, match="at most 8"):
        fetch_page(connection, order_by=[f"metrics.m{i}" for i in range(9)])
