"""One condition on one column: numbers with NaN as NULL, integers, times, durations, flags and text."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from runlore.query import values
from runlore.query.expression import Compare, Condition, Contains, In, Like, Matches
from runlore.query.fields import Kind
from runlore.query.values import is_nan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.catalog.search.functions import QueryFunctions
    from runlore.query.expression import Operator, Value
    from runlore.query.values import Clock

Truth: TypeAlias = "sa.ColumnElement[bool]"
Column: TypeAlias = "sa.ColumnElement[Any]"

PLAIN: dict[Operator, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
COMPARISONS: dict[Operator, Callable[[Column, Any], Truth]] = PLAIN


def on_column(node: Condition, kind: Kind, column: Column, functions: QueryFunctions, clock: Clock) -> Truth:
    """SQL that is true where the condition holds, and false or NULL elsewhere. The row is there."""
    if isinstance(node, Compare):
        return _compare(node.operator, node.value, kind, column, functions, clock)
    if isinstance(node, In):
        return _member(node.values, kind, column, clock)
    return on_text(node, column, functions)


def on_text(node: Condition, column: Column, functions: QueryFunctions) -> Truth:
    """`like`, `ilike`, `contains`, `matches`."""
    if isinstance(node, Like):
        return (functions.ilike if node.ignore_case else functions.like)(column, node.pattern)
    if isinstance(node, Contains):
        return functions.contains(column, node.text)
    assert isinstance(node, Matches), node  # noqa: S101 - the other conditions were dealt with
    return functions.matches(column, node.pattern)


def _compare(
    symbol: Operator, value: Value, kind: Kind, column: Column, functions: QueryFunctions, clock: Clock
) -> Truth:
    if kind is Kind.NUMBER:
        return on_number(symbol, values.to_number(value), column)
    if kind is Kind.TIME:
        return _on_time(symbol, values.to_time(value, clock), column)
    if kind is Kind.TEXT:
        text = values.to_text(value)
        return COMPARISONS[symbol](column if symbol in ("=", "!=") else functions.binary(column), text)
    number = _whole(kind, value)
    if is_nan(number):
        return column.is_not(None) if symbol == "!=" else sa.false()
    return COMPARISONS[symbol](column, _bound(number))


def on_number(symbol: Operator, value: float, column: Column) -> Truth:
    """Comparison of float64 as IEEE has it, but that `= nan` finds NaN. NULL in the column is NaN."""
    if is_nan(value):
        if symbol in ("=", "!="):
            return column.is_(None) if symbol == "=" else column.is_not(None)
        return sa.false()
    if symbol == "!=":
        return sa.or_(column != _bound(value), column.is_(None))
    return COMPARISONS[symbol](column, _bound(value))


def _on_time(symbol: Operator, span: values.Span, column: Column) -> Truth:
    """A date is its first instant, but for equality it is the whole day."""
    if symbol == "=":
        return sa.and_(column >= span.start_ns, column < span.end_ns)
    if symbol == "!=":
        return sa.or_(column < span.start_ns, column >= span.end_ns)
    return COMPARISONS[symbol](column, span.start_ns)


def _member(many: Sequence[Value], kind: Kind, column: Column, clock: Clock) -> Truth:
    if kind is Kind.TIME:
        return sa.or_(sa.false(), *(_on_time("=", values.to_time(value, clock), column) for value in many))
    if kind is Kind.TEXT:
        return column.in_(sorted({values.to_text(value) for value in many}))
    numbers = [values.to_number(value) if kind is Kind.NUMBER else _whole(kind, value) for value in many]
    found = column.in_([_bound(number) for number in numbers if not is_nan(number)])
    return sa.or_(found, column.is_(None)) if kind is Kind.NUMBER and any(map(is_nan, numbers)) else found


def _whole(kind: Kind, value: Value) -> float:
    if kind is Kind.DURATION:
        return values.to_duration_ns(value)
    return int(values.to_flag(value)) if kind is Kind.FLAG else values.to_integer(value)


def _bound(number: float) -> sa.BindParameter[Any]:
    """A bound parameter of the number's own type, whatever the column's is: `points > 1.5` is not `points > 1`."""
    return sa.bindparam(None, number, sa.Float() if isinstance(number, float) else sa.BigInteger(), unique=True)
