"""What may be asked of which field: the one place that refuses, for queries as text and for trees built by programs."""

from __future__ import annotations

from runlore.errors import InvalidArgument
from runlore.query.expression import (
    OPERATORS,
    And,
    Compare,
    Condition,
    Contains,
    Expression,
    In,
    IsNull,
    Like,
    Matches,
    Not,
    Or,
    Tags,
    check_limits,
)
from runlore.query.fields import Kind, check_field, check_text, kind_of, refuse_best
from runlore.query.regex import MAX_PATTERN_LENGTH, compile_pattern
from runlore.query.values import Clock, check_value

MAX_TIMES = 100
"""Times in one list: each may be a whole day, which is a range of its own."""


def check_expression(expression: Expression, clock: Clock) -> None:
    """Refuse a tree that cannot be made into SQL, before any of it is.

    Raises:
        InvalidArgument: too large, an unknown field, or a value or operator that does not fit its field.
    """
    check_limits(expression)
    pending: list[Expression] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, Not):
            pending.append(node.operand)
        elif isinstance(node, (And, Or)):
            pending.extend(node.operands)
        else:
            refuse_best(node.field)
            check_condition(node, clock)


def check_condition(condition: Condition, clock: Clock) -> None:
    """Refuse a condition that does not fit its field.

    Raises:
        InvalidArgument: the reason.
    """
    check_field(condition.field)
    kind = kind_of(condition.field)
    if isinstance(condition, Compare):
        if condition.operator not in OPERATORS:
            raise InvalidArgument(f"there is no operator {condition.operator!r}; operators are {' '.join(OPERATORS)}")
        if kind is Kind.FLAG and condition.operator not in ("=", "!="):
            raise InvalidArgument("true and false have no order; use = or !=")
        check_value(kind, condition.value, clock)
        if kind is Kind.ANY and isinstance(condition.value, bool) and condition.operator not in ("=", "!="):
            raise InvalidArgument("true and false have no order; use = or !=")
    elif isinstance(condition, In):
        if kind is Kind.TIME and len(condition.values) > MAX_TIMES:
            raise InvalidArgument(f"a list of more than {MAX_TIMES} times; use < and >, or split it")
        for value in condition.values:
            check_value(kind, value, clock)
    elif not isinstance(condition, IsNull):
        _check_text_condition(condition, kind)


def _check_text_condition(condition: Like | Contains | Matches, kind: Kind) -> None:
    if kind not in (Kind.TEXT, Kind.ANY):
        raise InvalidArgument(f"this field is {kind.value} and not text; compare it with = != < <= > >= or in")
    text = check_text(condition.text if isinstance(condition, Contains) else condition.pattern)
    if isinstance(condition, Matches):
        compile_pattern(text)
    elif len(text) > MAX_PATTERN_LENGTH and not isinstance(condition.field, Tags):
        raise InvalidArgument(f"a pattern of {len(text):,} characters; at most {MAX_PATTERN_LENGTH:,} are possible")
