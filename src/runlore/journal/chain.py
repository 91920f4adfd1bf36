"""The headers of frames: each one tells where it is, how long its frame is, and how the frame before it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from runlore.journal import format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable

    Peek = Callable[[int, int], bytes]
    """Some bytes by offset and length; fewer where there are no more."""


class FrameHeader(NamedTuple):
    """What the header of a frame says."""

    span_bytes: int
    used: int
    """Bytes used in the frame before it."""
    check: int
    """The CRC of the records in the frame before it."""


def frame_header(peek: Peek, start: int, at: int) -> FrameHeader | None:
    """The header of the frame at `start`, which is at `at`; None where it is not there, or not whole."""
    raw = peek(at, fmt.RECORD_BYTES)
    if len(raw) < fmt.RECORD_BYTES:
        return None
    magic, index, span, used, check, _ = fmt.FRAME_HEADER.unpack_from(raw)
    if magic != fmt.FRAME_MAGIC or index != start // fmt.FRAME_BYTES or not span:
        return None
    if fmt.CRC.unpack_from(raw, fmt.FRAME_HEADER.size)[0] != crc32(raw[: fmt.FRAME_HEADER.size]):
        return None
    return FrameHeader(span * fmt.FRAME_BYTES, used, check)


def next_frame(peek: Peek, next_data: Callable[[int], int | None], position: int, size: int) -> int | None:
    """The first frame with a whole header at or behind `position`; what was never written is stepped over.

    Args:
        peek: gives bytes.
        next_data: as `ByteSource.next_data`.
        position: a multiple of the frames' size, and not 0.
        size: of the journal.
    """
    while True:
        data_at = next_data(position)
        if data_at is None:
            return None
        position = max(position, data_at // fmt.FRAME_BYTES * fmt.FRAME_BYTES)
        if position + fmt.RECORD_BYTES > size:
            return None
        if frame_header(peek, position, position) is not None:
            return position
        position += fmt.FRAME_BYTES


def closing_check(raw: bytes) -> int | None:
    """The CRC of its frame that a closing record holds; None: this is none."""
    if len(raw) < fmt.RECORD_BYTES:
        return None
    time, step, check, count, own, tail = fmt.RECORD.unpack(raw)
    if tail != fmt.CLOSE_TAIL or own != crc32(fmt.RECORD.pack(time, step, check, count, 0, 0)[:24]):
        return None
    return int(check)
