"""Text to tree, and errors that point at the column."""

from __future__ import annotations

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.errors import InvalidArgument, QuerySyntaxError, WrongType
from runlore.query import (
    EVERYTHING,
    And,
    Attribute,
    Compare,
    Contains,
    In,
    IsNull,
    Like,
    Matches,
    Metric,
    MetricAt,
    Not,
    Or,
    OrderKey,
    Param,
    Tag,
    Tags,
    grammar,
    parse,
    parse_order,
    parser,
)
from runlore.query.expression import MAX_DEPTH, MAX_TERMS, check_limits
from runlore.query.grammar import MAX_LENGTH

STATUS = Attribute("status")
A, B, C = (Compare(STATUS, "=", letter) for letter in "abc")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", EVERYTHING),
        (" \n\t", EVERYTHING),
        (None, EVERYTHING),
        # fields
        ("metrics.loss < 1", Compare(Metric("loss"), "<", 1)),
        ("metric.loss<1", Compare(Metric("loss"), "<", 1)),
        ("METRICS.Loss < 1", Compare(Metric("Loss"), "<", 1)),
        ("metrics.train/loss<.5", Compare(Metric("train/loss"), "<", 0.5)),
        ("metrics.a.b-c:d[0] = 1", Compare(Metric("a.b-c:d[0]"), "=", 1)),
        ("metrics.Größe/π > 3", Compare(Metric("Größe/π"), ">", 3)),
        ("metrics.`a b` = 1", Compare(Metric("a b"), "=", 1)),
        ("metrics.`a``b` = 1", Compare(Metric("a`b"), "=", 1)),
        ('metrics."a b" = 1', Compare(Metric("a b"), "=", 1)),
        ("metrics.'a b' = 1", Compare(Metric("a b"), "=", 1)),
        (r'params."a\"b" = 1', Compare(Param('a"b'), "=", 1)),
        ("params.and = 1 and params.not = 2", And((Compare(Param("and"), "=", 1), Compare(Param("not"), "=", 2)))),
        ("param.lr = 1", Compare(Param("lr"), "=", 1)),
        ("parameters.lr = 1", Compare(Param("lr"), "=", 1)),
        ("tag.t = x", Compare(Tag("t"), "=", "x")),
        ("attributes.status = 'a'", A),
        ("attributes.`status` = 'a'", A),
        ("attr.run_name = 'a'", Compare(Attribute("name"), "=", "a")),
        ("attributes.start_time > 5", Compare(Attribute("started"), ">", 5)),
        ("`status`.x = 1", None),
        ("run_id = '007'", Compare(Attribute("uid"), "=", "007")),
        ('attributes."Start Time" > 5', Compare(Attribute("started"), ">", 5)),
        # functions
        ("min(metrics.loss) < 1", Compare(Metric("loss", "min"), "<", 1)),
        ("MAX( metrics.`a b` ) < 1", Compare(Metric("a b", "max"), "<", 1)),
        ("avg(metrics.l) < 1", Compare(Metric("l", "mean"), "<", 1)),
        ("latest(metrics.l) < 1", Compare(Metric("l"), "<", 1)),
        ("count(metrics.l) >= 10", Compare(Metric("l", "count"), ">=", 10)),
        ("at(metrics.l, 10) is null", IsNull(MetricAt("l", 10.0))),
        ("at(metrics.l, '2.5') = 1", Compare(MetricAt("l", 2.5), "=", 1)),
        # operators
        ("status == a", A),
        ("status <> a", Compare(STATUS, "!=", "a")),
        ("status != a", Compare(STATUS, "!=", "a")),
        ("points>=3", Compare(Attribute("points"), ">=", 3)),
        ("name LIKE 'a%'", Like(Attribute("name"), "a%")),
        ("name ilike 'a%'", Like(Attribute("name"), "a%", ignore_case=True)),
        ("name not like 'a%'", Not(Like(Attribute("name"), "a%"))),
        ("tags contains prod", Contains(Tags(), "prod")),
        ("tags.t not contains 1.50", Not(Contains(Tag("t"), "1.50"))),
        ("name matches '^a+$'", Matches(Attribute("name"), "^a+$")),
        ("status in (a, 'b')", In(STATUS, ("a", "b"))),
        ("status in (a,)", In(STATUS, ("a",))),
        ("status not in (a)", Not(In(STATUS, ("a",)))),
        ("metrics.l is null", IsNull(Metric("l"))),
        ("metrics.l IS NOT NULL", Not(IsNull(Metric("l")))),
        ("metrics.l is not none", Not(IsNull(Metric("l")))),
        ("archived is true", Compare(Attribute("archived"), "=", True)),
        ("archived is not true", Compare(Attribute("archived"), "!=", True)),
        ("points between 1 and 2", And((Compare(Attribute("points"), ">=", 1), Compare(Attribute("points"), "<=", 2)))),
        (
            "points not between 1 and 2",
            Not(And((Compare(Attribute("points"), ">=", 1), Compare(Attribute("points"), "<=", 2)))),
        ),
        # values
        ("params.x = 0.1", Compare(Param("x"), "=", 0.1)),
        ("params.x = '0.1'", Compare(Param("x"), "=", "0.1")),
        ('params.x = "0.1"', Compare(Param("x"), "=", "0.1")),
        ("params.x = 9007199254740993", Compare(Param("x"), "=", 9007199254740993)),
        ("params.x = TRUE", Compare(Param("x"), "=", True)),
        ("params.x = adam", Compare(Param("x"), "=", "adam")),
        ("params.x = -inf", Compare(Param("x"), "=", -math.inf)),
        (r"params.x = 'a\'b''c\n\t\\d\u00e9\%'", Compare(Param("x"), "=", "a'b'c\n\t\\dé\\%")),
        (r"name matches '\d+\\\\'", Matches(Attribute("name"), "\\d+\\\\")),
        ("tags.x = ''", Compare(Tag("x"), "=", "")),
        ("name = 1e3", Compare(Attribute("name"), "=", "1e3")),
        ("started > -7d", Compare(Attribute("started"), ">", "-7d")),
        ("started > 2026-11-01T12:00:00+01:00", Compare(Attribute("started"), ">", "2026-11-01T12:00:00+01:00")),
        ("duration > 2h30m", Compare(Attribute("duration"), ">", "2h30m")),
        # logic
        ("status=a and status=b or status=c", Or((And((A, B)), C))),
        ("status=a && (status=b || status=c)", And((A, Or((B, C))))),
        ("status=a AND status=b And status=c", And((A, B, C))),
        ("(status=a and status=b) and status=c", And((A, B, C))),
        ("((status=a))", A),
        ("not status=a and status=b", And((Not(A), B))),
        ("! status=a", Not(A)),
        ("!(status=a)", Not(A)),
        ("not not status=a", A),
        ("not(status=a)or(status=b)", Or((Not(A), B))),
    ],
)
def test_a_query_is_its_tree(text, tree):
    if tree is None:
        with pytest.raises(QuerySyntaxError):
            parse(text)
        return
    assert parse(text) == tree


def test_nan_is_a_value():
    for text in ("metrics.l = nan", "metrics.l is nan", "metrics.l = 'NaN'"):
        tree = parse(text)
        assert tree.operator == "="
        assert math.isnan(float(tree.value))


@pytest.mark.parametrize(
    ("text", "column", "reason", "expected"),
    [
        ("metrics.loss <", 15, "ends too early", "a value"),
        ("metrics.loss", 13, "ends too early", "a comparison"),
        ("(status = a", 12, "ends too early", "')'"),
        ("status = a)", 11, "')' cannot stand here", "the end"),
        ("status = a b", 12, "'b' cannot stand here", "and or or"),
        ("and status = a", 1, "'and' cannot stand here", "a field"),
        ("status = and", 10, "'and' cannot stand here", "a value"),
        ("status = a not", 12, "'not' cannot stand here", "and or or"),
        ("status = a and", 15, "ends too early", "a field"),
        ("status = a and or status = b", 16, "'or' cannot stand here", "a field"),
        ("= 3", 1, "'=' cannot stand here", "a field"),
        ("statsu = a", 1, "did you mean 'status'?", ""),
        ("attributes.nme = a", 1, "did you mean 'name'?", ""),
        ("metrcs.loss = 1", 1, "did you mean 'metrics.loss'?", ""),
        ("gibberish = 1", 1, "attributes are uid, experiment", ""),
        ("mni(metrics.loss) = 1", 1, "did you mean 'min'?", ""),
        ("min(params.lr) = 1", 1, "takes a metric", ""),
        ("min(max(metrics.a)) = 1", 1, "takes a metric", ""),
        ("min(metrics.a, 3) = 1", 16, "takes one argument", ""),
        ("at(metrics.a) = 1", 1, "a metric and a step", ""),
        ("at(metrics.a, b) = 1", 15, "not a number", ""),
        ("at(metrics.a, nan) = 1", 15, "not nan", ""),
        ("metrics. < 3", 1, "is empty", ""),
        ("metrics.`` < 3", 1, "is empty", ""),
        ("metrics.`a < 3", 9, "never closed", ""),
        ("name = 'a", 8, "never closed", ""),
        ("metrics.loss:<0.1", 1, "ends with a colon", "an operator"),
        ("metrics.loss < 'low'", 16, "not a number", ""),
        ("metrics.loss < true", 16, "not a number", ""),
        ("metrics.loss like 'a'", 19, "a number and not text", ""),
        ("metrics.loss = null", 16, "nothing equals null", "is null"),
        ("metrics.loss < metrics.acc", 16, "not with another field", "a value"),
        ("metrics.loss in (1, x)", 21, "not a number", ""),
        ("metrics.loss in ()", 18, "')' cannot stand here", "a value"),
        ("metrics.loss is 3", 17, "'3' cannot stand here", "null"),
        ("-metrics.loss = 3", 1, "no sign", ""),
        ("-name like 'a'", 1, "no sign", ""),
        ("archived > true", 12, "no order", ""),
        ("params.flag > true", 15, "no order", ""),
        ("archived = maybe", 12, "neither true nor false", ""),
        ("number = seven", 10, "not a number", ""),
        ("started > soon", 11, "not a time", ""),
        ("started > 7d", 11, "write '-7d'", ""),
        ("started > 2026-13-01", 11, "not a date", ""),
        ("duration > fast", 12, "not a duration", ""),
        ("name matches '(a'", 14, "not a regular expression", ""),
        ("name matches '(?=a)'", 14, "look-around", ""),
        ("name matches '" + "a" * 1001 + "'", 14, "at most 1,000", ""),
        ("name like '" + "a" * 1001 + "'", 11, "at most 1,000", ""),
        ("tags.x = '\\ud800'", 10, "surrogate", ""),
        ("metrics." + "k" * 5000 + " = 1", 1, "4,096", ""),
        ("params.x = " + "9" * 401, 12, "at most 400", ""),
        ("name = 'a\0'", 1, "NUL", ""),
        ("status =\n  'a' 'b'", 16, "cannot stand here", ""),
    ],
)
def test_an_error_points_at_the_column(text, column, reason, expected):
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    error = caught.value
    assert error.query == text
    assert error.column == column, str(error)
    assert reason in str(error)
    assert expected in error.expected
    assert isinstance(error, ValueError)
    line, caret = str(error).splitlines()[-2:]
    assert len(line) <= 102
    assert "^" in caret


def test_the_caret_stands_below_the_fault():
    with pytest.raises(QuerySyntaxError) as caught:
        parse("status = 'a' and metrics.loss < low")
    assert str(caught.value) == (
        "'low' is not a number; metrics are compared with numbers, inf or nan\n"
        "  status = 'a' and metrics.loss < low\n"
        "                                  ^"
    )


def test_depth_length_and_terms_are_capped_without_recursion():
    deep = "(" * 10_000 + "status = a" + ")" * 10_000
    assert parse(deep) == A
    assert parse("not " * 10_001 + "status = a") == Not(A)
    alternating = "status = a"
    for level in range(MAX_DEPTH + 5):
        alternating = f"({alternating} {'and' if level % 2 else 'or'} status = b)"
    for text, reason in (
        (alternating, f"more than {MAX_DEPTH} levels"),
        ("not (status = b and " * 2_000 + "status = a" + ")" * 2_000, f"more than {MAX_DEPTH} levels"),
        ("(" * 10_000, "ends too early"),
        (" and ".join(["status = a"] * (MAX_TERMS + 1)), f"more than {MAX_TERMS} conditions"),
        ("points in (" + ",".join(["1"] * 5_001) + ")", "more than 5,000 values"),
        (" or ".join(["points in (" + ",".join(["1"] * 1_000) + ")"] * 6), "more than 5,000 values"),
        ("a" * (MAX_LENGTH + 1), "at most 65,536"),
    ):
        with pytest.raises(QuerySyntaxError, match=reason):
            parse(text)
    assert len(parse(" and ".join(["status = a"] * MAX_TERMS)).operands) == MAX_TERMS


def test_a_tree_built_by_a_program_is_capped_too():
    tree = A
    for _ in range(50_000):
        tree = Not(And((tree,)))
    with pytest.raises(InvalidArgument, match="nests more than"):
        check_limits(tree)
    with pytest.raises(InvalidArgument, match="values in lists"):
        check_limits(Or((In(STATUS, ("a",) * 3000), In(STATUS, ("a",) * 3000))))


def test_only_text_is_a_query():
    for value in (3, b"status = a", ["status = a"]):
        with pytest.raises(WrongType, match="query="):
            parse(value)


@pytest.mark.parametrize(
    ("order_by", "keys"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ("-metrics.acc", [OrderKey(Metric("acc"), True)]),
        ("+metrics.acc", [OrderKey(Metric("acc"))]),
        ("metrics.acc desc, started", [OrderKey(Metric("acc"), True), OrderKey(Attribute("started"))]),
        ("metrics.acc DESC, start_time ASC", [OrderKey(Metric("acc"), True), OrderKey(Attribute("started"))]),
        ("-min(metrics.`a b`), params.lr", [OrderKey(Metric("a b", "min"), True), OrderKey(Param("lr"))]),
        (["-metrics.acc", "started desc"], [OrderKey(Metric("acc"), True), OrderKey(Attribute("started"), True)]),
        ([OrderKey(Tag("t")), "name"], [OrderKey(Tag("t")), OrderKey(Attribute("name"))]),
        (OrderKey(Tag("t")), [OrderKey(Tag("t"))]),
        ("-at(metrics.l, 3)", [OrderKey(MetricAt("l", 3.0), True)]),
        ('-tags."a b"', [OrderKey(Tag("a b"), True)]),
    ],
)
def test_an_order_is_its_keys(order_by, keys):
    assert parse_order(order_by) == tuple(keys)


@pytest.mark.parametrize(
    ("order_by", "column"),
    [("-metrics.acc desc", 14), ("metrics.acc down", 13), ("nope", 1), ("tags", 1), ("name,,name", 6), ("name = 3", 6)],
)
def test_an_order_that_is_none_points_at_the_column(order_by, column):
    with pytest.raises(QuerySyntaxError) as caught:
        parse_order(order_by)
    assert caught.value.column == column


@pytest.mark.parametrize("order_by", [3, [3], [["name"]], {"name": 1}])
def test_an_order_of_another_type_is_refused(order_by):
    with pytest.raises(WrongType, match="order_by="):
        parse_order(order_by)


WORDS = st.sampled_from(
    [
        *"()=<>!,'\"`&|.-+\\ ",
        *(
            "and",
            "or",
            "not",
            "in",
            "is",
            "null",
            "like",
            "between",
            "matches",
            "contains",
            "nan",
            "true",
            "&&",
            "||",
            "<=",
        ),
        *(
            "metrics.a",
            "metrics.`b",
            "params.x",
            "tags.t",
            "tags",
            "status",
            "started",
            "duration",
            "number",
            "min",
            "at",
        ),
        *("1", "-7d", "'a'", '"b"', "2026-11-01", "today", "1e999", "metrics.", "é", "\n", "desc"),
    ]
)


@settings(max_examples=examples(400), deadline=None)
@given(
    st.one_of(
        st.text(max_size=60), st.lists(WORDS, max_size=25).map(" ".join), st.lists(WORDS, max_size=25).map("".join)
    )
)
def test_any_text_is_a_query_or_a_syntax_error(text):
    for read in (parse, parse_order):
        error = refusal(read, text)
        assert error is None or 1 <= error.column <= len(text) + 1


def refusal(read, text):
    try:
        read(text)
    except QuerySyntaxError as error:
        return error
    return None


def test_threads_share_the_parser():
    texts = [f"metrics.k{i} < {i} and (status = a or params.p{i} in ({i}, x))" for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(parse, texts)) == [parse(text) for text in texts]


def test_importing_the_language_loads_no_pandas():
    code = "import sys, runlore.query; print([m for m in ('pandas', 'pyarrow', 're2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@settings(deadline=None)
@given(
    st.text("ab_-/. ,09", max_size=12)
    | st.lists(
        st.sampled_from(
            [
                "metrics.acc",
                "-metrics.a/b",
                " params.lr ",
                "Tags.team",
                "-started",
                "duration",
                "run.name",
                "tags",
                "not",
            ]
        ),
        max_size=3,
    ).map(",".join)
)
def test_an_order_that_is_read_without_the_grammar_is_what_the_grammar_reads(text):
    simple = parser._simple_order(text)
    if simple is not None and text.strip():
        assert simple == grammar.read_order(text)


def test_plain_orders_are_read_without_the_grammar():
    for text in ("-metrics.acc, started", "duration", "-params.layer/size", "tags.team"):
        assert parser._simple_order(text) is not None
    for text in ("max(metrics.a)", "metrics.a desc", "metrics.`a b`", "statsu", "nothing.a", "metrics.", "a,,b"):
        assert parser._simple_order(text) is None
