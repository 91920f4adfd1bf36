"""A look at the first records of a journal without any library: for processes that join or resume a run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.files import open_regular
from runlore.journal import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD_BYTES = 8 * fmt.FRAME_BYTES


def first_event(path: str, kind: str) -> dict[str, Any]:
    """The value of the first event of a kind, where it is among the first records of a journal; else empty.

    What cannot be read (yet) has no such event: a torn or damaged record ends the search.
    """
    value = first_value(path, kind)
    return dict(value) if isinstance(value, dict) else {}


def first_value(path: str, kind: str, key: str | None = None) -> Any:
    """The value of the first event of a kind, and with this key if one is given; None: there is none.

    It is looked for, and found, as by `first_event`.
    """
    try:
        descriptor = open_regular(path)
    except (OSError, DamagedFile):
        return None
    try:
        data = os.pread(descriptor, _HEAD_BYTES, 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if len(data) < fmt.HEADER_BYTES:
        return None
    for fact in _facts(data):
        if fact.get("e") == kind and (key is None or fact.get("k") == key):
            return fact.get("v")
    return None


def _facts(data: bytes) -> Iterator[dict[str, Any]]:
    """The events among the first records, as far as those are whole."""
    at = fmt.FILE_HEADER.unpack_from(data)[3] + fmt.RECORD_BYTES
    while 0 < at <= len(data) - fmt.RECORD_BYTES:
        time, step, check, count, number, tail = fmt.RECORD.unpack_from(data, at)
        size = (tail & 0xFFFF) * 8
        if tail >> 24 != fmt.MARK or not size:
            return
        if tail >> 16 & 0xFF == fmt.EVENT:
            text = data[at + fmt.RECORD_BYTES : at + fmt.RECORD_BYTES + count]
            if fmt.record_check(time, step, count, number, tail, text) != check:
                return
            yield _fact(text)
        at += size


def _fact(text: bytes) -> dict[str, Any]:
    try:
        fact = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return {}
    return fact if isinstance(fact, dict) else {}
