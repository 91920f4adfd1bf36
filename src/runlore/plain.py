"""Values as JSON has them, for the command line, exports and servers: one rule for what JSON does not have.

Standard library only, cheap to import.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 100
"""Levels of lists and mappings within one another that are shown. Many programs that read JSON have such a limit."""

CUT = f"… (nested more than {MAX_DEPTH} levels deep)"
"""What stands for the rest."""

_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def to_json(value: Any, level: int = 0) -> Any:
    """The value with what JSON does not have as text: `"NaN"`, `"Infinity"`, `"-Infinity"`. `null` means absent.

    Lists and mappings deeper than `MAX_DEPTH` become `CUT`, so that one such value does not cost all others.

    Example:
        >>> to_json({"loss": float("nan"), "steps": (1, 2)})
        {'loss': 'NaN', 'steps': [1, 2]}
    """
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        if level >= MAX_DEPTH:
            return CUT
        if isinstance(value, dict):
            return {str(key): to_json(item, level + 1) for key, item in value.items()}
        return [to_json(item, level + 1) for item in value]
    if hasattr(value, "item"):
        return to_json(value.item(), level)
    return value


def dump_json(value: Any, *, indent: int | None = None) -> bytes:
    """JSON text in UTF-8. Text that is no valid Unicode is escaped."""
    return json_text(value, indent=indent).encode("utf-8", "backslashreplace")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """As `dump_json`, as text; what is no valid Unicode is in it as it is."""
    return json.dumps(to_json(value), ensure_ascii=False, allow_nan=False, indent=indent)


def load_json(text: str) -> Any:
    """The value of a JSON text that a store holds, cut as `to_json` does where Python cannot nest so deeply.

    Example:
        >>> str(load_json("[" * 100_000 + "]" * 100_000)).count("[")
        100
    """
    try:
        return json.loads(text)
    except RecursionError:
        return json.loads(_cut(text))


def from_text(text: str) -> Any:
    """A number or a flag of which somebody made a text with `str`, where that text comes back from it exactly.

    Example:
        >>> [from_text(text) for text in ("0.1", "32", "True", "0.10", "1_000", "nan", "adam")]
        [0.1, 32, True, '0.10', '1_000', nan, 'adam']
    """
    if text in {"True", "False"}:
        return text == "True"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text:
            return value
    return text


def _cut(text: str) -> str:
    parts: list[str] = []
    level = end = 0
    for found in _STRINGS_AND_BRACKETS.finditer(text):
        if found.group() in ("[", "{"):
            level += 1
            if level == MAX_DEPTH + 1:
                parts.append(text[end : found.start()])
        elif found.group() in ("]", "}"):
            level -= 1
            if level == MAX_DEPTH:
                parts.append(json.dumps(CUT))
                end = found.end()
    return "".join([*parts, text[end:]])
