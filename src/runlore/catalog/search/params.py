"""Conditions on params as SQL; what they mean is in `runlore.query.params`.

Integers compare exactly at any size, by their digits in the text, where float64 cannot tell them apart.
"""

from __future__ import annotations

import json
import math
import operator
from typing import TYPE_CHECKING, Any

from runlore.catalog.database.sql import FALSE, TRUE, Sql, all_of, any_of, negated, not_true, one_of, sql
from runlore.catalog.database.tables import FLAG, NULL, NUMBER, WORDS
from runlore.catalog.search.conditions import on_text
from runlore.errors import InvalidArgument
from runlore.query.expression import Compare, In
from runlore.query.values import as_float, is_nan, number
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runlore.catalog.database.base import Dialect
    from runlore.query.expression import Condition, Operator, Value

_EXACT = 2**53
"""From here on, float64 cannot tell every integer from its neighbours."""

_FLAGS = ("true", "false")
_HOLDS: dict[Operator, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_NOT_FLAG = sql(f"params.kind != {FLAG}")
_IS_NUMBER = sql(f"params.kind = {NUMBER}")
_IS_WORDS = sql(f"params.kind = {WORDS}")
PRESENT = sql(f"params.kind != {NULL}")
"""A param of None counts as missing."""


def param_condition(node: Condition, dialect: Dialect) -> Sql | None:
    """SQL over `params` that is true where the condition holds, and false or NULL elsewhere. The param is not null.

    None: the database cannot tell.
    """
    if isinstance(node, In):
        return any_of(*equalities(node.values))
    if not isinstance(node, Compare):
        return on_text(node, "params.text", dialect)
    if node.operator == "=":
        return any_of(*equalities((node.value,)))
    if node.operator == "!=":
        return not_true(any_of(*equalities((node.value,))))
    return _ordered(node.operator, node.value)


def equalities(many: Iterable[Value]) -> list[Sql]:
    """Alternatives that together say that a param equals one of the values; each can use an index of its own.

    A check of the kind would cost a look at the row, so it is made only where true or false could intrude.
    """
    texts: set[str] = set()
    numbers: set[float] = set()
    for value in many:
        _gather(value, texts, numbers)
    found = [one_of("params.text", sorted(map(to_stored, texts)))]
    if numbers:
        by_number = one_of("params.num", sorted(numbers))
        found.append(all_of(by_number, _NOT_FLAG) if numbers & {0.0, 1.0} else by_number)
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


def _ordered(symbol: Operator, value: Value) -> Sql:
    if isinstance(value, (int, float)):
        return _ordered_number(symbol, value)
    if not isinstance(value, str):
        raise InvalidArgument(f"params are not compared with {value!r}")
    as_text = all_of(_IS_WORDS, sql(f"params.text {symbol} ?", to_stored(value)))
    read = number(value.strip())
    return as_text if read is None else any_of(as_text, _ordered_number(symbol, read))


def _ordered_number(symbol: Operator, value: float) -> Sql:
    if is_nan(value):
        return FALSE
    whole = _exact_integer(value)
    near = as_float(value)
    if whole is None and math.isfinite(near):
        return all_of(_NOT_FLAG, sql(f"params.num {symbol} ?", near))
    strictly = "<" if symbol in ("<", "<=") else ">"
    beyond = sql(f"params.num {strictly} ?", near)
    same = all_of(sql("params.num = ?", near), _exactly(symbol, value))
    return all_of(_IS_NUMBER, any_of(beyond, same))


def _exactly(symbol: Operator, value: float) -> Sql:
    """Among numbers that float64 cannot tell from the value: integers by length and digits, floats by what they are."""
    near = as_float(value)
    is_integer = all_of(*(sql(f"params.text NOT LIKE '%{sign}%'") for sign in ".en"))
    whole = _exact_integer(value)
    integers = _constant(_HOLDS[symbol](0, near)) if whole is None else _by_digits(symbol, whole)
    floats = _constant(_HOLDS[symbol](near, value))
    return any_of(all_of(is_integer, integers), all_of(negated(is_integer), floats))


def _by_digits(symbol: Operator, whole: int) -> Sql:
    digits = str(whole)
    onward = "<" if (symbol in ("<", "<=")) == (whole > 0) else ">"
    clauses = [
        sql(f"length(params.text) {onward} ?", len(digits)),
        all_of(sql("length(params.text) = ?", len(digits)), sql(f"params.text {onward} ?", digits)),
    ]
    if symbol in ("<=", ">="):
        clauses.append(sql("params.text = ?", digits))
    return any_of(*clauses)


def _constant(truth: bool) -> Sql:
    return TRUE if truth else FALSE


def _exact_integer(value: float) -> int | None:
    """The value as an integer, when it is one that must be compared by its digits."""
    is_finite = isinstance(value, int) or math.isfinite(value)
    return int(value) if is_finite and abs(value) >= _EXACT else None
