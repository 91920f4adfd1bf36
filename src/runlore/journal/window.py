"""A stretch of a journal in memory, one at a time, in memory that is used again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from runlore.journal.source import ByteSource

_FIRST_BLOCK_BYTES = 64 * 1024
_BLOCK_BYTES = 2 * 1024 * 1024


class Window:
    """The bytes `[base, base + length)` of a journal that may grow, or be cut, at any moment.

    They are not those of one instant: what was read first may be older than what was read last. See
    `runlore.journal.frames` for what may be concluded from them.

    Attributes:
        size: how many bytes the journal had when the reading began. Those behind are left to the next reading.
        data: memory that holds them, from its beginning on; what is behind `length` means nothing.
        tails: the same as native uint32, for looking at commit marks one by one.
    """

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.size = source.size()
        self.data = bytearray()
        self.tails = memoryview(b"").cast("I")
        self.base = 0
        self.length = 0

    def holds(self, start: int, end: int) -> bool:
        """Whether all of `[start, end)` is here."""
        return self.base <= start and end <= self.base + self.length

    def load(self, start: int, end: int) -> None:
        """Read at least `[start, end)` now, as far as the journal goes. What was here before is gone."""
        block = _BLOCK_BYTES if self.length else _FIRST_BLOCK_BYTES
        wanted = max(min(max(end - start, block), self.size - start), 0)
        if len(self.data) < wanted:
            self.data = bytearray(wanted + -wanted % 8)
        self.base = start
        self.length = self._read(start, 0, wanted)
        self.see()

    def see(self) -> None:
        """Look at the commit marks that are in `data` now."""
        marks = np.frombuffer(self.data, "<u4", self.length // 4)
        self.tails = memoryview(marks.astype(np.uint32, copy=False))

    def reread(self, start: int, end: int) -> None:
        """Read `[start, end)`, which is here, once more, but keep `tails` as they were.

        What a commit mark that was seen before commits is certainly there now. One reading alone might see a mark that
        was set when it had passed the contents.
        """
        self.tails = memoryview(np.array(self.tails, dtype=np.uint32))
        self._read(start, start - self.base, min(end, self.base + self.length) - start)

    def _read(self, position: int, at: int, length: int) -> int:
        return self.source.readinto(position, memoryview(self.data)[at : at + length])

    def peek(self, start: int, length: int) -> bytes:
        """Some bytes, without moving the window; fewer where the journal ended when the reading began."""
        if self.holds(start, start + length):
            return bytes(self.data[start - self.base : start - self.base + length])
        return self.fresh(start, length)

    def fresh(self, start: int, length: int) -> bytes:
        """As `peek`, but read now, whatever is in the window."""
        return self.source.pread(start, max(min(length, self.size - start), 0))

    def next_data(self, position: int) -> int | None:
        """Where there is something that was written, from `position` on; None: nowhere."""
        return self.source.next_data(position) if position < self.size else None
