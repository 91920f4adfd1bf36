"""The query language: text to tree, tree to SQL, pages of runs. See docs/reference/query-language.md.

    parse(text) ─► Expression ─► compile_filter ─┐
    parse_order(text) ─► OrderKey ─► compile_order ─┴─► select_runs ─► fetch_page ─► Page

Other query syntaxes build the same tree from the classes of `runlore.query.expression`.
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
from runlore.query.filters import compile_filter
from runlore.query.functions import QueryFunctions, SqliteFunctions
from runlore.query.order import Order, compile_order
from runlore.query.page import Page, RunKey, fetch_page, iterate_pages
from runlore.query.parser import parse, parse_order
from runlore.query.select import select_runs
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
    "Not",
    "Operator",
    "Or",
    "Order",
    "OrderKey",
    "Page",
    "Param",
    "QueryFunctions",
    "RunKey",
    "SqliteFunctions",
    "Tag",
    "Tags",
    "Value",
    "attribute",
    "compile_filter",
    "compile_order",
    "fetch_page",
    "iterate_pages",
    "parse",
    "parse_order",
    "select_runs",
]
