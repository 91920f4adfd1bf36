"""From the text of a query, or of an order, to the tree: an LALR grammar, and errors that point at the column."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, cast

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from runlore.errors import QuerySyntaxError, WrongType
from runlore.query.builder import EXPECTED_FIELD, EXPECTED_VALUE, Builder, Refused, guard
from runlore.query.expression import EVERYTHING, Expression, OrderKey
from runlore.query.fields import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LENGTH = 65_536
"""Characters in a query."""


_EXPECTED = {
    "$END": "the end",
    "BARE": "a word",
    "STRING": "a quoted value",
    "OPERATOR": "a comparison (= != < <= > >=)",
    "TEXT_OPERATOR": "like, ilike, contains or matches",
    "NOT": "not",
    "_AND": "and",
    "_OR": "or",
    "IN": "in (…)",
    "IS": "is [not] null",
    "NULL": "null",
    "BETWEEN": "between … and …",
    "DIRECTION": "asc or desc",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
}


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
    if text is None:
        return EVERYTHING
    return cast("Expression", _run(text, "query", "query"))


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
        return cast("tuple[OrderKey, ...]", _run(order_by, "order", "order_by")) if order_by.strip() else ()
    if not isinstance(order_by, (list, tuple)):
        raise WrongType(f"order_by={order_by!r} must be text or a list of texts, not {type(order_by).__name__}")
    if not all(isinstance(part, (str, OrderKey)) for part in order_by):
        raise WrongType(f"order_by={order_by!r}: each key must be text or an OrderKey")
    return tuple(key for part in order_by for key in parse_order(part))


def _run(text: str, start: str, argument: str) -> Expression | tuple[OrderKey, ...]:
    if not isinstance(text, str):
        raise WrongType(f"{argument}={text!r} must be text, not {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"the query has {len(text):,} characters; at most {MAX_LENGTH:,} are possible",
            query=text,
            column=MAX_LENGTH + 1,
        )
    try:
        guard(lambda: check_text(text), 1)
        return cast("Expression | tuple[OrderKey, ...]", _parser().parse(text, start=start))
    except UnexpectedInput as error:
        refused = _explain(error, text)
    except Refused as error:
        refused = error
    raise QuerySyntaxError(
        refused.reason, query=text, column=refused.column, expected=refused.expected, word=refused.word
    )


@functools.lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files("runlore.query").joinpath("grammar.lark").read_text("utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        start=["query", "order"],
        transformer=Builder(),
        maybe_placeholders=True,
    )


def _explain(error: UnexpectedInput, text: str) -> Refused:
    ended = isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END")
    position = len(text) if ended else cast("int", error.pos_in_stream)
    if isinstance(error, UnexpectedCharacters):
        accepted = set(error.allowed or ())
    else:
        accepted = set(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
    expected = _expected(accepted)
    if ended:
        return Refused("the query ends too early", position + 1, expected)
    found = text[position]
    if found in "'\"`" and not (isinstance(error, UnexpectedToken)):
        return Refused(f"the quote {found} opened here is never closed", position + 1, "")
    word = str(error.token) if isinstance(error, UnexpectedToken) else found
    shown = word if len(word) <= 40 else f"{word[:40]}…"
    return Refused(f"{shown!r} cannot stand here", position + 1, expected)


def _expected(accepted: set[str]) -> str:
    if "STRING" in accepted:
        return EXPECTED_VALUE
    if "QUOTED_REFERENCE" in accepted:
        return EXPECTED_FIELD
    return " or ".join(_EXPECTED[name] for name in _EXPECTED if name in accepted)
