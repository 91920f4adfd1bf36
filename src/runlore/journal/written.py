"""The same journal, written by `pwrite`: where a memory map cannot be trusted, or `fsync` is wanted."""

from __future__ import annotations

import os
from typing import Any

from runlore.journal import format as fmt
from runlore.journal.writer import JournalWriter


class WrittenJournal(JournalWriter):
    """Sends every record by one unbuffered `pwrite`, and `fdatasync` after it where asked.

    A record that cannot be written is taken back, counted, and its room used again by the next one.
    """

    __slots__ = ("_flushed", "_fsync")

    def __init__(self, directory: str, run_uid: str, *, fsync: bool = False) -> None:
        self._fsync = fsync
        self._flushed = 0
        super().__init__(directory, run_uid)

    def scalar(self, key: str, value: Any, step: Any = None, time: Any = None) -> None:  # type: ignore[override]
        """As `JournalWriter.scalar`, at the price of one system call."""
        with self.lock:
            super().scalar(key, value, step, time)
            if not self._busy:
                self._flush()

    def _put(
        self, kind: int, number: int, payload: bytes, time: int | None = None, step: float = float("nan"),
        count: int | None = None,
    ) -> None:  # fmt: skip
        with self.lock:
            super()._put(kind, number, payload, time, step, count)
            if self._busy or self._flush() or kind not in (fmt.KEY, fmt.LAYOUT, fmt.EXTRA):
                return
            self.lost -= 1
            self._unwritten.append((kind, number, payload, time or 0))

    def _flush(self) -> bool:
        """Write what was packed since the last call; take it back where that fails."""
        if self._state != "open" or self._fd < 0:
            return self._state != "open"
        start, end = self._flushed, self.offset
        view = memoryview(self.buffer)
        try:
            while start < end:
                start += os.pwrite(self._fd, view[start:end], self._chunk_at + start)
            if self._fsync:
                os.fdatasync(self._fd)
        except OSError as error:
            self.offset = self._flushed
            if self._flushed > self._header_at:  # else not even this frame's header is in the file
                self._close_frame()
            self._refuse(end - self._flushed, error)
            return False
        self._flushed = end
        return True

    def _reserve(self, fd: int, position: int, length: int) -> None:  # noqa: ARG002 - a file needs no reservation here
        """Memory for the frame that starts at `position`."""
        self.buffer = bytearray(length)
        self._chunk_at = position
        self._chunk_bytes = length
        self._flushed = 0

    def _write_file_header(self, fd: int) -> None:
        super()._write_file_header(fd)
        os.pwrite(fd, self.buffer[: self.offset], 0)
        self._flushed = self.offset

    def _finish_file(self) -> int:
        length = super()._finish_file()
        self._state = "open"
        if not self._flush():
            length = self._chunk_at + self._flushed
        self._state = "closed"
        return length
