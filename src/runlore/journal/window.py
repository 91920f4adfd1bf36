"""A stretch of a journal file in memory, one at a time, in memory that is used again."""

from __future__ import annotations

import errno
import os

import numpy as np

_FIRST_BLOCK_BYTES = 64 * 1024
_BLOCK_BYTES = 2 * 1024 * 1024


class Window:
    """The bytes `[base, base + length)` of a file that may grow, or be cut, at any moment.

    Attributes:
        data: memory that holds them, from its beginning on; what is behind `length` means nothing.
        tails: the same as native uint32, for looking at commit marks one by one.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_size
        self.data = bytearray()
        self.tails = memoryview(b"").cast("I")
        self.base = 0
        self.length = 0

    def holds(self, start: int, end: int) -> bool:
        """Whether all of `[start, end)` is here."""
        return self.base <= start and end <= self.base + self.length

    def load(self, start: int, end: int) -> None:
        """Have at least `[start, end)` here, as far as the file goes. What was here before is gone."""
        block = _BLOCK_BYTES if self.length else _FIRST_BLOCK_BYTES
        wanted = max(min(max(end - start, block), self.size - start), 0)
        if len(self.data) < wanted:
            self.data = bytearray(wanted + -wanted % 8)
        self.base = start
        self.length = self._read(start, 0, wanted)
        self._see()

    def reread(self, start: int, end: int) -> None:
        """Read `[start, end)`, which is here, once more, but keep `tails` as they were.

        What a commit mark that was seen before commits is certainly there now: a read runs from low to high
        addresses, as the writer does, and might see a mark that was set after it had passed the contents.
        """
        self.tails = memoryview(np.array(self.tails, dtype=np.uint32))
        self._read(start, start - self.base, min(end, self.base + self.length) - start)

    def _see(self) -> None:
        marks = np.frombuffer(self.data, "<u4", self.length // 4)
        self.tails = memoryview(marks.astype(np.uint32, copy=False))

    def _read(self, position: int, at: int, length: int) -> int:
        view = memoryview(self.data)
        done = 0
        while done < length:
            got = os.preadv(self.fd, [view[at + done : at + length]], position + done)
            if not got:
                break  # cut since
            done += got
        return done

    def peek(self, start: int, length: int) -> bytes:
        """Some bytes of the file, without moving the window; fewer where the file ended when the reading began."""
        if self.holds(start, start + length):
            return bytes(self.data[start - self.base : start - self.base + length])
        return os.pread(self.fd, max(min(length, self.size - start), 0), start)

    def next_data(self, position: int) -> int | None:
        """Where the file has something other than a hole or reserved space, from `position` on; None: nowhere."""
        if position >= self.size:
            return None
        try:
            return os.lseek(self.fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            return position  # this file system does not tell
