"""Pages: every run exactly once, while runs are being written."""

from __future__ import annotations

import itertools
import random
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.catalog.search.page import MAX_LIVE
from runlore.errors import InvalidArgument, WrongType
from runlore.query import Clock

S = 10**9


def collect(catalog, query=None, order_by=None, limit=3, between=lambda: None, **options):
    """Uids in the order in which pages visit them; `between` is called after each page."""
    found, cursor = [], None
    while True:
        page = catalog.page(query, order_by, limit, cursor, **options)
        found += page.uids
        cursor = page.next_cursor
        if cursor is None:
            return found
        between()


def set_metric(catalog, connection, uid, value):
    catalog.change(connection, uid, metrics={"acc": [(0, float("nan") if value is None else value)]})


def end(catalog, connection, uid):
    catalog.change(connection, uid, state="ended", status="succeeded")


def run(index, *, live, value=None):
    return {
        "state": "open" if live else "ended",
        "status": "running" if live else "succeeded",
        "metrics": {"acc": [(0, float(index) if value is None else value)]},
    }


STEP = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 11), st.sampled_from([None, -5.0, 0.5, 3.5, 7.5, 99.0])),
    st.tuples(st.just("end"), st.integers(0, 11), st.none()),
    st.tuples(st.just("start"), st.sampled_from([-9.0, 0.2, 4.5, 50.0]), st.none()),
    st.tuples(st.just("forget"), st.none(), st.none()),
)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    live=st.sets(st.integers(0, 11), max_size=8),
    limit=st.integers(1, 4),
    order_by=st.sampled_from(
        ["-metrics.acc", "metrics.acc", "metrics.acc desc, status", "max(metrics.acc), -metrics.acc"]
    ),
    script=st.lists(st.lists(STEP, max_size=3), max_size=8),
)
def test_each_run_once_whatever_running_runs_do_between_pages(make_catalog, live, limit, order_by, script):
    catalog = make_catalog([run(i, live=i in live) for i in range(12)])
    uids = [catalog.uid(i) for i in range(12)]
    script, state = list(script), {"next": 12, "live": {uids[i] for i in live}}

    def between():
        for kind, who, value in script.pop() if script else ():
            with catalog.database.writing() as connection:
                if kind == "start":
                    state["live"].add(catalog.insert(connection, run(0, live=True, value=who), state["next"]))
                    state["next"] += 1
                elif kind == "move" and uids[who] in state["live"]:
                    set_metric(catalog, connection, uids[who], value)
                elif kind == "end" and uids[who] in state["live"]:
                    state["live"].discard(uids[who])
                    end(catalog, connection, uids[who])

    found = collect(catalog, None, order_by, limit, between)
    assert sorted(uid for uid in found if uid in uids) == uids
    assert len(set(found)) == len(found)


def test_pages_while_a_writer_writes(make_catalog):
    """A thread logs to, ends and starts runs as fast as it can; traversals in the mean time miss and repeat none."""
    source = random.Random(1)
    catalog = make_catalog([run(i, live=i % 3 == 0, value=source.random()) for i in range(90)])
    uids = {catalog.uid(i) for i in range(90)}
    stop, written = threading.Event(), threading.Event()

    def write():
        live = [catalog.uid(i) for i in range(0, 90, 3)]
        for count in itertools.count():
            if stop.is_set():
                return
            with catalog.database.writing() as connection:
                for uid in source.sample(live, 3):
                    set_metric(catalog, connection, uid, source.choice([None, source.random()]))
                if count % 5 == 0:
                    end(catalog, connection, live.pop(0))
                    live.append(catalog.insert(connection, run(0, live=True, value=source.random()), 90 + count))
            written.set()
            stop.wait(0.001)

    def until_written():
        written.clear()
        assert written.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for order_by in ("-metrics.acc", "metrics.acc", "-duration", None, "-mean(metrics.acc), name") * 2:
            found = collect(catalog, "metrics.acc is not null", order_by, 7, until_written)
            assert len(set(found)) == len(found)
            assert uids <= set(found), order_by
    finally:
        stop.set()
        writer.join()


def test_a_running_run_that_moves_back_is_visited_out_of_order(make_catalog):
    catalog = make_catalog([run(i, live=i == 4) for i in range(6)])
    uid = catalog.uid

    def between():
        with catalog.database.writing() as connection:
            set_metric(catalog, connection, uid(4), -1.0)

    assert collect(catalog, None, "metrics.acc", 2, between) == [uid(i) for i in (0, 1, 4, 2, 3, 5)]


def test_a_run_that_leaves_the_query_is_not_visited(make_catalog):
    catalog = make_catalog([run(i, live=True) for i in range(6)])
    uid = catalog.uid

    def between():
        with catalog.database.writing() as connection:
            end(catalog, connection, uid(5))

    assert collect(catalog, "status = running", "metrics.acc", 4, between) == [uid(i) for i in range(5)]


def test_pages_go_on_in_a_catalog_that_was_rebuilt(make_catalog):
    runs = [run(i, live=i % 2 == 0) for i in range(9)]
    catalog = make_catalog(runs)

    def rebuild():
        catalog([])
        with catalog.database.writing() as connection:
            for i in reversed(range(9)):
                catalog.insert(connection, runs[i], i, run_id=500 - i)

    found = collect(catalog, "metrics.acc is not null", "metrics.acc", 2, rebuild)
    assert found == [catalog.uid(i) for i in range(9)]


def test_ties_are_in_order_of_start_then_uid_in_the_direction_of_the_last_key(make_catalog):
    catalog = make_catalog([{"started_ns": started * S} for started in (2, 1, 1, 3, 1)])
    uid = catalog.uid
    ascending = [uid(i) for i in (1, 2, 4, 0, 3)]
    assert collect(catalog, None, "status", 2) == ascending
    assert collect(catalog, None, "-status", 2) == ascending[::-1]
    assert collect(catalog, None, None, 2) == ascending[::-1]
    assert collect(catalog, None, "started, -started", 2) == [uid(i) for i in (4, 2, 1, 0, 3)]


def test_missing_values_come_last_and_nan_before_them(make_catalog):
    values = [None, float("nan"), 2.0, float("-inf"), float("inf")]
    catalog = make_catalog([{} if v is None else {"metrics": {"a": [(0, v)]}} for v in values])
    assert collect(catalog, None, "metrics.a", 1) == [catalog.uid(i) for i in (3, 2, 4, 1, 0)]
    assert collect(catalog, None, "-metrics.a", 1) == [catalog.uid(i) for i in (4, 2, 3, 1, 0)]


def test_now_is_the_same_on_all_pages(make_catalog):
    catalog = make_catalog([{"started_ns": i * S} for i in range(10)])
    first = catalog.page("started > -5s", "started", 2, clock=Clock(10 * S))
    assert first.uids == [catalog.uid(6), catalog.uid(7)]
    second = catalog.page("started > -5s", "started", 2, first.next_cursor, clock=Clock(10**6 * S))
    assert second.uids == [catalog.uid(8), catalog.uid(9)]
    assert second.next_cursor is None


def test_a_cursor_belongs_to_query_order_and_experiment(make_catalog):
    catalog = make_catalog([{"metrics": {"a": [(0, float(i))]}} for i in range(4)])
    token = catalog.page("metrics.a > 0", "metrics.a", 1).next_cursor
    assert catalog.page("metrics.a  >  0", ["metrics.a"], 2, token).next_cursor is None
    for query, order_by, options in (
        ("metrics.a > 1", "metrics.a", {}),
        ("metrics.a > 0", "-metrics.a", {}),
        ("metrics.a > 0", "metrics.a, name", {}),
        ("metrics.a > 0", "metrics.a", {"experiment": "e"}),
        ("metrics.a > 0", "metrics.a", {"include_deleted": True}),
    ):
        with pytest.raises(InvalidArgument, match="not one of this query"):
            catalog.page(query, order_by, 1, token, **options)


def test_cursors_of_fixed_orders_stay_small(make_catalog):
    catalog = make_catalog([run(i, live=True) for i in range(50)])
    assert len(catalog.page(None, "-started", 10).next_cursor) < 150
    assert len(catalog.page(None, "experiment, host", 10).next_cursor) < 150
    assert 22 * 50 < len(catalog.page(None, "-metrics.acc", 10).next_cursor) < 60 * 50


@pytest.mark.parametrize("order_by", ["metrics.acc", "duration, number"])
def test_more_running_runs_than_a_cursor_remembers(make_catalog, order_by):
    count = MAX_LIVE + 50
    catalog = make_catalog([run(i, live=True) for i in range(count)])
    assert collect(catalog, None, order_by, 500) == [catalog.uid(i) for i in range(count)]


def test_a_page_that_failed_leaves_no_old_snapshot_behind(make_catalog):
    def value_at(uid, key, step):
        raise LookupError(uid)

    catalog = make_catalog([run(i, live=True) for i in range(5)])
    with pytest.raises(LookupError) as caught:  # holds on to all that the page was doing
        catalog.page("at(metrics.acc, 0) > 0", value_at=value_at)
    catalog([run(i, live=True) for i in range(7)])
    assert len(catalog.page().uids) == 7, caught


@pytest.mark.parametrize("limit", [0, -1, 10**7])
def test_a_limit_out_of_range_is_refused(make_catalog, limit):
    with pytest.raises(InvalidArgument, match="limit="):
        make_catalog([]).page(limit=limit)


@pytest.mark.parametrize("limit", ["3", 1.5, True])
def test_a_limit_of_another_type_is_refused(make_catalog, limit):
    with pytest.raises(WrongType, match="limit="):
        make_catalog([]).page(limit=limit)


def test_too_many_keys_of_an_order_are_refused(make_catalog):
    with pytest.raises(InvalidArgument, match="at most 8"):
        make_catalog([]).page(order_by=[f"metrics.m{i}" for i in range(9)])
