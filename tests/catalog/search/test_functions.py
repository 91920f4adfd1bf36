"""What a database is given to do, how much of it, and what it uses for it."""

from __future__ import annotations

import time

import pytest

from runlore.catalog.search.filters import compile_filter
from runlore.catalog.search.selection import make_selection
from runlore.errors import InvalidArgument, QueryTimeout, RunloreError
from runlore.query import And, Attribute, Clock, Compare, In, Like, Matches, Metric, Not, Or, Param, Tag, parse
from runlore.query.expression import MAX_DEPTH, MAX_TERMS, MAX_VALUES, check_limits
from runlore.query.regex import compile_pattern


def test_a_regular_expression_takes_time_linear_in_the_text(find):
    text = "a" * 50_000 + "!"
    begin = time.monotonic()
    assert find([{"params": {"k": text}}], "params.k matches '^(a+)+$'") == []
    assert find([{"params": {"k": text}}], "params.k matches '(.*)*(.*)*(.*)*x'") == []
    assert time.monotonic() - begin < 30  # Python's re would take longer than the universe has


@pytest.mark.parametrize(
    "pattern", ["(a", "a{1001}", "(?=a)", r"(a)\1", "[z-a]", "*", "((a{100}){100}){100}", "a" * 1001]
)
def test_what_is_no_regular_expression_is_refused(pattern):
    with pytest.raises(InvalidArgument, match=r"regular expression|at most"):
        compile_pattern(pattern)


@pytest.mark.parametrize("state", ["ended", "open"])
def test_at_without_series_is_refused(make_catalog, state):
    catalog = make_catalog([{"metrics": {"a": [(0, 1.0)]}, "state": state}])
    with pytest.raises(InvalidArgument, match="needs the series"):
        catalog.page("at(metrics.a, 1) > 0")


@pytest.mark.parametrize("state", ["ended", "open"])
def test_a_fault_in_a_series_reaches_the_caller(make_catalog, state):
    class Broken(Exception):
        pass

    def value_at(uid, key, step):
        raise Broken(f"{key}@{step}")

    catalog = make_catalog([{"metrics": {"a": [(0, 1.0)]}, "state": state}])
    for _ in range(2):
        with pytest.raises(Broken, match=r"a@1\.0"):
            catalog.page("at(metrics.a, 1) > 0", value_at=value_at)
    assert len(catalog.page(value_at=value_at).uids) == 1


def test_series_are_looked_up_only_of_runs_that_have_the_key(make_catalog):
    asked = []

    def value_at(uid, key, step):
        asked.append(uid)
        return 0.5

    catalog = make_catalog(
        [{"metrics": {"a": [(0, 1.0)]}}, {"metrics": {"b": [(0, 1.0)]}}, {"metrics": {"a": [(0, 2.0)]}}]
    )
    page = catalog.page(
        "at(metrics.a, 1) > 0 and at(metrics.a, 1) < 1 and at(metrics.a, 1) is not null", value_at=value_at
    )
    assert sorted(set(asked)) == sorted(page.uids) == [catalog.uid(0), catalog.uid(2)]


@pytest.mark.parametrize("state", ["ended", "open"])
def test_a_query_ends_when_its_time_is_up(make_catalog, state):
    catalog = make_catalog([{"metrics": {"a": [(0, 1.0)]}, "state": state} for _ in range(20)])
    slow = Or(tuple(Compare(Metric("a", "min"), "<", i / 1000 - 10) for i in range(450)))
    with pytest.raises(QueryTimeout, match=r"after 0\.0001 s") as caught:
        catalog.page(Or((slow, slow.operands[0])), time_limit_s=0.0001)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, RunloreError)
    assert len(catalog.page().uids) == 20


FIELDS = [Metric("a"), Metric("a", "mean"), Param("a"), Tag("a"), Attribute("points"), Attribute("name")]


def leaf(index):
    field = FIELDS[index % len(FIELDS)]
    if index % 7 == 0:
        return Matches(Tag("a"), "a")
    return Compare(field, "<=", 2**60 + index) if field != Attribute("name") else Like(field, f"a{index}%")


def nested(node, levels, width):
    """And and Or around the node, so many levels deep and so many conditions wide."""
    for level in range(levels):
        node = (And if level % 2 else Or)((*(leaf(i) for i in range(width)), node))
    return node


@pytest.mark.parametrize("negate", [False, True])
def test_the_largest_queries_fit(make_catalog, negate):
    deep = nested(leaf(0), MAX_DEPTH - 2, 15)
    bushy = Compare(Param("a"), "<", 2**60)
    for level in range(8):
        bushy = (And if level % 2 else Or)((bushy, bushy))
    both = nested(bushy, MAX_DEPTH - 10, 8)
    wide = And(tuple(Compare(Param("a"), "<=", 2**60 + i) for i in range(MAX_TERMS)))
    values = In(Param("a"), tuple(range(MAX_VALUES)))
    orders = ["params.a", "metrics.a desc", "tags.a", "name", "min(metrics.a)", "-duration", "ended", "params.b"]
    catalog = make_catalog(
        [
            {"metrics": {"a": [(0, float(i))]}, "params": {"a": i}, "tags": {"a": "a"}, "state": state}
            for i in range(5)
            for state in ("ended", "open")
        ]
    )
    for largest in (deep, both, wide, values):
        check_limits(largest)
        query = Not(largest) if negate else largest
        catalog.page(query, orders, 1, experiment=["e", "f*", "**/e"])
    page = catalog.page(Not(both), orders, 1, experiment=["e", "f*", "**/e"])
    assert page.next_cursor is not None
    catalog.page(Not(both), orders, 1, page.next_cursor, experiment=["e", "f*", "**/e"])


@pytest.mark.parametrize(
    ("query", "order_by", "index"),
    [
        ("metrics.a < 1", None, "USING COVERING INDEX metrics_last"),
        ("params.a = 1", None, "USING COVERING INDEX params_text"),
        ("params.a = 2", None, "USING COVERING INDEX params_num"),
        ("tags.a = 'x'", None, "USING COVERING INDEX tags_value"),
        (None, None, "USING INDEX runs_started"),
        ("uid = 'x'", None, "USING INDEX runs_uid"),
    ],
)
def test_the_catalog_is_read_by_its_indexes(sqlite_catalog, query_plan, query, order_by, index):
    catalog = sqlite_catalog([{}])
    with catalog.database.reading() as connection:
        chosen = make_selection(
            connection, query, order_by, 100, None, experiment=None, include_deleted=False, clock=None
        )
        statement = chosen.page(chosen.filter.condition, 100)
    plan = query_plan(statement)
    assert any(index in step for step in plan), plan
    assert query is not None or not any("TEMP B-TREE" in step for step in plan)


def test_the_condition_can_be_used_in_a_statement_of_ones_own(make_catalog):
    catalog = make_catalog([{"metrics": {"a": [(0, float(i))]}} for i in range(5)])
    with catalog.database.reading() as connection:
        found = compile_filter(parse("metrics.a >= 2"), connection.dialect, Clock())
        rows = connection.rows(f"SELECT count(*) FROM runs WHERE {found.condition.text}", *found.condition.values)
    assert (rows, found.decides) == ([(3,)], True)
