"""No input reaches SQL as text: the statement depends on the shape of a query, never on what its strings say."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.catalog.database.base import Connection
from runlore.catalog.search import fetch_page
from runlore.catalog.search.selection import make_selection
from runlore.errors import InvalidArgument, QuerySyntaxError
from runlore.query import (
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
)

HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20),
    st.sampled_from(
        [
            "'",
            "''",
            '"',
            "`",
            "\\",
            "%",
            "?",
            ":x",
            ":param_1",
            "%(x)s",
            "';--",
            "') OR 1=1 --",
            "'; DROP TABLE runs; --",
            "\x1a",
            "/*",
            "__[POSTCOMPILE_x]",
            "\u2019",
            "1",
            "nan",
            "true",
        ]
    ),
)
FIELD = st.one_of(
    st.builds(Param, HOSTILE),
    st.builds(Tag, HOSTILE),
    st.just(Tags()),
    st.sampled_from([Attribute("name"), Attribute("experiment"), Attribute("status")]),
)
METRIC = st.one_of(
    st.builds(Metric, HOSTILE), st.builds(Metric, HOSTILE, st.just("mean")), st.builds(MetricAt, HOSTILE, st.just(1.0))
)
CONDITION = st.one_of(
    st.builds(Compare, FIELD, st.sampled_from(["=", "!=", "<", ">="]), HOSTILE),
    st.builds(Compare, METRIC, st.sampled_from(["=", "!=", "<", ">="]), st.floats()),
    st.builds(In, FIELD, st.lists(HOSTILE, min_size=1, max_size=3).map(tuple)),
    st.builds(Like, FIELD, HOSTILE, st.booleans()),
    st.builds(Contains, FIELD, HOSTILE),
    st.builds(Matches, FIELD, HOSTILE.map(lambda text: "".join(f"\\x{{{ord(c):x}}}" for c in text))),
    st.builds(IsNull, st.one_of(FIELD, METRIC)),
)
TREE = st.recursive(
    CONDITION,
    lambda inner: st.one_of(inner.map(Not), st.tuples(inner, inner).map(And), st.tuples(inner, inner).map(Or)),
    max_leaves=4,
)
ORDER = st.lists(st.builds(OrderKey, st.one_of(METRIC, FIELD.filter(lambda f: f != Tags())), st.booleans()), max_size=2)
EXPERIMENT = st.none() | HOSTILE
SETTINGS = settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = re.compile(r"[a-z_]+[a-z_0-9]*|[A-Z]+|[0-9.]+|[-?(),.=<>!+*/\s]|'(\\|%[.en]%|)'|%s", re.ASCII)


def nothing_there(uid, key, step):
    return None


def innocent(text):
    """Text of the same kind: what reads as a number or a truth value stays, letters stay letters."""
    if re.fullmatch(
        r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan))\s*|true|false|null", text, re.IGNORECASE
    ):
        return text
    if text.startswith("\\x{"):
        return "a"
    return "k" if text.isascii() else "é"


def tamed(node):
    """The same tree with other strings in it."""
    if isinstance(node, (tuple, list)):
        return type(node)(tamed(item) for item in node)
    if isinstance(node, Attribute) or not is_dataclass(node):
        return node
    changes = {}
    for field in fields(node):
        value = getattr(node, field.name)
        is_own = field.name in ("operator", "aggregate", "descending", "ignore_case")
        changes[field.name] = value if is_own else innocent(value) if isinstance(value, str) else tamed(value)
    if isinstance(node, In):
        changes["values"] = tuple(innocent(value) for value in node.values)
    return replace(node, **changes)


class Recording(Connection):
    """A connection that can only read, and notes what it is asked."""

    def __init__(self, connection):
        self.dialect, self.value_at, self.check_time = connection.dialect, nothing_there, connection.check_time
        self._connection = connection
        self.statements = []

    def rows(self, statement, *values):
        self.statements.append(statement if isinstance(statement, str) else statement.text)
        return self._connection.rows(statement, *values)

    def stream(self, statement):
        self.statements.append(statement.text)
        return self._connection.stream(statement)

    check_time = run = run_many = insert = None


def statement_of(catalog, tree, order):
    with catalog.database.reading() as connection:
        chosen = make_selection(connection, tree, order, 10, None, experiment=None, include_deleted=False, clock=None)
        text = chosen.page(chosen.filter.condition, 10).text
    return re.sub(r"IN \([?, ]+\)", "IN LIST", text)


@SETTINGS
@given(tree=TREE, order=ORDER)
def test_the_statement_does_not_depend_on_strings(make_catalog, tree, order):
    catalog = make_catalog([])
    names = [(type(key.field), getattr(key.field, "key", key.field)) for key in order]
    if len(set(names)) < len(names) or len({innocent(str(name)) for _, name in names}) < len(names):
        order = order[:1]
    assert statement_of(catalog, tree, order) == statement_of(catalog, tamed(tree), tamed(order))


@SETTINGS
@given(tree=TREE, order=ORDER, experiment=EXPERIMENT)
def test_what_is_executed_is_made_of_known_words(make_catalog, tree, order, experiment):
    catalog = make_catalog([{"params": {"a": "b"}, "tags": {"c": "d"}, "metrics": {"e": [(0, 1.0)]}}])
    with catalog.database.reading() as connection:
        recording = Recording(connection)
        try:
            fetch_page(recording, tree, order, 1, experiment=experiment)
        except InvalidArgument as error:
            assert "runs backwards" in str(error)  # noqa: PT017 - of a glob; anything else is a fault
            return
    assert recording.statements
    for statement in recording.statements:
        assert WORDS.sub("", statement) == "", WORDS.sub("", statement)


@SETTINGS
@given(st.text("ab=<>'\"`()\\%_ andortgsmeic.p0123456789;-*/", max_size=40).map(lambda text: f"tags.{text}"))
def test_any_query_that_can_be_read_can_be_executed(make_catalog, text):
    catalog = make_catalog([])
    try:
        catalog.page(text, "-metrics.a", value_at=nothing_there)
    except QuerySyntaxError as error:
        assert error.query == text  # noqa: PT017 - most texts are no query
