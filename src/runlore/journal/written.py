"""The same journal, written by `pwrite`: where a memory map cannot be trusted, or `fsync` is wanted."""

from __future__ import annotations

import errno
import os
from time import time_ns
from typing import Any

from runlore.journal.file import NOTHING
from runlore.journal.values import number_of, step_of, time_ns_of
from runlore.journal.writer import JournalWriter
from runlore.names import check_key


class WrittenJournal(JournalWriter):
    """Sends every record by one unbuffered `pwrite`, and `fdatasync` after it where asked.

    A record that cannot be written is taken back, counted, and its room used again by the next one. The file is as
    long as what was written. With `fsync`, what a returned call logged survives a loss of power.
    """

    __slots__ = ("_flushed", "_fsync")

    def __init__(self, directory: str, run_uid: str, *, fsync: bool = False, create: bool = True) -> None:
        self._fsync = fsync
        self._flushed = 0
        super().__init__(directory, run_uid, create=create)

    def scalar(self, key: str, value: Any, step: Any = None, time: Any = None) -> None:  # type: ignore[override]
        """As `JournalWriter.scalar`, at the price of one system call."""
        if key.__class__ is not str or key not in self.keys:
            check_key(key, "key")
        if value.__class__ is not float:
            value = number_of(key, value)
        self._point(key, value, step_of(step), time_ns() if time is None else time_ns_of(time))

    def _append(self, record: bytes, tail: int) -> bool:
        with self.lock:
            return self._append_slowly(record, tail)

    def _direct(self) -> memoryview:
        return NOTHING

    def _twin(self) -> JournalWriter:
        return type(self)(self._directory, self.run_uid, fsync=self._fsync, create=False)

    def _forget_file(self) -> None:
        super()._forget_file()
        self._flushed = 0

    def _create(self, lost: int) -> None:
        super()._create(lost)
        if self._fsync:
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _room(self, position: int, length: int) -> memoryview:  # noqa: ARG002 - nothing is reserved: any place will do
        return memoryview(bytearray(length))

    def _flush(self) -> None:
        """Write what was packed since the last call.

        Raises:
            OSError: not all of it could be written. It is taken back, from the memory and from the file.
        """
        position, end = self._position, self.offset
        start = done = max(self._flushed - position, 0)
        try:
            while done < end:
                written = os.pwrite(self._fd, self._view[done:end], position + done)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                done += written
            if self._fsync:
                os.fdatasync(self._fd)
            self._flushed = position + end
        finally:
            if self._flushed != position + end:
                self.offset = kept = max(start, self._first)
                self._view[kept:end] = bytes(end - kept)
                os.ftruncate(self._fd, self._flushed)
