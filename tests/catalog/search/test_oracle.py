"""Random trees and orders over random runs: SQL must agree with a plain Python evaluator."""

from __future__ import annotations

import datetime as dt
import json
import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.query import (
    And,
    Attribute,
    Clock,
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
)

NAN, INF = math.nan, math.inf
SECOND = 10**9
NOW = 2_000 * SECOND
CLOCK = Clock(now_ns=NOW, zone=dt.timezone.utc)

# --- runs

NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 2.0, 1e300, 5e-324, INF, -INF, NAN])
POINTS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.5]), NUMBERS), min_size=1, max_size=4)
BIG = [2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63, 10**20, 10**20 + 1, 99999999999999999999, 10**400, -(10**400)]
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "aB%",
    "a_b",
    "a*b",
    "é",
    "É",
    "[x]",
    "0.1",
    "1",
    "true",
    "True",
    "nan",
    "b\nc",
    "\\",
    "'",
    "ab",
]
PARAMS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        0.1,
        0.5,
        1.0,
        1e16,
        9007199254740992.0,
        1e20,
        INF,
        -INF,
        NAN,
        [1, "a"],
        {"a": 1},
        *BIG,
        *TEXTS,
    ]
)
KEYS = ["k", "a/b", "x y"]
RUN = st.fixed_dictionaries(
    {
        "metrics": st.dictionaries(st.sampled_from(KEYS), POINTS, max_size=3),
        "params": st.dictionaries(st.sampled_from(KEYS), PARAMS, max_size=3),
        "tags": st.dictionaries(st.sampled_from([*KEYS, "a", "é"]), st.sampled_from(TEXTS), max_size=3),
        "name": st.sampled_from([None, *TEXTS]),
        "status": st.sampled_from(["running", "failed", "succeeded"]),
        "started_ns": st.sampled_from([0, 1, SECOND, NOW, NOW - 3600 * SECOND]),
        "ended_ns": st.sampled_from([None, NOW, NOW + SECOND]),
        "updated_ns": st.just(NOW),
        "points": st.sampled_from([0, 1, 2, 2**53, 2**53 + 1]),
        "archived": st.sampled_from([0, 1]),
        "state": st.sampled_from(["ended", "ended", "open"]),  # searched, or decided by what is packed
    }
)
RUNS = st.lists(RUN, min_size=1, max_size=6)

# --- trees

OPERATORS = ["=", "!=", "<", "<=", ">", ">="]
OPERATOR = st.sampled_from(OPERATORS)
KEY = st.sampled_from([*KEYS, "missing"])
METRIC = st.one_of(
    st.builds(Metric, KEY, st.sampled_from(["last", "first", "min", "max", "mean", "count"])),
    st.builds(MetricAt, KEY, st.sampled_from([0.0, 1.0, 2.5, 7.0])),
)
TEXT_FIELD = st.one_of(st.builds(Tag, KEY), st.just(Attribute("name")), st.just(Attribute("status")), st.just(Tags()))
TEXT_VALUE = st.sampled_from([*TEXTS, "k", "x y", "failed"])
PARAM_VALUE = st.one_of(
    st.sampled_from([True, False, 0, 1, 0.1, 0.5, 1e16, 9007199254740993, 2.0**53, 1e20, INF, -INF, NAN, *BIG]),
    TEXT_VALUE,
)
PATTERN = st.sampled_from(["%", "a%", "%B%", "a_", "_", "", "a\\_b", "a\\%", "É%", "é", "[x]", "%*%", "\\\\", "\\"])
REGEX = st.sampled_from(["a", "^a", "b$", "^$", "[ab]+", "(?i)É", ".c", "\\d", "x"])
POINT_VALUE = st.sampled_from([0, 1, 1.5, 2**53 + 1, -INF, NAN, 10**30, "2"])
FIELD = st.one_of(METRIC, TEXT_FIELD, st.builds(Param, KEY), st.just(Attribute("points")))


def _text_conditions(field):
    return st.one_of(
        st.builds(Like, field, PATTERN, st.booleans()),
        st.builds(Contains, field, TEXT_VALUE),
        st.builds(Matches, field, REGEX),
    )


def _is_ordered_flag(condition):
    return (
        isinstance(condition, Compare) and isinstance(condition.value, bool) and condition.operator not in ("=", "!=")
    )


def _values(strategy):
    return st.lists(strategy, max_size=3).map(tuple)


CONDITION = st.one_of(
    st.builds(Compare, METRIC, OPERATOR, NUMBERS),
    st.builds(In, METRIC, _values(NUMBERS)),
    st.builds(Compare, TEXT_FIELD, OPERATOR, TEXT_VALUE),
    st.builds(In, TEXT_FIELD, _values(TEXT_VALUE)),
    _text_conditions(TEXT_FIELD),
    st.builds(Compare, st.builds(Param, KEY), OPERATOR, PARAM_VALUE).filter(lambda c: not _is_ordered_flag(c)),
    st.builds(In, st.builds(Param, KEY), _values(PARAM_VALUE)),
    _text_conditions(st.builds(Param, KEY)),
    st.builds(Compare, st.just(Attribute("points")), OPERATOR, POINT_VALUE),
    st.builds(Compare, st.just(Attribute("archived")), st.sampled_from(["=", "!="]), st.booleans()),
    st.builds(
        Compare, st.just(Attribute("duration")), OPERATOR, st.sampled_from(["1h", 0, 1.5, dt.timedelta(hours=1)])
    ),
    st.builds(
        Compare,
        st.sampled_from([Attribute("started"), Attribute("ended")]),
        OPERATOR,
        st.sampled_from(["-1h", "now", "1970-01-01", "1970-01-02", "1970-01-01T00:00:01Z"]),
    ),
    st.builds(IsNull, FIELD),
)
TREE = st.recursive(
    CONDITION,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda o: And(tuple(o))),
        st.lists(inner, max_size=3).map(lambda o: Or(tuple(o))),
    ),
    max_leaves=6,
)

# --- the oracle: True, False, or None for unknown

MISSING = object()


def evaluate(node, run):
    if isinstance(node, Not):
        inner = evaluate(node.operand, run)
        return None if inner is None else not inner
    if isinstance(node, (And, Or)):
        found = [evaluate(operand, run) for operand in node.operands]
        decisive = isinstance(node, Or)
        return decisive if decisive in found else None if None in found else not decisive
    if isinstance(node.field, Tags):
        keys = list(run["tags"])
        if isinstance(node, IsNull):
            return not keys
        return any(holds_text(node, key, whole=True) for key in keys)
    value = value_of(node.field, run)
    if isinstance(node, IsNull):
        return value is MISSING
    if value is MISSING:
        return None
    if isinstance(node.field, Param):
        return holds_param(node, value)
    if isinstance(value, str):
        return holds_text(node, value)
    wanted = node.values if isinstance(node, In) else (node.value,)
    operator = "=" if isinstance(node, In) else node.operator
    return any(compare(operator, value, read(node.field, literal)) for literal in wanted)


def value_of(field, run):
    if isinstance(field, Attribute):
        if field.name == "duration":
            end = run["updated_ns"] if run["ended_ns"] is None else run["ended_ns"]
            return end - run["started_ns"]
        value = run[{"started": "started_ns", "ended": "ended_ns"}.get(field.name, field.name)]
        return MISSING if value is None else value
    if isinstance(field, (Metric, MetricAt)):
        points = run["metrics"].get(field.key)
        return MISSING if points is None else aggregate(field, points)
    source = run["tags"] if isinstance(field, Tag) else run["params"]
    value = source.get(field.key)
    return MISSING if value is None else value


def aggregate(field, points):
    values = [value for _, value in points]
    numbers = [value for value in values if not math.isnan(value)]
    if isinstance(field, MetricAt):
        return next((value for step, value in reversed(points) if step == field.step), MISSING)
    return {
        "last": lambda: values[-1],
        "first": lambda: values[0],
        "min": lambda: min(numbers, default=NAN),
        "max": lambda: max(numbers, default=NAN),
        "mean": lambda: sum(numbers) / len(numbers) if numbers else NAN,
        "count": lambda: len(values),
    }[field.aggregate]()


def read(field, literal):
    """The literal in the unit of the field; a day is a (start, end) pair."""
    if field == Attribute("duration"):
        seconds = {"1h": 3600, dt.timedelta(hours=1): 3600}.get(literal, literal)
        return int(seconds * SECOND)
    if field in (Attribute("started"), Attribute("ended")):
        day = 86_400 * SECOND
        return {
            "-1h": NOW - 3600 * SECOND,
            "now": NOW,
            "1970-01-01": (0, day),
            "1970-01-02": (day, 2 * day),
            "1970-01-01T00:00:01Z": SECOND,
        }[literal]
    if field == Attribute("points"):
        return 2 if literal == "2" else literal
    return literal


def compare(operator, left, right):
    if isinstance(right, tuple):
        inside = right[0] <= left < right[1]
        if operator in ("=", "!="):
            return inside == (operator == "=")
        right = right[0]
    if isinstance(right, float) and math.isnan(right) and operator in ("=", "!="):
        return (isinstance(left, float) and math.isnan(left)) == (operator == "=")
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def holds_text(node, text, *, whole=False):
    if isinstance(node, Compare):
        return compare(node.operator, text, node.value)
    if isinstance(node, In):
        return text in node.values
    if isinstance(node, Contains):
        return text == node.text if whole else node.text in text
    if isinstance(node, Matches):
        return re.search(node.pattern.replace("$", "\\Z"), text) is not None
    regex = ""
    tokens = re.findall(r"\\.|.|\\", node.pattern, re.DOTALL)
    for token in tokens:
        regex += {"%": ".*", "_": "."}.get(token) or re.escape(token[-1])
    return re.fullmatch(regex, text, re.DOTALL | (re.IGNORECASE if node.ignore_case else 0)) is not None


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_number(text):
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        return None


def equals_param(value, literal):
    """Leniently: a text that is written as the value is the value."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(literal, str):
        if written == literal:
            return True
        if literal.lower() in ("true", "false"):
            return equals_param(value, literal.lower() == "true")
        number = as_number(literal)
        return number is not None and equals_param(value, number)
    if isinstance(literal, bool):
        return value is literal or value in (str(literal), str(literal).lower())
    if is_number(value):
        return compare("=", value, literal)
    if not isinstance(value, str):
        return False
    if isinstance(literal, float) and math.isnan(literal):
        return value in ("nan", "NaN")
    return value == repr(literal) or (
        isinstance(literal, float) and 2**53 <= abs(literal) < INF and value == str(int(literal))
    )


def holds_param(node, value):
    if isinstance(node, In):
        return any(equals_param(value, literal) for literal in node.values)
    if isinstance(node, Compare):
        if node.operator in ("=", "!="):
            return equals_param(value, node.value) == (node.operator == "=")
        number = as_number(node.value) if isinstance(node.value, str) else node.value
        if is_number(value):
            return number is not None and compare(node.operator, value, number)
        return isinstance(value, str) and isinstance(node.value, str) and compare(node.operator, value, node.value)
    return holds_text(node, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


# --- orders


def sort_key(key, run):
    """(rank, value …) for ascending order; ranks never turn around."""
    value = value_of(key.field, run)
    if isinstance(key.field, Param):
        if value is MISSING:
            return 3, 0.0, ""
        if isinstance(value, (bool, int, float)):
            try:
                number = float(value)
            except OverflowError:
                number = INF if value > 0 else -INF
            return (2, 0.0, "") if math.isnan(number) else (0, number, "")
        return 1, 0.0, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    empty = 0 if not isinstance(key.field, (Tag,)) and key.field != Attribute("name") else ""
    if value is MISSING:
        return 2, empty
    return (1, empty) if isinstance(value, float) and math.isnan(value) else (0, value)


ORDER_FIELD = st.one_of(
    METRIC,
    st.builds(Param, KEY),
    st.builds(Tag, KEY),
    st.sampled_from([Attribute(n) for n in ("name", "status", "started", "ended", "duration", "points", "archived")]),
)
ORDER = st.lists(st.builds(OrderKey, ORDER_FIELD, st.booleans()), min_size=1, max_size=3)


def expected_order(runs, order, uid):
    found = list(range(len(runs)))
    last = order[-1].descending
    found.sort(key=uid, reverse=last)
    found.sort(key=lambda i: runs[i]["started_ns"], reverse=last)
    for key in reversed(order):
        parts = len(sort_key(key, runs[0]))
        for part in reversed(range(1, parts)):
            found.sort(key=lambda i, k=key, p=part: sort_key(k, runs[i])[p], reverse=key.descending)
        found.sort(key=lambda i, k=key: sort_key(k, runs[i])[0])
    return found


SETTINGS = settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(runs=RUNS, tree=TREE)
def test_sql_agrees_with_python(find, runs, tree):
    assert find(runs, tree, clock=CLOCK) == [i for i, run in enumerate(runs) if evaluate(tree, run) is True]


@SETTINGS
@given(runs=RUNS, tree=TREE)
def test_each_run_is_true_false_or_unknown(find, runs, tree):
    holds, fails = find(runs, tree, clock=CLOCK), find(runs, Not(tree), clock=CLOCK)
    assert not set(holds) & set(fails)
    assert fails == [i for i, run in enumerate(runs) if evaluate(tree, run) is False]


@SETTINGS
@given(runs=RUNS, order=ORDER, limit=st.integers(1, 4))
def test_pages_of_any_order_are_the_sorted_list(make_catalog, runs, order, limit):
    def value_at(uid, key, step):
        points = runs[index[uid]]["metrics"][key]
        return next((value for s, value in reversed(points) if s == step), None)

    index = {make_catalog.uid(number): number for number in range(len(runs))}
    catalog = make_catalog(runs)
    found, cursor = [], None
    while True:
        page = catalog.page(None, order, limit, cursor, value_at=value_at)
        assert len(page.uids) <= limit
        found += [index[uid] for uid in page.uids]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.uids) == limit
    assert found == expected_order(runs, order, make_catalog.uid)


@pytest.mark.parametrize("state", ["ended", "open"])
@pytest.mark.parametrize("literal", BIG)
@pytest.mark.parametrize("operator", OPERATORS)
def test_integers_of_any_size_compare_exactly(find, literal, operator, state):
    stored = [*BIG, 9007199254740992.0, 1e20, INF, -INF, 0.5]
    runs = [{"params": {"k": value}, "state": state} for value in stored]
    expected = [i for i, value in enumerate(stored) if compare(operator, value, literal)]
    assert find(runs, Compare(Param("k"), operator, literal)) == expected
