"""A look at the first records of a journal without any library: for processes that join or resume a run."""

from __future__ import annotations

import json
import os
from typing import Any

from runlore.errors import DamagedFile
from runlore.files import open_regular
from runlore.journal import format as fmt

_HEAD_BYTES = 8 * fmt.FRAME_BYTES


def first_event(path: str, kind: str) -> dict[str, Any]:
    """The value of the first event of a kind, where it is among the first records of a journal; else empty.

    What cannot be read (yet) has no such event: a torn or damaged record ends the search.
    """
    try:
        descriptor = open_regular(path)
    except (OSError, DamagedFile):
        return {}
    try:
        data = os.pread(descriptor, _HEAD_BYTES, 0)
    except OSError:
        return {}
    finally:
        os.close(descriptor)
    return _first_event(data, kind) if len(data) >= fmt.HEADER_BYTES else {}


def _first_event(data: bytes, kind: str) -> dict[str, Any]:
    at = fmt.FILE_HEADER.unpack_from(data)[3] + fmt.RECORD_BYTES
    while 0 < at <= len(data) - fmt.RECORD_BYTES:
        time, step, check, count, number, tail = fmt.RECORD.unpack_from(data, at)
        size = (tail & 0xFFFF) * 8
        if tail >> 24 != fmt.MARK or not size:
            return {}
        if tail >> 16 & 0xFF == fmt.EVENT:
            text = data[at + fmt.RECORD_BYTES : at + fmt.RECORD_BYTES + count]
            if fmt.record_check(time, step, count, number, tail, text) != check:
                return {}
            fact = _fact(text)
            if fact.get("e") == kind:
                value = fact.get("v")
                return dict(value) if isinstance(value, dict) else {}
        at += size
    return {}


def _fact(text: bytes) -> dict[str, Any]:
    try:
        fact = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return {}
    return fact if isinstance(fact, dict) else {}
