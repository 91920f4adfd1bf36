"""How far the bytes of a journal are final, found without any library: for who copies a journal while it grows.

Of what lies before that point only the few numbers in the header change still. A frame behind which another one was
begun is final as a whole; in the last one, records count up to the first that is not committed.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any
from zlib import crc32

from runlore.journal import format as fmt
from runlore.journal.chain import closing_check, frame_header

_PIECE_BYTES = 64 * 1024


def is_ended(path: str) -> bool:
    """Whether the writer of a journal closed it. Also False where there is none."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - fmt.RECORD_BYTES, 0))
            return closing_check(file.read(fmt.RECORD_BYTES)) is not None
    except OSError:
        return False


class Committed:
    """Follows one journal.

    Args:
        descriptor: the file, open for reading.

    Attributes:
        end: bytes before it are final, but for those of the header that the writer changes; 0: no journal yet.
        first: where the first record is, or would be; 0: no journal yet.
        is_closed: whether the writer ended the journal: nothing follows.
    """

    __slots__ = ("_descriptor", "_frame", "_span", "end", "first", "is_closed")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._frame = 0
        self._span = 0
        self.end = 0
        self.first = 0
        self.is_closed = False

    def advance(self) -> int:
        """Look again; returns `end`.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.end and not self._begin():
            return 0
        while not self.is_closed and (self._next_frame() or self._walk()):
            continue
        return self.end

    def beginning(self) -> bytes:
        """The first bytes of the journal, with numbers that the writer is not just changing."""
        for _ in range(64):  # a number that is being changed is whole long before so many looks
            fixed = self._peek(0, fmt.HEADER_BYTES)
            count, complement = fmt.LOST.unpack_from(fixed, fmt.LOST_OFFSET)
            ended = fixed[fmt.ENDED_OFFSET : fmt.ENDED_OFFSET + fmt.ENDED.size]
            if count == complement ^ 0xFFFFFFFF and fmt.is_end_mark(ended):
                break
        return fixed

    def header(self) -> dict[str, Any]:
        """Who writes, as the header says; empty where it does not, or is damaged."""
        fixed = self._peek(0, fmt.HEADER_BYTES)
        if len(fixed) < fmt.HEADER_BYTES:
            return {}
        _, _, _, _, length, check = fmt.FILE_HEADER.unpack_from(fixed)
        text = self._peek(fmt.HEADER_BYTES, min(length, fmt.FRAME_BYTES))
        try:
            about = json.loads(text) if crc32(text) == check else None
        except (ValueError, RecursionError):
            about = None
        return about if isinstance(about, dict) else {}

    def end_of_dead(self) -> int:
        """How far the journal goes if its writer died: also what it left half done, but not the room it reserved.

        0 where it died while it began the journal: there is no record.
        """
        self.advance()
        size = os.fstat(self._descriptor).st_size
        while size > self.end:
            start = max(size - _PIECE_BYTES, self.end)
            rest = self._peek(start, size - start).rstrip(b"\0")
            if rest:
                end = min(start + fmt.padded(len(rest)), size)
                return 0 if not self.end and end <= self._first_record() else end
            size = start
        return self.end

    def _first_record(self) -> int:
        """Where the first record is, or would be."""
        fixed = self._peek(0, fmt.HEADER_BYTES)
        if len(fixed) < fmt.HEADER_BYTES or not fixed.startswith(fmt.MAGIC):
            return fmt.HEADER_BYTES
        return int(fmt.FILE_HEADER.unpack_from(fixed)[3]) + fmt.RECORD_BYTES

    def _peek(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def _begin(self) -> bool:
        fixed = self._peek(0, fmt.HEADER_BYTES)
        if len(fixed) < fmt.HEADER_BYTES or not fixed.startswith(fmt.MAGIC):
            return False
        first_at = fmt.FILE_HEADER.unpack_from(fixed)[3]
        if fmt.CRC.unpack_from(fixed, fmt.FILE_HEADER.size)[0] != crc32(fixed[: fmt.FILE_HEADER.size]):
            return False
        header = frame_header(self._peek, 0, first_at)
        if header is None or fmt.is_blank(fixed[fmt.LOST_OFFSET : fmt.LOST_OFFSET + fmt.LOST.size]):
            return False
        self._span = header.span_bytes
        self.end = self.first = first_at + fmt.RECORD_BYTES
        return True

    def _next_frame(self) -> bool:
        """Go on to the next frame, if it was begun."""
        start = self._frame + self._span
        header = frame_header(self._peek, start, start)
        if header is None:
            return False
        self._frame, self._span = start, header.span_bytes
        self.end = start + fmt.RECORD_BYTES
        return True

    def _walk(self) -> bool:
        """Go on behind committed records of the last frame; whether that reached its end, or there may be more."""
        limit = self._frame + self._span
        data = self._peek(self.end, min(limit - self.end, _PIECE_BYTES))
        at, length = 0, len(data)
        while at + fmt.RECORD_BYTES <= length:
            count, _, tail = struct.unpack_from("<III", data, at + 20)
            if tail == fmt.SCALAR_TAIL:
                at += fmt.RECORD_BYTES
                continue
            if tail == fmt.CLOSE_TAIL:
                at += fmt.RECORD_BYTES
                self.is_closed = True
                break
            kind = tail >> 16 & 0xFF
            if tail >> 24 != fmt.MARK or kind not in fmt.WITH_PAYLOAD:
                break
            size = fmt.RECORD_BYTES + fmt.padded(count * 8 if kind == fmt.ROW else count)
            if tail != fmt.tail_of(kind, size) or self.end + at + size > min(limit, self._size()):
                break
            at += size
        self.end += at
        return at > 0 and length == _PIECE_BYTES

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size
