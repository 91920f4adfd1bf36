"""The query language: text to tree, orders, globs and values. See docs/reference/query-language.md.

    parse(text) ─► Expression        parse_order(text) ─► OrderKey

Nothing here knows of a database: an index makes of a tree what it needs. Other query syntaxes build the same tree from
the classes of `runlore.query.expression`.
"""

from __future__ import annotations

from runlore.query.expression import (
    EVERYTHING,
    Aggregate,
    And,
    Attribute,
    Compare,
    Condition,
    Contains,
    Expression,
    Field,
    In,
    IsNull,
    Like,
    Matches,
    Metric,
    MetricAt,
    MetricBest,
    Not,
    Operator,
    Or,
    OrderKey,
    Param,
    Tag,
    Tags,
    Value,
)
from runlore.query.fields import ATTRIBUTES, attribute
from runlore.query.parser import parse, parse_order
from runlore.query.values import Clock

__all__ = [
    "ATTRIBUTES",
    "EVERYTHING",
    "Aggregate",
    "And",
    "Attribute",
    "Clock",
    "Compare",
    "Condition",
    "Contains",
    "Expression",
    "Field",
    "In",
    "IsNull",
    "Like",
    "Matches",
    "Metric",
    "MetricAt",
    "MetricBest",
    "Not",
    "Operator",
    "Or",
    "OrderKey",
    "Param",
    "Tag",
    "Tags",
    "Value",
    "attribute",
    "parse",
    "parse_order",
]
