"""The events of a short journal that is closed and whole, without NumPy: for commands that want no points of it.

Nothing of a closed journal changes any more. Whatever is not as its writer left it is for `runlore.journal.decode`,
which says what is damaged.
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from runlore.errors import DamagedFile
from runlore.journal import format as fmt
from runlore.journal.chain import closing_check, frame_header
from runlore.journal.decoded import Event
from runlore.journal.header import read_header
from runlore.journal.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 256 * 1024
"""Of a longer one, loading NumPy costs less than looking at each record does."""


class Facts(NamedTuple):
    """What a journal holds besides points; as in `runlore.journal.decoded.Chunk`."""

    events: list[Event]
    extras: list[tuple[int, dict[str, Any]]]


class _NotWholeError(Exception):
    """Something is not as the writer of a closed journal leaves it."""


def closed_facts(path: str) -> Facts | None:
    """All events of a journal and its extra columns; None where it is open, long or not whole.

    Raises:
        FileNotFoundError: there is no such file.
        UnsupportedFormat: a newer version of Runlore wrote it.
        OSError: the system is short of something.
    """
    try:
        with closing(FileSource(path)) as source:
            size = source.size()
            if not fmt.HEADER_BYTES + fmt.RECORD_BYTES <= size <= MOST_BYTES:
                return None
            data = source.pread(0, size)
            check = closing_check(data[size - fmt.RECORD_BYTES :]) if len(data) == size else None
            if check is None:
                return None
            header = read_header(source, size)
    except (DamagedFile, PermissionError):
        return None
    if header.damage or header.end_mark is not None or not header.is_begun:
        return None
    facts = Facts([], [])
    try:
        for at, end in _frames(data, header.first_at, check):
            _take(data, at, end, facts)
    except (_NotWholeError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return facts


def _frames(data: bytes, first_at: int, last_check: int) -> Iterator[tuple[int, int]]:
    """Where the records of each frame begin and end, once they are known to match their CRC."""

    def peek(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    start, closed_at = 0, len(data) - fmt.RECORD_BYTES
    while True:
        body = (start or first_at) + fmt.RECORD_BYTES
        header = frame_header(peek, start, start or first_at)
        if header is None:
            raise _NotWholeError
        end = start + header.span_bytes
        following = frame_header(peek, end, end) if end < closed_at else None
        if end < closed_at and following is None:
            raise _NotWholeError
        used, check = (closed_at, last_check) if following is None else (start + following.used, following.check)
        if not body <= used <= end or crc32(data[body:used]) != check:
            raise _NotWholeError
        yield body, used
        if following is None:
            return
        start = end


def _take(data: bytes, at: int, end: int, facts: Facts) -> None:
    """Take what the records in `[at, end)` say besides points."""
    while at < end:
        time_ns, step, _, count, _, tail = fmt.RECORD.unpack_from(data, at)
        if tail == fmt.SCALAR_TAIL:
            at += fmt.RECORD_BYTES
            continue
        kind = tail >> 16 & 0xFF
        size = fmt.RECORD_BYTES + fmt.padded(count * 8 if kind == fmt.ROW else count)
        if kind not in fmt.WITH_PAYLOAD or tail != fmt.tail_of(kind, size) or at + size > end:
            raise _NotWholeError
        if kind in (fmt.EVENT, fmt.EXTRA):
            said = json.loads(
                data[at + fmt.RECORD_BYTES : at + fmt.RECORD_BYTES + count].decode("utf-8", "surrogatepass")
            )
            if kind == fmt.EXTRA:
                facts.extras.append((at, said))
            else:
                when = None if math.isnan(step) else step
                facts.events.append(Event(at, time_ns, when, said["e"], said["k"], said["v"], said.get("x", {})))
        at += size
