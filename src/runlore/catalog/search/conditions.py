"""One condition on one column: numbers with NaN as NULL, integers, times, durations, flags and text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from runlore.catalog.database.sql import FALSE, Sql, all_of, any_of, one_of
from runlore.query import values
from runlore.query.expression import Compare, Contains, In, Like, Matches
from runlore.query.fields import Kind
from runlore.query.values import is_nan
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.database.base import Dialect
    from runlore.query.expression import Condition, Operator, Value
    from runlore.query.values import Clock

_MOST = 2**63


def on_column(node: Condition, kind: Kind, column: Sql, dialect: Dialect, clock: Clock) -> Sql | None:
    """SQL that is true where the condition holds, and false or NULL elsewhere. The row is there.

    None: the database cannot tell.
    """
    if isinstance(node, Compare):
        return _compare(node.operator, node.value, kind, column, clock)
    if isinstance(node, In):
        return _member(node.values, kind, column, clock)
    return on_text(node, column.text, dialect)


def on_text(node: Condition, column: str, dialect: Dialect) -> Sql | None:
    """`like`, `ilike`, `contains`, `matches`. None: the database cannot tell."""
    if isinstance(node, Like):
        pattern = to_stored(node.pattern)
        return dialect.ilike(column, pattern) if node.ignore_case else dialect.like(column, pattern)
    if isinstance(node, Contains):
        return dialect.contains(column, to_stored(node.text))
    assert isinstance(node, Matches), node  # noqa: S101 - the other conditions were dealt with
    return dialect.matches(column, node.pattern)


def compare(column: Sql, symbol: Operator, value: float | str) -> Sql:
    """`column symbol value`."""
    return Sql(f"{column.text} {symbol} ?", (*column.values, value))


def is_null(column: Sql) -> Sql:
    """There is no value."""
    return Sql(f"{column.text} IS NULL", column.values)


def is_not_null(column: Sql) -> Sql:
    """There is a value."""
    return Sql(f"{column.text} IS NOT NULL", column.values)


def _compare(symbol: Operator, value: Value, kind: Kind, column: Sql, clock: Clock) -> Sql:
    if kind is Kind.NUMBER:
        return on_number(symbol, values.to_number(value), column)
    if kind is Kind.TIME:
        return _on_time(symbol, values.to_time(value, clock), column)
    if kind is Kind.TEXT:
        return compare(column, symbol, to_stored(values.to_text(value)))
    return _on_whole(symbol, _whole(kind, value), column)


def on_number(symbol: Operator, value: float, column: Sql) -> Sql:
    """Comparison of float64 as IEEE has it, but that `= nan` finds NaN. NULL in the column is NaN."""
    if is_nan(value):
        if symbol in ("=", "!="):
            return is_null(column) if symbol == "=" else is_not_null(column)
        return FALSE
    if symbol == "!=":
        return any_of(compare(column, "!=", value), is_null(column))
    return compare(column, symbol, value)


def _on_time(symbol: Operator, span: values.Span, column: Sql) -> Sql:
    """A date is its first instant, but for equality it is the whole day."""
    if symbol == "=":
        return all_of(compare(column, ">=", span.start_ns), compare(column, "<", span.end_ns))
    if symbol == "!=":
        return any_of(compare(column, "<", span.start_ns), compare(column, ">=", span.end_ns))
    return compare(column, symbol, span.start_ns)


def _on_whole(symbol: Operator, value: float, column: Sql) -> Sql:
    """Comparison of an integer with any number, exactly: between two integers, as databases do it alike."""
    bound = _exact(value)
    if bound is not None:
        return compare(column, symbol, bound)
    if is_nan(value) or symbol in ("=", "!="):
        return is_not_null(column) if symbol == "!=" else FALSE
    below = symbol in ("<", "<=")
    if math.isinf(value) or abs(value) >= _MOST:
        return is_not_null(column) if below == (value > 0) else FALSE
    return compare(column, "<=", math.floor(value)) if below else compare(column, ">=", math.ceil(value))


def _exact(value: float) -> int | None:
    """The integer that a number is, if a column can hold it."""
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if -_MOST <= value < _MOST else None


def _member(many: Sequence[Value], kind: Kind, column: Sql, clock: Clock) -> Sql:
    if kind is Kind.TIME:
        return any_of(*(_on_time("=", values.to_time(value, clock), column) for value in many))
    if kind is Kind.TEXT:
        return _equals_one_of(column, sorted({to_stored(values.to_text(value)) for value in many}))
    if kind is Kind.NUMBER:
        numbers = [values.to_number(value) for value in many]
        found = _equals_one_of(column, [number for number in numbers if not is_nan(number)])
        return any_of(found, is_null(column)) if any(map(is_nan, numbers)) else found
    exact = [_exact(_whole(kind, value)) for value in many]
    return _equals_one_of(column, [number for number in exact if number is not None])


def _equals_one_of(column: Sql, many: Sequence[float | str]) -> Sql:
    found = one_of(column.text, many)
    return Sql(found.text, (*column.values, *found.values)) if many else found


def _whole(kind: Kind, value: Value) -> float:
    if kind is Kind.DURATION:
        return values.to_duration_ns(value)
    return int(values.to_flag(value)) if kind is Kind.FLAG else values.to_integer(value)
