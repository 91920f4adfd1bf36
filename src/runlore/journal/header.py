"""The header of a journal file: who wrote it, and the few numbers in it that the writer changes later.

Nothing of it is called damaged before something was seen that is written after it, and it was read again after that.
Until then it may just be in the making; or its writer died then, which is no damage either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

from runlore.errors import UnsupportedFormat
from runlore.journal import format as fmt
from runlore.journal.chain import frame_header, next_frame
from runlore.journal.decoded import Damage

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.journal.source import ByteSource

_BEGINNING = fmt.MAGIC + fmt.VERSION.to_bytes(2, "little")
_MOST_HEADER_BYTES = 4096
"""A header is shorter: what is behind was written after it."""
_LOOKS = 64
"""A number that the writer is just changing is whole long before so many."""


@dataclass
class FileHeader:
    """What the header of a journal says."""

    first_at: int = 0
    """Where the header of the first frame is; 0: that cannot be told."""
    lost: int = 0
    """Records that could not be kept."""
    end_mark: tuple[str, int] | None = None
    """How the run ended and when, where its event found no room."""
    about: dict[str, Any] = field(default_factory=dict)
    """Who wrote; empty where that is damaged."""
    is_begun: bool = True
    """Whether there is a journal: its header is complete, or was."""
    damage: list[Damage] = field(default_factory=list)


def read_header(source: ByteSource, size: int, *, describe: bool = True) -> FileHeader:
    """Read the header of a journal.

    Args:
        source: the journal.
        size: how much of it is looked at.
        describe: whether to read who wrote.

    Raises:
        UnsupportedFormat: a newer version of Runlore wrote it.
    """
    return _HeaderReader(source, size).read(describe=describe)


def settled_beginning(source: ByteSource) -> bytes:
    """The first bytes of a journal, with numbers that the writer is not just changing; else as they are."""
    for _ in range(_LOOKS):
        fixed = source.pread(0, fmt.HEADER_BYTES)
        lost = fixed[fmt.LOST_OFFSET : fmt.LOST_OFFSET + fmt.LOST.size]
        ended = fixed[fmt.ENDED_OFFSET : fmt.ENDED_OFFSET + fmt.ENDED.size]
        if _is_count(lost) and fmt.is_end_mark(ended):
            break
    return fixed


class _HeaderReader:
    def __init__(self, source: ByteSource, size: int) -> None:
        self.source = source
        self.size = size
        self.header = FileHeader()

    def peek(self, offset: int, length: int) -> bytes:
        return self.source.pread(offset, max(min(length, self.size - offset), 0))

    def report(self, offset: int, length: int, reason: str) -> None:
        self.header.damage.append(Damage(offset, length, reason))

    def read(self, *, describe: bool) -> FileHeader:
        header = self.header
        fixed = self.peek(0, fmt.HEADER_BYTES)
        if not _is_complete(fixed):
            if self._is_in_the_making(fixed):
                header.is_begun = False
                return header
            fixed = self.peek(0, fmt.HEADER_BYTES)  # again: what told that it is complete was seen after the first time
        _, version, _, first_at, _, check = fmt.FILE_HEADER.unpack(fixed[: fmt.FILE_HEADER.size].ljust(24, b"\0"))
        if not _matches(fixed):
            first_at = self._find_first_frame()
            if not first_at and next_frame(self.peek, self._data, fmt.FRAME_BYTES, self.size) is None:
                self.report(0, self.size, "this is no journal, or its beginning is damaged")
                header.is_begun = False
                return header
            self.report(0, fmt.HEADER_BYTES, "the file's header is damaged")
        elif version != fmt.VERSION:
            raise UnsupportedFormat(
                f"the journal has format version {version}; this Runlore reads version {fmt.VERSION}. "
                "Nothing was changed. Upgrade Runlore to read it"
            )
        header.first_at = first_at
        if describe and first_at:
            self._read_description(check)
        header.is_begun = self.size >= first_at + fmt.RECORD_BYTES
        if header.is_begun:
            self._read_lost()
            self._read_end_mark()
        return header

    def _data(self, offset: int) -> int | None:
        return self.source.next_data(offset) if offset < self.size else None

    def _is_in_the_making(self, fixed: bytes) -> bool:
        """Whether a header that is not whole may become so: it begins as one does, and nothing was written behind."""
        begins = all(found in (0, right) for found, right in zip(fixed, _BEGINNING, strict=False))
        if not begins or not fmt.is_blank(self.peek(_MOST_HEADER_BYTES, fmt.FRAME_BYTES - _MOST_HEADER_BYTES)):
            return False
        first_at = self._find_first_frame()
        if first_at and not fmt.is_blank(self.peek(first_at + fmt.RECORD_BYTES, _MOST_HEADER_BYTES)):
            return False
        return next_frame(self.peek, self._data, fmt.FRAME_BYTES, self.size) is None

    def _find_first_frame(self) -> int:
        """Where the first frame's header is, if the file's header does not say; 0: nowhere."""
        raw = self.peek(0, fmt.FRAME_BYTES)
        for at in range(fmt.HEADER_BYTES, fmt.FRAME_BYTES, 32):
            if frame_header(lambda offset, length: raw[offset : offset + length], 0, at) is not None:
                return at
        return 0

    def _read_description(self, check: int) -> None:
        """It was written before the rest of the header, or is there as soon as the file is long enough."""
        first_at = self.header.first_at
        length = first_at - fmt.HEADER_BYTES
        text = self.peek(fmt.HEADER_BYTES, length).rstrip(b"\0")
        about = _description(text) if text and crc32(text) == check else None
        if about is not None:
            self.header.about = about
        elif self.size >= first_at:
            self.report(fmt.HEADER_BYTES, length, "the description of the writer is damaged")

    def _read_lost(self) -> None:
        raw = self._settled(fmt.LOST_OFFSET, fmt.LOST.size, _is_count)
        if raw is None:
            self.report(fmt.LOST_OFFSET, fmt.LOST.size, "the count of lost records does not match its complement")
        else:
            self.header.lost = fmt.LOST.unpack(raw)[0]

    def _read_end_mark(self) -> None:
        raw = self._settled(fmt.ENDED_OFFSET, fmt.ENDED.size, fmt.is_end_mark)
        if raw is None:
            self.report(fmt.ENDED_OFFSET, fmt.ENDED.size, "the mark of the run's end does not match its CRC")
        else:
            self.header.end_mark = fmt.read_end_mark(raw)

    def _settled(self, offset: int, length: int, is_whole: Callable[[bytes], bool]) -> bytes | None:
        """Bytes that the writer may be changing, once they are whole; None where they stay as they are."""
        for _ in range(_LOOKS):
            raw = self.peek(offset, length)
            if is_whole(raw):
                return raw
        return None


def _matches(fixed: bytes) -> bool:
    """Whether the header's first bytes match their CRC."""
    at = fmt.FILE_HEADER.size
    return len(fixed) == fmt.HEADER_BYTES and fmt.CRC.unpack_from(fixed, at)[0] == crc32(fixed[:at])


def _is_complete(fixed: bytes) -> bool:
    """Whether all of a header was written: its last part, which has no CRC, is never blank."""
    return _matches(fixed) and not fmt.is_blank(fixed[fmt.LOST_OFFSET : fmt.LOST_OFFSET + fmt.LOST.size])


def _is_count(raw: bytes) -> bool:
    if len(raw) < fmt.LOST.size:
        return False
    count, complement = fmt.LOST.unpack(raw)
    return bool(count == complement ^ 0xFFFFFFFF)


def _description(text: bytes) -> dict[str, Any] | None:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return about if isinstance(about, dict) else None
