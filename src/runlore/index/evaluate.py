"""Deciding in Python what a query says of one run: slow, plain, and the meaning that every index must agree with.

An index in memory decides everything here. One in a database lets SQL narrow, and asks here where the database cannot
say: regular expressions, values at a step.
"""

from __future__ import annotations

import json
import math
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore.query import values
from runlore.query.expression import (
    And,
    Attribute,
    Compare,
    Contains,
    In,
    IsNull,
    Like,
    Matches,
    Metric,
    MetricAt,
    Not,
    Or,
    Param,
    Tag,
    Tags,
)
from runlore.query.fields import ATTRIBUTES, Kind, kind_of
from runlore.query.ordering import tie_breakers
from runlore.query.params import equals_param, holds_param, param_text
from runlore.query.regex import compile_pattern, like_parts, like_to_regex
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runlore.index.records import RunRecord, SeriesRecord
    from runlore.query.expression import Condition, Expression, Field, Operator, OrderKey, Value
    from runlore.query.values import Clock

MISSING = object()
"""What a field is that the run does not have."""

COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _no_series(key: str, step: float) -> float | None:
    raise LookupError(f"at(metrics.{key}, {step:g}) needs the series, which were not given")


@dataclass(frozen=True, slots=True)
class Subject:
    """One run, with all that a query can ask of it.

    Attributes:
        record: the run, with its facts.
        series: its series in numbers, by key.
        value_at: the last value of a series at exactly this step (it may be NaN), or None.
    """

    record: RunRecord
    series: Mapping[str, SeriesRecord] = field(default_factory=dict)
    value_at: Callable[[str, float], float | None] = _no_series


def evaluate(node: Expression, subject: Subject, clock: Clock) -> bool | None:
    """Whether the query holds for the run: True, False, or None where a field is missing that it asks about.

    Args:
        node: a tree that `runlore.query.checks.check_expression` accepted.
        subject: the run.
        clock: what `now` and local times are.
    """
    if isinstance(node, Not):
        inner = evaluate(node.operand, subject, clock)
        return None if inner is None else not inner
    if isinstance(node, (And, Or)):
        decisive = isinstance(node, Or)
        unknown = False
        for operand in node.operands:
            found = evaluate(operand, subject, clock)
            if found is decisive:
                return decisive
            unknown = unknown or found is None
        return None if unknown else not decisive
    return _condition(node, subject, clock)


def value_of(wanted: Field, subject: Subject) -> Any:
    """What a field is in the run, or `MISSING`. A param is the value that was logged; a metric a float."""
    if isinstance(wanted, Attribute):
        value = _attribute(wanted.name, subject.record)
        return MISSING if value is None else value
    if isinstance(wanted, Metric):
        found = subject.series.get(wanted.key)
        return MISSING if found is None else _aggregate(found, wanted.aggregate)
    if isinstance(wanted, MetricAt):
        at = subject.value_at(wanted.key, wanted.step) if wanted.key in subject.series else None
        return MISSING if at is None else at
    facts = subject.record.facts
    known: Mapping[str, Any] = {} if facts is None else facts.params if isinstance(wanted, Param) else facts.tags
    value = known.get(wanted.key) if isinstance(wanted, (Param, Tag)) else None
    return MISSING if value is None else value


def _attribute(name: str, record: RunRecord) -> Any:
    times = {"started": record.started_ns, "ended": record.ended_ns, "updated": record.updated_ns}
    if name in times:
        return times[name]
    if name == "duration":
        return record.active_ns
    if name == "damaged":
        return int(bool(record.damage))
    value = getattr(record, name)
    return int(value) if isinstance(value, bool) else value


def _aggregate(found: SeriesRecord, aggregate: str) -> float:
    return {
        "last": found.last,
        "first": found.first,
        "min": found.min,
        "max": found.max,
        "mean": found.mean,
        "count": float(found.points),
    }[aggregate]


# -- conditions -----------------------------------------------------------------------------------------------------


def _condition(node: Condition, subject: Subject, clock: Clock) -> bool | None:
    if isinstance(node.field, Tags):
        return _any_tag(node, subject, clock)
    value = value_of(node.field, subject)
    if isinstance(node, IsNull):
        return value is MISSING
    if value is MISSING:
        return None
    if isinstance(node.field, Param):
        return _param(node, value)
    return _holds(node, kind_of(node.field), value, clock)


def _any_tag(node: Condition, subject: Subject, clock: Clock) -> bool:
    keys = list(subject.record.facts.tags) if subject.record.facts is not None else []
    if isinstance(node, IsNull):
        return not keys
    if isinstance(node, Contains):
        return node.text in keys
    return any(_holds(node, Kind.TEXT, key, clock) for key in keys)


def _param(node: Condition, value: Any) -> bool:
    if isinstance(node, In):
        return any(equals_param(value, wanted) for wanted in node.values)
    if isinstance(node, Compare):
        return holds_param(node.operator, value, node.value)
    return _matches(node, param_text(value))


def _holds(node: Condition, kind: Kind, value: Any, clock: Clock) -> bool:
    if isinstance(node, Compare):
        return _compare(node.operator, value, _read(kind, node.value, clock))
    if isinstance(node, In):
        return any(_compare("=", value, _read(kind, wanted, clock)) for wanted in node.values)
    return _matches(node, value)


def _read(kind: Kind, value: Value, clock: Clock) -> Any:
    """A literal in the unit of the field."""
    if kind is Kind.TIME:
        return values.to_time(value, clock)
    readers: dict[Kind, Callable[[Value], Any]] = {
        Kind.TEXT: values.to_text,
        Kind.NUMBER: values.to_number,
        Kind.INTEGER: values.to_integer,
        Kind.DURATION: values.to_duration_ns,
        Kind.FLAG: lambda given: int(values.to_flag(given)),
    }
    return readers[kind](value)


def _compare(symbol: Operator, left: Any, right: Any) -> bool:
    if isinstance(right, values.Span):
        inside = right.start_ns <= left < right.end_ns
        if symbol in ("=", "!="):
            return bool(inside == (symbol == "="))
        right = right.start_ns
    if values.is_nan(right) and symbol in ("=", "!="):
        return bool(values.is_nan(left) == (symbol == "="))
    return bool(COMPARISONS[symbol](left, right))


def _matches(node: Condition, text: str) -> bool:
    if isinstance(node, Contains):
        return node.text in text
    if isinstance(node, Matches):
        return compile_pattern(node.pattern).search(to_stored(text)) is not None
    if not isinstance(node, Like):
        raise TypeError(f"{node!r} is no condition on text")
    if node.ignore_case and not node.pattern.isascii():
        return compile_pattern(like_to_regex(to_stored(node.pattern))).search(to_stored(text)) is not None
    return is_like(node.pattern, text, ignore_case=node.ignore_case)


def is_like(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether a text is what SQL's LIKE describes. Takes no longer than pattern times text.

    Args:
        pattern: `%` is any text, `_` one character, a backslash takes away a meaning.
        text: as a whole.
        ignore_case: the 26 letters match in either case.

    Example:
        >>> is_like("res%t_0", "resnet50"), is_like("RES%", "resnet50", ignore_case=True)
        (True, True)
    """
    parts = like_parts(pattern)
    fold = _ascii_lower if ignore_case else str
    at = place = 0
    resume: tuple[int, int] | None = None  # after the last `%`: where to go on if what follows fails
    while place < len(text):
        kind, wanted = parts[at] if at < len(parts) else ("end", "")
        if kind == "any":
            resume = (at + 1, place)
            at += 1
        elif kind == "one" or (kind == "text" and fold(wanted) == fold(text[place])):
            at, place = at + 1, place + 1
        elif resume is not None:
            resume = (resume[0], resume[1] + 1)
            at, place = resume
        else:
            return False
    return all(kind == "any" for kind, _ in parts[at:])


def _ascii_lower(character: str) -> str:
    return character.lower() if character.isascii() else character


# -- orders ---------------------------------------------------------------------------------------------------------


def sort_terms(keys: Sequence[OrderKey], subject: Subject) -> tuple[tuple[Any, bool], ...]:
    """What a run is sorted by, as (value, whether it descends), ties broken; never None, the same types in every run.

    Each key gives a rank (0 a value, then NaN, then nothing), which always ascends, and the value.
    """
    terms: list[tuple[Any, bool]] = []
    for key in (*keys, *tie_breakers(keys)):
        rank, *found = place_of(key.field, subject)
        terms.append((rank, False))
        terms.extend((value, key.descending) for value in found)
    return tuple(terms)


def in_order(subjects: Sequence[Subject], keys: Sequence[OrderKey]) -> list[Subject]:
    """The runs, sorted."""
    terms = {subject.record.uid: sort_terms(keys, subject) for subject in subjects}
    found = list(subjects)
    for place in reversed(range(len(next(iter(terms.values()), ())))):
        descends = next(iter(terms.values()))[place][1]
        found.sort(key=lambda subject, at=place: terms[subject.record.uid][at][0], reverse=descends)  # type: ignore[misc]
    return found


def place_of(wanted: Field, subject: Subject) -> tuple[Any, ...]:
    """(rank, value …) of a run in an order by a field.

    Params: numbers, then text (and lists, by their JSON), then NaN, then none.
    """
    value = value_of(wanted, subject)
    if isinstance(wanted, Param):
        return _param_place(value)
    empty: Any = "" if kind_of(wanted) is Kind.TEXT else 0
    if value is MISSING:
        nullable = not isinstance(wanted, Attribute) or ATTRIBUTES[wanted.name].nullable
        return (2 if nullable else 0), empty
    return (1, empty) if values.is_nan(value) else (0, value)


def _param_place(value: Any) -> tuple[int, float, str]:
    if value is MISSING:
        return 3, 0.0, ""
    if isinstance(value, (bool, int, float)):
        number = values.as_float(value)
        return (2, 0.0, "") if math.isnan(number) else (0, number, "")
    return 1, 0.0, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
