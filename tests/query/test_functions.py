"""What SQLite is given: functions in Python, limits, and a connection that may only read."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from runlore.catalog import schema
from runlore.catalog.search import SqliteFunctions, compile_filter, fetch_page, select_runs
from runlore.errors import InvalidArgument, QueryTimeout, RunloreError
from runlore.query import And, Attribute, Compare, In, Like, Matches, Metric, Not, Or, Param, Tag
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


def test_at_without_series_is_refused(make_catalog):
    with make_catalog([]).connect() as connection, pytest.raises(InvalidArgument, match="needs the series"):
        fetch_page(connection, "at(metrics.a, 1) > 0")


def test_a_fault_in_a_series_reaches_the_caller(make_catalog):
    class Broken(Exception):
        pass

    def value_at(uid, key, step):
        raise Broken(f"{key}@{step}")

    engine = make_catalog([{"metrics": {"a": [(0, 1.0)]}}])
    functions = SqliteFunctions(value_at=value_at)
    with engine.connect() as connection:
        for _ in range(2):
            with pytest.raises(Broken, match=r"a@1\.0"):
                fetch_page(connection, "at(metrics.a, 1) > 0", functions=functions)
        assert len(fetch_page(connection, functions=functions).runs) == 1


def test_series_are_looked_up_once_for_each_run_that_has_the_key(make_catalog):
    asked = []

    def value_at(uid, key, step):
        asked.append(uid)
        return 0.5

    engine = make_catalog(
        [{"metrics": {"a": [(0, 1.0)]}}, {"metrics": {"b": [(0, 1.0)]}}, {"metrics": {"a": [(0, 2.0)]}}]
    )
    with engine.connect() as connection:
        page = fetch_page(
            connection,
            "at(metrics.a, 1) > 0 and at(metrics.a, 1) < 1 and at(metrics.a, 1) is not null",
            "at(metrics.a, 1)",
            functions=SqliteFunctions(value_at=value_at),
        )
    assert sorted(asked) == sorted(run.uid for run in page.runs) == [make_catalog.uid(0), make_catalog.uid(2)]


def test_a_query_ends_when_its_time_is_up(make_catalog):
    engine = make_catalog([{"metrics": {"a": [(0, 1.0)]}} for _ in range(20)])
    functions = SqliteFunctions(value_at=lambda uid, key, step: time.sleep(0.01))
    slow = Or(tuple(Compare(Metric("a", "min"), "<", i / 1000 - 10) for i in range(450)))
    with engine.connect() as connection:
        with pytest.raises(QueryTimeout, match=r"after 0\.0001 s") as caught:
            fetch_page(connection, Or((slow, slow.operands[0])), functions=functions, time_limit_s=0.0001)
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, RunloreError)
        assert len(fetch_page(connection).runs) == 20
    for limit in (0, -1, float("nan"), "1"):
        with pytest.raises(InvalidArgument, match="time_limit_s"):
            fetch_page(connection, time_limit_s=limit)


def test_within_a_session_a_connection_can_only_read(make_catalog):
    engine = make_catalog([{}])
    functions = SqliteFunctions()
    with engine.connect() as connection:
        for statement in (
            "DELETE FROM runs",
            "UPDATE runs SET name = 'x'",
            "INSERT INTO properties VALUES ('a', 'b')",
            "DROP TABLE runs",
            "CREATE TABLE t (a)",
            "ATTACH ':memory:' AS other",
            "PRAGMA writable_schema = 1",
        ):
            with pytest.raises(sa.exc.DatabaseError, match="not authorized"), functions.session(connection, 10):
                connection.exec_driver_sql(statement)
        with functions.session(connection, 10):
            assert connection.execute(sa.select(schema.runs.c.id)).scalars().all() == [1]
        connection.exec_driver_sql("UPDATE runs SET name = 'x'")
        connection.rollback()


def test_a_session_is_one_snapshot(tmp_path, make_catalog):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/catalog.sqlite")
    schema.metadata.create_all(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    make_catalog([{}], engine)
    count = sa.select(sa.func.count()).select_from(schema.runs)
    functions = SqliteFunctions()
    with engine.connect() as connection:
        with functions.session(connection, 10):
            before = connection.execute(count).scalar()
            with engine.begin() as other:
                make_catalog.insert(other, {}, 1)
            assert connection.execute(count).scalar() == before == 1
        connection.rollback()
        with functions.session(connection, 10):
            assert connection.execute(count).scalar() == 2
    engine.dispose()


def test_only_sqlite_connections(make_catalog):
    class Driver:
        driver_connection = object()

    class Connection:
        connection = Driver()
        dialect = sa.create_engine("sqlite://").dialect

    with pytest.raises(InvalidArgument, match="connection to"), SqliteFunctions().session(Connection(), 1):
        raise AssertionError


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
def test_the_largest_queries_fit_into_sqlite(make_catalog, negate):
    deep = nested(leaf(0), MAX_DEPTH - 2, 15)
    bushy = Compare(Param("a"), "<", 2**60)
    for level in range(8):
        bushy = (And if level % 2 else Or)((bushy, bushy))
    both = nested(bushy, MAX_DEPTH - 10, 8)
    wide = And(tuple(Compare(Param("a"), "<=", 2**60 + i) for i in range(MAX_TERMS)))
    values = In(Param("a"), tuple(range(MAX_VALUES)))
    orders = ["params.a", "metrics.a desc", "tags.a", "name", "min(metrics.a)", "-duration", "ended", "params.b"]
    engine = make_catalog(
        [{"metrics": {"a": [(0, float(i))]}, "params": {"a": i}, "tags": {"a": "a"}} for i in range(5)]
    )
    with engine.connect() as connection:
        for largest in (deep, both, wide, values):
            check_limits(largest)
            query = Not(largest) if negate else largest
            fetch_page(connection, query, orders, 1, experiment=["e", "f*", "**/e"])
        page = fetch_page(connection, Not(both), orders, 1, experiment=["e", "f*", "**/e"])
        assert page.next_cursor is not None
        fetch_page(connection, Not(both), orders, 1, page.next_cursor, experiment=["e", "f*", "**/e"])


def test_the_catalog_is_read_by_its_indexes(make_catalog):
    with make_catalog([{}]).connect() as connection:
        for query, order_by, index in (
            ("metrics.a < 1", None, "USING COVERING INDEX metrics_last"),
            ("params.a = 1", None, "USING COVERING INDEX params_text"),
            ("params.a = 2", None, "USING COVERING INDEX params_num"),
            ("tags.a = 'x'", None, "USING COVERING INDEX tags_value"),
            (None, None, "USING INDEX runs_started"),
            ("uid = 'x'", None, "sqlite_autoindex_runs"),
        ):
            statement = select_runs(query, order_by, 100).compile(connection, compile_kwargs={"literal_binds": True})
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}".replace("%", "%%")).all()
            assert any(index in row[3] for row in plan), (query, plan)
            if query is None:
                assert not any("TEMP B-TREE" in row[3] for row in plan)


def test_the_condition_can_be_used_in_a_statement_of_ones_own(make_catalog):
    engine = make_catalog([{"metrics": {"a": [(0, float(i))]}} for i in range(5)])
    functions = SqliteFunctions()
    statement = sa.select(sa.func.count()).select_from(schema.runs).where(compile_filter("metrics.a >= 2", functions))
    with engine.connect() as connection, functions.session(connection, 10):
        assert connection.execute(statement).scalar() == 3
