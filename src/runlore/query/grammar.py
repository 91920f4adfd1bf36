"""An LALR grammar for queries and orders, and errors that point at the column."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, cast

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from runlore.errors import QuerySyntaxError, WrongType
from runlore.query.builder import EXPECTED_FIELD, EXPECTED_VALUE, Builder, Refused, guard
from runlore.query.fields import check_text

if TYPE_CHECKING:
    from runlore.query.expression import Expression, OrderKey

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


def read(text: str, start: str, argument: str) -> Expression | tuple[OrderKey, ...]:
    """What a text says, read by the rule of the grammar with which it starts: `query` or `order`.

    Raises:
        QuerySyntaxError: it says nothing; the error points at the column and says what could stand there.
        WrongType: it is not text.
    """
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
