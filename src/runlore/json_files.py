"""Small JSON files of a store, read with care: whoever wrote them may have been a stranger, or cut off.

A reader of JSON can be made to recurse until the interpreter gives up, or to fill the memory. So there are bounds, far
above what Runlore writes itself; what is beyond them is damage of that one file.
"""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

from runlore.errors import DamagedFile
from runlore.files import read_bytes

MOST_BYTES = 64 << 20
MOST_LEVELS = 500
"""Nested lists and objects. Python's own limit is near 1,000, less the calls under way."""

_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_json(path: str, most_bytes: int = MOST_BYTES) -> Any:
    """The value in a JSON file.

    Args:
        path: a regular file; no link is followed, nothing is waited for.
        most_bytes: how large it may be.

    Raises:
        FileNotFoundError: nothing is there.
        DamagedFile: something else is there, or it is too large, no JSON, or nested too deeply.
        OSError: it cannot be read.
    """
    content = read_bytes(path, most_bytes)
    try:
        return parse_json(content.decode("utf-8"))
    except ValueError as error:
        raise DamagedFile(f"{path!r} is damaged: {error}") from error


def parse_json(text: str) -> Any:
    """The value of a JSON text that anybody may have written.

    Raises:
        ValueError: it is no JSON, or nested deeper than `MOST_LEVELS`.

    Example:
        >>> parse_json("[" * 501)
        Traceback (most recent call last):
        ValueError: nested more than 500 levels deep
    """
    if text.count("[") + text.count("{") > MOST_LEVELS and _levels(text) > MOST_LEVELS:
        raise ValueError(f"nested more than {MOST_LEVELS} levels deep")
    return json.loads(text)


def _levels(text: str) -> int:
    """How deep the brackets outside of texts are nested at most. In time proportional to the text, whatever it is."""
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    return max(accumulate(_LEVELS.get(character, 0) for character in outside), default=0)
