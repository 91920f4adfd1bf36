"""Conditions on params, which are of any type: numbers compare as numbers, text as text, true and false as themselves.

Lenient where types differ only in writing, because many clients log every param as text: `params.lr = 0.1`,
`params.lr = '0.1'` and a param that was logged as `"0.1"` all agree. Integers compare exactly at any size, by their
digits in the JSON, where float64 cannot tell them apart.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

from runlore.catalog.search.conditions import COMPARISONS, PLAIN, on_text
from runlore.errors import InvalidArgument
from runlore.query.expression import Compare, Condition, In
from runlore.query.values import as_float, is_nan, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.catalog.search.functions import QueryFunctions
    from runlore.query.expression import Operator, Value

Truth: TypeAlias = "sa.ColumnElement[bool]"

EXACT = 2**53
"""From here on, float64 cannot tell every integer from its neighbours."""

_FLAGS = ("true", "false")


def param_condition(node: Condition, table: sa.Table, functions: QueryFunctions) -> Truth:
    """SQL that is true where the condition holds, and false or NULL elsewhere. The row is there and is not null."""
    if isinstance(node, In):
        return _equals(node.values, table)
    if not isinstance(node, Compare):
        return on_text(node, table.c.text, functions)
    if node.operator == "=":
        return _equals((node.value,), table)
    if node.operator == "!=":
        return sa.not_(sa.func.coalesce(_equals((node.value,), table), sa.false()))
    return _ordered(node.operator, node.value, table, functions)


def _equals(many: Iterable[Value], table: sa.Table) -> Truth:
    return sa.or_(*equalities(many, table))


def equalities(many: Iterable[Value], table: sa.Table) -> list[Truth]:
    """Alternatives that together say that a param equals one of the values; each can use an index of its own.

    A check of the JSON would cost a look at the row, so it is made only where true, false or None could intrude.
    """
    texts: set[str] = set()
    numbers: set[float] = set()
    for value in many:
        _gather(value, texts, numbers)
    by_text = table.c.text.in_(sorted(texts))
    found = [sa.and_(by_text, table.c.json != "null") if "null" in texts else by_text]
    if numbers:
        by_number = table.c.num.in_(sorted(numbers))
        found.append(sa.and_(by_number, table.c.json.not_in(_FLAGS)) if numbers & {0.0, 1.0} else by_number)
    return found


def _gather(value: Value, texts: set[str], numbers: set[float]) -> None:
    """The texts and the numbers that equal the value. The text of a param that is not a string is its JSON."""
    read = value
    if isinstance(value, str):
        texts.add(value)
        if value.lower() in _FLAGS:
            read = value.lower() == "true"
        else:
            parsed = number(value.strip())
            if parsed is None:
                return
            read = parsed
    if isinstance(read, bool):
        texts.update((str(read), str(read).lower()))
    elif isinstance(read, (int, float)):
        _gather_number(read, texts, numbers)


def _gather_number(value: float, texts: set[str], numbers: set[float]) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        texts.update((json.dumps(value), repr(value)))  # by their text: an integer beyond float64 has inf as its number
        return
    whole = _exact_integer(value)
    if whole is None:
        texts.add(repr(value))
        numbers.add(float(value))
        return
    texts.add(str(whole))
    near = as_float(whole)
    if math.isfinite(near) and int(near) == whole:
        texts.add(repr(near))


def _ordered(symbol: Operator, value: Value, table: sa.Table, functions: QueryFunctions) -> Truth:
    if isinstance(value, (int, float)):
        return _ordered_number(symbol, value, table, functions)
    if not isinstance(value, str):
        raise InvalidArgument(f"params are not compared with {value!r}")
    is_text = sa.func.substr(table.c.json, 1, 1) == '"'
    as_text = sa.and_(is_text, COMPARISONS[symbol](functions.binary(table.c.text), value))
    read = number(value.strip())
    return as_text if read is None else sa.or_(as_text, _ordered_number(symbol, read, table, functions))


def _ordered_number(symbol: Operator, value: float, table: sa.Table, functions: QueryFunctions) -> Truth:
    if is_nan(value):
        return sa.false()
    is_number = table.c.json.not_in(_FLAGS)
    whole = _exact_integer(value)
    near = as_float(value)
    if whole is None and math.isfinite(near):
        return sa.and_(is_number, COMPARISONS[symbol](table.c.num, near))
    strictly: Operator = "<" if symbol in ("<", "<=") else ">"
    beyond = COMPARISONS[strictly](table.c.num, near)
    return sa.and_(is_number, sa.or_(beyond, sa.and_(table.c.num == near, _exactly(symbol, value, table, functions))))


def _exactly(symbol: Operator, value: float, table: sa.Table, functions: QueryFunctions) -> Truth:
    """Among numbers that float64 cannot tell from the value: integers by length and digits, floats by what they are."""
    column, near = functions.binary(table.c.json), as_float(value)
    is_integer = sa.and_(column.not_like("%.%"), column.not_like("%e%"), column.not_like("%n%"))
    whole = _exact_integer(value)
    integers = _constant(PLAIN[symbol](0, near)) if whole is None else _by_digits(symbol, whole, column)
    floats = _constant(PLAIN[symbol](near, value))
    return sa.or_(sa.and_(is_integer, integers), sa.and_(sa.not_(is_integer), floats))


def _by_digits(symbol: Operator, whole: int, column: sa.ColumnElement[str]) -> Truth:
    digits, length = str(whole), sa.func.length(column)
    onward = COMPARISONS["<" if (symbol in ("<", "<=")) == (whole > 0) else ">"]
    clauses = [onward(length, len(digits)), sa.and_(length == len(digits), onward(column, digits))]
    if symbol in ("<=", ">="):
        clauses.append(column == digits)
    return sa.or_(*clauses)


def _constant(truth: bool) -> Truth:
    return sa.true() if truth else sa.false()


def _exact_integer(value: float) -> int | None:
    """The value as an integer, when it is one that must be compared by its digits."""
    is_finite = isinstance(value, int) or math.isfinite(value)
    return int(value) if is_finite and abs(value) >= EXACT else None
