"""Finding records one behind the other, in Python: where a frame is damaged, or not complete yet, or short."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from runlore.journal import format as fmt

if TYPE_CHECKING:
    from runlore.journal.window import Window

_HEAD = struct.Struct("<IIII")


class Walked(NamedTuple):
    """What a walk found. All but `withheld` are offsets in the file."""

    records: list[int]
    end: int
    """Behind the last record."""
    withheld: int
    """How many scalars were left out."""


def walk(
    window: Window, at: int, end: int, *, verified: bool = False, trusted: bool = True, salvage: bool = False
) -> Walked:
    """Find the records in `[at, end)`, which is in the window.

    Args:
        window: the bytes.
        at: where the first record starts.
        end: where they end at the latest.
        verified: all of it was checked by CRC, so single records need not be.
        trusted: scalars, which have no CRC of their own, may be taken; else they are withheld.
        salvage: go on behind a damaged record, with those that have a CRC; else stop there.
    """
    records: list[int] = []
    withheld = 0
    tails, shift = window.tails, fmt.TAIL_AT - window.base
    end = min(end, window.base + window.length)
    while at + fmt.RECORD_BYTES <= end:
        if tails[(at + shift) >> 2] == fmt.SCALAR_TAIL:
            if trusted:
                records.append(at)
            else:
                withheld += 1
            at += fmt.RECORD_BYTES
            continue
        size = _size(window, at, end, verified=verified)
        if size:
            records.append(at)
            at += size
        elif salvage:
            trusted = False
            at = _next_mark(window, at + 8, end)
        else:
            break
    return Walked(records, at, withheld)


def _size(window: Window, at: int, end: int, *, verified: bool) -> int:
    """The size of a record with a payload; 0 if there is none, or it cannot be trusted."""
    data, place = window.data, at - window.base
    check, count, number, tail = _HEAD.unpack_from(data, place + 16)
    kind = tail >> 16 & 0xFF
    if kind not in fmt.WITH_PAYLOAD:
        return 0
    length = count * 8 if kind == fmt.ROW else count
    size = fmt.RECORD_BYTES + fmt.padded(length)
    if tail != fmt.tail_of(kind, size) or at + size > end:
        return 0
    if verified:
        return size
    payload = memoryview(data)[place + fmt.RECORD_BYTES : place + fmt.RECORD_BYTES + length]
    time, step = struct.unpack_from("<qd", data, place)
    return size if fmt.record_check(time, step, count, number, tail, payload) == check else 0


def _next_mark(window: Window, at: int, end: int) -> int:
    """The next offset, `at` or behind it, at which a record might start."""
    data, base = window.data, window.base
    found = data.find(fmt.MARK, at - base + 31, end - base)
    while found >= 0 and (found - 31) % 8:
        found = data.find(fmt.MARK, found + 1, end - base)
    return base + found - 31 if found >= 0 else end
