"""Values as the page gets them: JSON, with what JSON does not have written as text or marked.

A number in a metric's place is a number, or "NaN", "Infinity", "-Infinity". A param is the value that was logged, in
which such a number is `{"$number": "NaN"}`, so that it cannot be taken for text. Times are ms since 1970 UTC.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from runlore.plain import CUT, MAX_DEPTH
from runlore.reader.cells import TIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.reader.cells import Cells, Field

Number = int | float | str | None


class Meaning(msgspec.Struct):
    """How a metric is meant, as `run.define_metric` says: `best` is min or max, `x` what it is drawn over, or null."""

    best: str | None
    x: str | None


def meanings(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Meaning]:
    """How metrics are meant, by key."""
    texts = {key: {what: said for what, said in meant.items() if isinstance(said, str)} for key, meant in found.items()}
    return {key: Meaning(said.get("best"), said.get("x")) for key, said in texts.items()}


def number(value: float | None) -> Number:
    """A number of a metric; None: there is none."""
    if value is None or (value - value) == 0:
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def numbers(values: Mapping[str, float]) -> dict[str, Number]:
    """Numbers by key."""
    return {key: number(value) for key, value in values.items()}


def param(value: Any, level: int = 0) -> Any:
    """A value that was logged; what is nested too deep is cut."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$number": number(value)}
    if level >= MAX_DEPTH:
        return CUT
    if isinstance(value, dict):
        return {str(key): param(item, level + 1) for key, item in value.items()}
    return [param(item, level + 1) for item in value]


def params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Params by key."""
    return {key: param(value) for key, value in values.items()}


def ms(time_ns: int | None) -> float | None:
    """A time in ns since 1970 UTC as ms."""
    return None if time_ns is None else time_ns / 1e6


def cells(field: Field, found: Cells) -> Cells:
    """The cells of a column."""
    if field.kind in ("metrics", "params") and _is_plain(found):
        return found
    if field.kind == "metrics":
        return [number(value) for value in found]
    if field.kind == "params":
        return [param(value) for value in found]
    if field.key in TIMES and field.kind == "attribute":
        return [None if value is None else value / 1e6 for value in found]
    return found


def _is_plain(found: Cells) -> bool:
    """Whether all cells are as JSON has them. A sum of floats is finite where all of them are, and found fast."""
    kinds = set(map(type, found))
    if kinds == {float}:
        return math.isfinite(sum(found))
    return kinds <= _PLAIN


_PLAIN = frozenset({str, int, bool, type(None)})
