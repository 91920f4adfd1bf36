"""From the text of a query, or of an order, to the tree. The grammar is loaded with the first text that needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, WrongType
from runlore.query.expression import (
    EVERYTHING,
    And,
    Compare,
    Contains,
    Expression,
    In,
    IsNull,
    Like,
    Matches,
    Not,
    Or,
    OrderKey,
)
from runlore.query.fields import attribute, field

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(text: str | None) -> Expression:
    """The tree of a query. None, or nothing but blanks, is `And(())`: every run.

    Raises:
        QuerySyntaxError: the text is no query; it points at the column and says what could stand there.
        WrongType: it is not text.

    Example:
        >>> parse("metrics.loss < 0.1 and not status = failed")
        And(operands=(Compare(field=Metric(key='loss', aggregate='last'), operator='<', value=0.1), \
Not(operand=Compare(field=Attribute(name='status'), operator='=', value='failed'))))
        >>> parse("metrics.loss <")
        Traceback (most recent call last):
        ...
        runlore.errors.QuerySyntaxError: the query ends too early
          metrics.loss <
                        ^ expected a value: a number, true, false, or text in quotes
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return EVERYTHING
    from runlore.query.grammar import read_query

    return read_query(text)


_NODES = (And, Or, Not, Compare, In, Like, Contains, Matches, IsNull)


def tree_of(query: str | Expression | None) -> Expression:
    """The tree of a query that is text, or a tree already.

    Raises:
        QuerySyntaxError: the text is no query.
        WrongType: it is neither.
    """
    return query if isinstance(query, _NODES) else parse(query)


def parse_order(order_by: str | Sequence[str | OrderKey] | OrderKey | None) -> tuple[OrderKey, ...]:
    """The keys of an order: `"-metrics.acc"`, `"metrics.acc desc, started"`, or a list of such.

    Raises:
        QuerySyntaxError: the text is no order.
        WrongType: it is neither text nor a list of texts and keys.

    Example:
        >>> parse_order("-metrics.acc, started")
        (OrderKey(field=Metric(key='acc', aggregate='last'), descending=True), \
OrderKey(field=Attribute(name='started'), descending=False))
    """
    if order_by is None:
        return ()
    if isinstance(order_by, OrderKey):
        return (order_by,)
    if isinstance(order_by, str):
        simple = _simple_order(order_by)
        if simple is not None:
            return simple
        from runlore.query.grammar import read_order

        return read_order(order_by)
    if not isinstance(order_by, (list, tuple)):
        raise WrongType(f"order_by={order_by!r} must be text or a list of texts, not {type(order_by).__name__}")
    if not all(isinstance(part, (str, OrderKey)) for part in order_by):
        raise WrongType(f"order_by={order_by!r}: each key must be text or an OrderKey")
    return tuple(key for part in order_by for key in parse_order(part))


_SIMPLE_KEY = re.compile(r"\s*(?P<minus>-?)(?:(?P<prefix>[A-Za-z]+)\.)?(?P<name>[A-Za-z_][A-Za-z0-9_/]*)\s*").fullmatch


def _simple_order(text: str) -> tuple[OrderKey, ...] | None:
    """Plain names, as most orders are, without loading the grammar; None where it has to say what the text is."""
    if not text.strip():
        return ()
    keys = []
    for part in text.split(","):
        found = _SIMPLE_KEY(part)
        if found is None or found["name"].lower() in _WORDS:
            return None
        try:
            named = field(found["prefix"], found["name"]) if found["prefix"] else attribute(found["name"])
        except InvalidArgument:
            return None  # the grammar says where
        keys.append(OrderKey(named, bool(found["minus"])))
    return tuple(keys)


_WORDS = frozenset({"and", "or", "not", "in", "is", "null", "none", "between", "like", "ilike", "contains", "matches"})
"""Words of the grammar, which are no names."""
