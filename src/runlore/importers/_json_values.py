"""Values of JSON that strangers wrote, as numbers, params and times."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from math import inf, nan
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.journal.values import time_ns_of
from runlore.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 1 << 30
"""Of one file of series."""

_NO_JSON = {"NaN": nan, "Infinity": inf, "-Infinity": -inf, "nan": nan, "inf": inf, "-inf": -inf}


def number_of(value: Any) -> float | None:
    """A number, also one that JSON does not have and that stands as text; None where it is none.

    Example:
        >>> [number_of(value) for value in (1, True, "NaN", "adam", None, [1])]
        [1.0, 1.0, nan, None, None, None]
    """
    if isinstance(value, str):
        return _NO_JSON.get(value)
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def leaves(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(key, value) of what is nested, with `/` between the parts of keys. Nothing of what is no object.

    An object that has a `_type` is one value: so trackers mark what is more than numbers and texts.

    Example:
        >>> list(leaves({"model": {"depth": 3, "widths": [1, 2]}, "image": {"_type": "image-file"}}))
        [('model/depth', 3), ('model/widths', [1, 2]), ('image', {'_type': 'image-file'})]
    """
    for key, value in nested.items() if isinstance(nested, dict) else ():
        if isinstance(value, dict) and value and "_type" not in value:
            yield from leaves(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def iso_ns(text: Any) -> int:
    """An ISO date in ns since 1970; without a zone it is UTC. 0: it is none.

    Example:
        >>> iso_ns("2023-11-14T22:13:20.000001"), iso_ns(None)
        (1700000000000001000, 0)
    """
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return 0
    return time_ns_of(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))


def read_object(path: str) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file.

    Raises:
        DamagedFile: it is none, or cannot be read.
    """
    try:
        found = read_json(path, MOST_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DamagedFile(f"{path!r} cannot be read: {error.strerror}") from error
    if not isinstance(found, dict):
        raise DamagedFile(f"{os.fspath(path)!r} is damaged: it holds no object")
    return found
