"""Comparing answers exactly: NaN is NaN, -0.0 is not 0.0, 1 is not 1.0, and the message names the place."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def assert_same(found: Any, expected: Any) -> None:
    """Raise `AssertionError` where two answers differ, and say where."""
    difference = next(differences(found, expected), None)
    if difference is not None:
        raise AssertionError(difference)


def differences(found: Any, expected: Any, place: str = "answer") -> Iterator[str]:
    """Where two answers differ, in words."""
    if dataclasses.is_dataclass(found) and type(found) is type(expected):
        for field in dataclasses.fields(found):
            name = field.name
            yield from differences(getattr(found, name), getattr(expected, name), f"{place}.{name}")
    elif isinstance(found, dict) and isinstance(expected, dict):
        if list(found) != list(expected):
            yield f"{place} has the keys {list(found)!r}, expected {list(expected)!r}"
            return
        for key in found:
            yield from differences(found[key], expected[key], f"{place}[{key!r}]")
    elif isinstance(found, (list, tuple)) and type(found) is type(expected):
        if len(found) != len(expected):
            yield f"{place} has {len(found)} items, expected {len(expected)}: {found!r}, expected {expected!r}"
            return
        for number, (left, right) in enumerate(zip(found, expected, strict=True)):
            yield from differences(left, right, f"{place}[{number}]")
    elif not is_same(found, expected):
        yield f"{place} is {found!r}, expected {expected!r}"


def is_same(left: Any, right: Any) -> bool:
    """Whether two plain values are one and the same."""
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right and math.copysign(1.0, left) == math.copysign(1.0, right)
    return type(left) is type(right) and bool(left == right)
