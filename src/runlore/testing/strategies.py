"""What Hypothesis draws for stores and indexes: names, values, queries and orders, chosen where answers could differ.

Needs Hypothesis. Few keys and values, so that runs, queries and orders meet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from runlore.query.expression import (
    AGGREGATES,
    OPERATORS,
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

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from runlore.query.expression import Condition, Expression

EXPERIMENTS = ["a", "a/b", "ü"]
KEYS = ["k", "a/b", "größe", "\ud800x"]
"""Of params, metrics and tags; a query can name all but the last."""

NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 1e300, 5e-324, math.inf, -math.inf, math.nan]
BIG = [2**53, 2**53 + 1, -(2**53) - 1, 2**63, 10**20, 10**20 + 1, 10**400, -(10**400)]
TEXTS = ["", "a", "A", "aB%", "a_b", "a*b", "é", "É", "[x]", "0.1", "1", "true", "True", "nan", "b\nc", "\\", "'"]
ODD_TEXTS = [*TEXTS, "a\0b", "\ud800"]
"""Also those that a query cannot say."""

PARAMS = [None, True, False, 0, 1, 0.1, 1.0, 1e16, 2.0**53, math.inf, -math.inf, math.nan, [1, "ä"], {"a": 1}, *BIG]

numbers = st.sampled_from(NUMBERS)
steps = st.none() | st.sampled_from([0.0, 1.0, 2.5, -1.0, 2.0**53, math.inf])
keys = st.sampled_from(KEYS)
params = st.sampled_from([*PARAMS, *ODD_TEXTS])
texts = st.sampled_from(ODD_TEXTS)
experiments = st.sampled_from(EXPERIMENTS)

_ASKED = st.sampled_from([*KEYS[:-1], "missing"])
_SAID = st.sampled_from(TEXTS)
_ANY_SAID = st.sampled_from([True, False, 0, 1, 0.1, 1e16, 2.0**53, math.inf, -math.inf, math.nan, *BIG]) | _SAID
_OPERATOR = st.sampled_from(OPERATORS)
_METRIC = st.builds(Metric, _ASKED, st.sampled_from(AGGREGATES)) | st.builds(
    MetricAt, _ASKED, st.sampled_from([0.0, 1.0, 2.5, 7.0])
)
_TEXT_FIELD = st.builds(Tag, _ASKED) | st.sampled_from(
    [Attribute("name"), Attribute("status"), Attribute("experiment"), Tags()]
)
_PATTERN = st.sampled_from(["%", "a%", "%B%", "a_", "_", "", "a\\_b", "a\\%", "É%", "é", "[x]", "%*%", "\\\\", "\\"])
_REGEX = st.sampled_from(["a", "^a", "b$", "^$", "[ab]+", "(?i)É", ".c", "\\d", "x"])
_TEXT_LIKE = _TEXT_FIELD | st.builds(Param, _ASKED)


def _ordered(operator: str, value: Any) -> bool:
    """Whether a comparison is allowed: true and false have no order."""
    return not isinstance(value, bool) or operator in ("=", "!=")


conditions: SearchStrategy[Condition] = st.one_of(
    st.builds(Compare, _METRIC, _OPERATOR, numbers | st.sampled_from(BIG)),
    st.builds(In, _METRIC, st.lists(numbers, max_size=3).map(tuple)),
    st.builds(Compare, _TEXT_FIELD, _OPERATOR, _SAID),
    st.builds(In, _TEXT_FIELD, st.lists(_SAID, max_size=3).map(tuple)),
    st.builds(Compare, st.builds(Param, _ASKED), _OPERATOR, _ANY_SAID).filter(lambda c: _ordered(c.operator, c.value)),
    st.builds(In, st.builds(Param, _ASKED), st.lists(_ANY_SAID, max_size=4).map(tuple)),
    st.builds(
        Compare,
        st.just(Attribute("points")),
        _OPERATOR,
        st.sampled_from([0, 1, 1.5, 2**53 + 1, -math.inf, math.nan, 10**30, "2"]),
    ),
    st.builds(Compare, st.just(Attribute("archived")), st.sampled_from(["=", "!="]), st.booleans()),
    st.builds(Like, _TEXT_LIKE, _PATTERN, st.booleans()),
    st.builds(Contains, _TEXT_LIKE, _SAID),
    st.builds(Matches, _TEXT_LIKE, _REGEX),
    st.builds(IsNull, st.one_of(_METRIC, _TEXT_LIKE, st.just(Attribute("ended")))),
)
"""One condition."""

queries: SearchStrategy[Expression] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda operands: And(tuple(operands))),
        st.lists(inner, max_size=3).map(lambda operands: Or(tuple(operands))),
    ),
    max_leaves=5,
)
"""Trees of conditions."""

orders: SearchStrategy[list[OrderKey]] = st.lists(
    st.builds(
        OrderKey,
        st.one_of(
            _METRIC,
            st.builds(Param, _ASKED),
            st.builds(Tag, _ASKED),
            st.sampled_from(
                [
                    Attribute(name)
                    for name in ("name", "status", "started", "ended", "duration", "points", "archived", "number")
                ]
            ),
        ),
        st.booleans(),
    ),
    max_size=3,
)
"""Orders of up to three keys."""
