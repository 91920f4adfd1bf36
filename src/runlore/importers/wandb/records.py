"""Records of W&B's format: which fields mean what, and values as JSON has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.importers._protobuf import message, piece, real, text, whole
from runlore.json_files import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._protobuf import Fields

HISTORY, SUMMARY, CONFIG, STATS, ARTIFACT, ALERT, OUTPUT, RUN, EXIT = 2, 3, 5, 7, 8, 10, 13, 17, 18
"""Numbers of the fields of a record, which say its kind."""

NANOSECONDS = 1_000_000_000
_MOST_SECONDS = 9_000_000_000


def values(items: list[Any], *, history: bool = False) -> dict[str, Any]:
    """The values of items, as nested as their keys say.

    Args:
        items: as they stand in a record.
        history: whether they are of a history, which has values in fields of their own too.

    Raises:
        DamagedFile: an item is none.
    """
    found: dict[str, Any] = {}
    for fields in messages(items):
        nested = [bytes(part).decode("utf-8", "replace") for part in fields.get(2, ()) if not isinstance(part, int)]
        path = nested or [text(fields, 1)]
        place = found
        for part in path[:-1]:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[path[-1]] = _value(fields, history=history)
    return found


def _value(fields: Fields, *, history: bool) -> Any:
    if 16 in fields:
        return of_json(text(fields, 16))
    if not history:
        return None
    if 4 in fields:
        return bool(whole(fields, 4))
    if 5 in fields:  # zigzag
        number = whole(fields, 5) & (1 << 64) - 1
        return number >> 1 ^ -(number & 1)
    if 6 in fields:
        return real(fields, 6)
    if 7 in fields:
        return text(fields, 7)
    return of_json(text(fields, 8)) if 8 in fields else None


def of_json(document: str) -> Any:
    """The value of a JSON text; the text itself where it is none."""
    try:
        return parse_json(document)
    except (json.JSONDecodeError, ValueError):
        return document


def messages(items: list[Any]) -> Iterator[Fields]:
    """The fields of each of several messages.

    Raises:
        DamagedFile: one is a number, or no message.
    """
    for item in items:
        if isinstance(item, int):
            raise DamagedFile("an item of a record is a number")
        yield message(memoryview(item))


def removed(items: list[Any]) -> Iterator[list[str]]:
    """The keys that were removed, each as its parts."""
    for fields in messages(items):
        nested = [bytes(part).decode("utf-8", "replace") for part in fields.get(2, ()) if not isinstance(part, int)]
        yield nested or [text(fields, 1)]


def time_ns(fields: Fields, number: int) -> int:
    """The timestamp in a field in ns; 0: nobody said.

    Raises:
        DamagedFile: it is none.
    """
    stamp = message(piece(fields, number))
    seconds, rest = whole(stamp, 1), whole(stamp, 2)
    if not (0 <= seconds < _MOST_SECONDS and 0 <= rest < NANOSECONDS):
        raise DamagedFile(f"a time of {seconds} s and {rest} ns")
    return seconds * NANOSECONDS + rest
