"""The first page from the front of an index is the first page of the sorted list, and is found in few steps."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.catalog.search.front import fetch_front
from runlore.catalog.search.selection import make_selection

S = 10**9
VALUES = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 2.0, 3.5])
RUN = st.fixed_dictionaries(
    {
        "metrics": st.dictionaries(st.sampled_from("ab"), VALUES.map(lambda value: [(0, value)])),
        "params": st.dictionaries(st.sampled_from("ab"), st.sampled_from([None, True, 1, 2.5, 10**400, "x", math.nan])),
        "tags": st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "Y", "é"])),
        "started_ns": st.integers(0, 5).map(lambda second: second * S),
        "experiment": st.sampled_from(["e", "e", "e", "f"]),
        "deleted": st.sampled_from([0, 0, 0, 1]),
        "state": st.sampled_from(["ended", "open"]),
    }
)
# At least as many runs as it takes for an index to be tried.
RUNS = st.lists(st.one_of(RUN, st.just({"metrics": {"a": [(0, 1.0)]}, "params": {"a": 1}})), min_size=12, max_size=40)
QUERY = st.sampled_from(
    [
        None, "metrics.b > 0", "metrics.b = nan", "params.a = 1", "tags.a in ('x', 'Y')", "status = 'succeeded'",
        "metrics.a >= 0 and metrics.b < 3 and tags.a = 'x'", "not (metrics.b > 0)", "started > 0 or tags.b = ''",
    ]
)  # fmt: skip
ORDER = st.tuples(
    st.sampled_from(["", "-"]),
    st.sampled_from(["metrics.a", "params.a", "tags.a", "started", "metrics.a, -metrics.b, params.b"]),
).map("".join)
SETTINGS = settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def selection(connection, query, order_by, limit=3, experiment=None):
    return make_selection(
        connection, query, order_by, limit, None, experiment=experiment, include_deleted=False, clock=None
    )


def front(catalog, query, order_by, limit=3, experiment=None):
    """Uids of the page that is found from the front; None where it is not looked for there."""
    with catalog.database.reading() as connection:
        rows = fetch_front(connection, selection(connection, query, order_by, limit, experiment), limit)
        return None if rows is None else [row[1] for row in rows]


@SETTINGS
@given(
    runs=RUNS, query=QUERY, order_by=ORDER, limit=st.integers(1, 5), experiment=st.sampled_from([None, "e", ["e", "f"]])
)
def test_the_page_is_the_beginning_of_the_sorted_list(make_catalog, runs, query, order_by, limit, experiment):
    catalog = make_catalog(runs)
    page = catalog.page(query, order_by, limit, experiment=experiment)
    only = catalog.page(query, order_by, limit, experiment=experiment, last=True)
    listed = catalog.page(query, order_by, None, experiment=experiment).uids
    assert page.uids == listed[:limit]
    assert (page.next_cursor is None) == (len(listed) <= limit)
    assert (only.uids, only.next_cursor) == (page.uids, None)


@pytest.mark.parametrize(
    ("query", "order_by", "index"),
    [
        (None, "-metrics.a", "COVERING INDEX metrics_last (key=? AND last>?)"),
        ("metrics.b > 0", "metrics.a", "COVERING INDEX metrics_last (key=? AND last<?)"),
        (None, "params.a", "INDEX params_num (key=? AND num<?)"),
        (None, "-tags.a", "COVERING INDEX tags_value (key=? AND value>?)"),
        ("metrics.b > 0", None, "INDEX runs_started (started_ns>?)"),
    ],
)
@pytest.mark.parametrize("experiment", [None, "e"])
def test_where_much_matches_an_index_is_walked(sqlite_catalog, query_plan, query, order_by, index, experiment):
    runs = [
        {"metrics": {"a": [(0, i)], "b": [(0, 1.0)]}, "params": {"a": i}, "tags": {"a": f"{i:02}"}} for i in range(40)
    ]
    catalog = sqlite_catalog(runs)
    numbers = [0, 1, 2] if order_by in ("metrics.a", "params.a") else [39, 38, 37]
    assert front(catalog, query, order_by, experiment=experiment) == [catalog.uid(number) for number in numbers]
    with catalog.database.reading() as connection:
        chosen = selection(connection, query, order_by, experiment=experiment)
        statement = chosen.near_front(chosen.order.front, "20" if order_by == "-tags.a" else 20, 3)
    plan = query_plan(statement)
    assert index in plan[0]
    assert not any("FOR ORDER BY" in step for step in plan)  # at most for its right part


def test_where_little_matches_it_is_listed(make_catalog):
    catalog = make_catalog(
        [{"metrics": {"a": [(0, i)], "b": [(0, i)]}, "params": {"b": i}, "tags": {"b": str(i)}} for i in range(40)]
    )
    for query in ("metrics.b > 34", "params.b = 3", "tags.b = '3'", "uid = '0'", "started > 36"):
        assert front(catalog, query, "-metrics.a", 1) is None, query
    assert front(catalog, None, "-metrics.a", 11) is None
    assert front(catalog, None, "-metrics.missing") is None
    assert front(catalog, None, "-max(metrics.a)") is None
    assert front(catalog, None, "name") is None


def test_where_what_matches_stands_behind_it_is_listed(make_catalog):
    catalog = make_catalog([{"metrics": {"a": [(0, i)], "b": [(0, -i)]}} for i in range(40)])
    assert front(catalog, "metrics.b >= -20", "-metrics.a", 2) is None
    page = catalog.page("metrics.b >= -20", "-metrics.a", 2)
    assert page.uids == [catalog.uid(20), catalog.uid(19)]
