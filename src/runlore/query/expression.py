r"""The tree of a query: small frozen values that a parser, a dialect or a program builds, and SQL is made from.

    Expression
    ├── And(operands)  Or(operands)  Not(operand)
    └── conditions on one field
        ├── Compare(field, operator, value)      = != < <= > >=
        ├── In(field, values)
        ├── Like(field, pattern, ignore_case)    % any text, _ one character, \ escapes
        ├── Contains(field, text)                substring, case-sensitive
        ├── Matches(field, pattern)              RE2 regular expression, found anywhere
        └── IsNull(field)

    Field
    ├── Attribute(name)        Param(key)        Tag(key)        Tags()
    └── Metric(key, aggregate)                   MetricAt(key, step)    MetricBest(key)

`And(())` holds for every run and `Or(())` for none. A negation (`!=`, `not in`, `is not null`) is `Not(...)` or
`Compare(field, "!=", value)`: both mean the same. Logic has three values, as in SQL: a condition on a field that the
run does not have is neither true nor false, so that its negation does not hold either; only `IsNull` holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from runlore.errors import InvalidArgument
from runlore.nodes import Node

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

MAX_DEPTH = 30
"""Levels of `and`, `or`, `not` inside one another. SQLite's parser has a stack of 100 entries, which this must fit."""

MAX_TERMS = 500
"""Conditions in one query. SQLite's limit on the depth of an expression is 1,000."""

MAX_VALUES = 5_000
"""Values in all lists of one query together."""

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Aggregate: TypeAlias = Literal["last", "first", "min", "max", "mean", "count"]
Value: TypeAlias = "bool | int | float | str | dt.datetime | dt.timedelta"
"""A datetime without a zone is in the zone that the query is compiled for (the local one unless told otherwise)."""

OPERATORS: tuple[Operator, ...] = ("=", "!=", "<", "<=", ">", ">=")
AGGREGATES: tuple[Aggregate, ...] = ("last", "first", "min", "max", "mean", "count")


class Attribute(Node):
    """An attribute of the run itself, by its canonical name: `status`, `started`, `duration` and so on."""

    name: str


class Metric(Node):
    """An aggregate of a series; without one, its last value. `mean`, `min` and `max` leave NaN points out."""

    key: str
    aggregate: Aggregate = "last"


class MetricAt(Node):
    """The value of a series at one step: the last value logged there. Null when nothing was logged at this step."""

    key: str
    step: float


class MetricBest(Node):
    """The best value of a series, in the sense that `Run.define_metric` gave it.

    An index knows no such field: whoever asks a store makes it `min` or `max` first; see `runlore.reader.goals`.
    """

    key: str


class Param(Node):
    """A param; a param whose value is None is null, as one that was never logged."""

    key: str


class Tag(Node):
    """The value of one tag; the empty string for a tag that is only a word."""

    key: str


class Tags(Node):
    """The keys of all tags of the run: a condition holds when it holds for one of them."""


Field: TypeAlias = "Attribute | Metric | MetricAt | MetricBest | Param | Tag | Tags"


class Compare(Node):
    """`field operator value`."""

    field: Field
    operator: Operator
    value: Value


class In(Node):
    """The field equals one of the values."""

    field: Field
    values: tuple[Value, ...]


class Like(Node):
    """SQL's LIKE: `%` is any text, `_` one character, a backslash makes the next character mean itself."""

    field: Field
    pattern: str
    ignore_case: bool = False


class Contains(Node):
    """The text of the field contains this text; for `Tags()`, the run has a tag of this key."""

    field: Field
    text: str


class Matches(Node):
    """A regular expression (RE2 syntax) is found in the text of the field."""

    field: Field
    pattern: str


class IsNull(Node):
    """The run does not have the field."""

    field: Field


class Not(Node):
    """The operand is false; not when it is unknown because a field is missing."""

    operand: Expression


class And(Node):
    """All operands hold; with none, always true."""

    operands: tuple[Expression, ...] = ()


class Or(Node):
    """At least one operand holds; with none, never true."""

    operands: tuple[Expression, ...] = ()


Condition: TypeAlias = "Compare | In | Like | Contains | Matches | IsNull"
Expression: TypeAlias = "Condition | Not | And | Or"

EVERYTHING = And(())
"""The empty query."""


class OrderKey(Node):
    """One field to sort by. Runs without a value come last in either direction.

    Example:
        >>> OrderKey(Metric("acc"), descending=True)
        OrderKey(field=Metric(key='acc', aggregate='last'), descending=True)
    """

    field: Field
    descending: bool = False


def check_limits(expression: Expression) -> None:
    """Refuse what would be too much for the database, without recursion.

    Raises:
        InvalidArgument: more than `MAX_TERMS` conditions, `MAX_DEPTH` levels or `MAX_VALUES` values.

    Example:
        >>> check_limits(Not(IsNull(Param("lr"))))
        >>> check_limits(And((IsNull(Param("lr")),) * 501))
        Traceback (most recent call last):
        ...
        runlore.errors.InvalidArgument: the query has more than 500 conditions; use `in (…)` or split it
    """
    terms = values = 0
    pending: list[tuple[Expression, int]] = [(expression, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise InvalidArgument(f"the query nests more than {MAX_DEPTH} levels of and, or, not; write it flatter")
        if isinstance(node, Not):
            pending.append((node.operand, depth + 1))
        elif isinstance(node, (And, Or)):
            pending.extend((operand, depth + 1) for operand in node.operands)
        else:
            terms += 1
            values += len(node.values) if isinstance(node, In) else 0
        if terms > MAX_TERMS:
            raise InvalidArgument(f"the query has more than {MAX_TERMS} conditions; use `in (…)` or split it")
        if values > MAX_VALUES:
            raise InvalidArgument(f"the query has more than {MAX_VALUES:,} values in lists; split it")


def uses_attribute(expression: Expression, name: str) -> bool:
    """Whether any condition is on this attribute."""
    return any(field == Attribute(name) for field in fields_of(expression))


def uses_best(expression: Expression, order: Iterable[OrderKey] = ()) -> bool:
    """Whether any condition or key is on the best value of a metric."""
    return any(isinstance(field, MetricBest) for field in (*fields_of(expression), *(key.field for key in order)))


def fields_of(expression: Expression) -> Iterator[Field]:
    """The field of each condition, without recursion."""
    pending: list[Expression] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, Not):
            pending.append(node.operand)
        elif isinstance(node, (And, Or)):
            pending.extend(node.operands)
        else:
            yield node.field
