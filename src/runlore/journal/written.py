"""The same journal, written by `pwrite`: where a memory map cannot be trusted, or `fsync` is wanted."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from time import time_ns

from runlore.failures import is_environmental, reason_of
from runlore.journal import format as fmt
from runlore.journal.file import NOTHING
from runlore.journal.values import number_of, step_of, time_ns_of
from runlore.journal.writer import JournalWriter
from runlore.names import check_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAN = float("nan")
_SENDING = memoryview(bytearray())
"""The buffer of a writer that is sending a record: nothing fits into it."""
_pack_tail = fmt.TAIL.pack_into


class WrittenJournal(JournalWriter):
    """Sends every record by one unbuffered `pwrite`, and `fdatasync` after it where asked.

    A record that cannot be written is taken back, counted, and its room used again by the next one. The file is as
    long as what was written. With `fsync`, what a returned call logged survives a loss of power. A record that was
    written, and that the disk did not confirm, is kept and not counted as lost: every reader sees it, and it may well
    be on the disk. That it might not survive a loss of power is said once.
    """

    __slots__ = ("_flushed", "_fsync")

    def __init__(
        self, directory: str, run_uid: str, *, fsync: bool = False, create: bool = True,
        announce: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        self._fsync = fsync
        self._flushed = 0
        super().__init__(directory, run_uid, create=create, announce=announce)

    def scalar(
        self,
        key: str,
        value: Any,
        step: Any = None,
        time: Any = None,
        _pack: Any = fmt.SCALAR_RECORD.pack_into,
        _now: Any = time_ns,
        _pwrite: Any = os.pwrite,
    ) -> None:
        """As `JournalWriter.scalar`, at the price of one system call."""
        try:
            number = self.keys[key]
            step = float(step) if step.__class__ is int else _NAN if step is None else step_of(step)
        except (KeyError, TypeError, OverflowError):
            check_key(key, "key")
            self._point(key, number_of(key, value), step_of(step), _now() if time is None else time_ns_of(time))
            return
        if value.__class__ is not float:
            value = number_of(key, value)
        time = _now() if time is None else time_ns_of(time)
        with self.lock:  # what follows is `_append`, without the price of calling it
            offset, buffer = self.offset, self.buffer
            try:
                buffer[offset + 31]
            except IndexError:
                self._point(key, value, step, time)
                return
            self._busy = True
            self.buffer = _SENDING
            sent, end, at = 0, offset + 32, self._position + offset
            try:
                _pack(buffer, offset, time, step, value, number, 0xA5010004)
                sent = _pwrite(self._fd, buffer[offset:end], at)
            except OSError as error:
                if not is_environmental(error):
                    raise
            finally:
                try:
                    if sent == 32:
                        self.offset, self._flushed = end, at + 32
                    else:
                        self._take_back(buffer, offset, end)
                finally:
                    self._busy = False
                    if self.buffer is _SENDING:
                        self.buffer = buffer
                    else:
                        self._catch_up()
            if sent != 32:
                self._point(key, value, step, time)

    def _append(self, record: bytes, tail: int) -> bool:
        size = len(record)
        with self.lock:
            offset, buffer = self.offset, self.buffer
            try:
                buffer[offset + size - 1]
            except IndexError:
                return self._append_slowly(record, tail)
            self._busy = True  # no call stands between the look at the offset and this: nothing has interrupted
            self.buffer = _SENDING
            sent, end, at = 0, offset + size, self._position + offset
            try:
                buffer[offset:end] = record
                _pack_tail(buffer, offset + 28, tail)
                sent = os.pwrite(self._fd, buffer[offset:end], at)
            except OSError as error:
                if not is_environmental(error):
                    raise  # a signal handler of the program's; the slow way meets all others again, and says so
            finally:
                try:
                    if sent == size:
                        self.offset, self._flushed = end, at + size
                    else:
                        self._take_back(buffer, offset, end)
                finally:
                    self._busy = False
                    if self.buffer is _SENDING:
                        self.buffer = buffer
                    else:
                        self._catch_up()
            return sent == size or self._append_slowly(record, tail)

    def _take_back(self, buffer: memoryview, start: int, end: int) -> None:
        """Forget a record of which not all was written."""
        buffer[start:end] = bytes(end - start)
        with suppress(OSError):  # the next record, or the end, writes over what is left
            os.ftruncate(self._fd, self._flushed)

    def _catch_up(self) -> None:
        """Do what was asked for while a record was sent."""
        self.buffer = self._direct()
        if self._close_wanted:
            self._close_wanted = False
            self.close()

    def _direct(self) -> memoryview:
        waiting = self._flushed != self._position + self.offset  # an exception kept it from being sent
        return NOTHING if self._fsync or waiting else super()._direct()

    def _twin(self) -> JournalWriter:
        return type(self)(self._directory, self.run_uid, fsync=self._fsync, create=False, announce=self._announce)

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

    def _reserve_ahead(self, length: int) -> None:
        """See whether there is room by now. Nothing is reserved: who shares the disk may still be faster.

        Raises:
            OSError: there is none.
        """
        about = os.fstatvfs(self._fd)
        if about.f_blocks and about.f_bavail * about.f_frsize < length:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _room(self, position: int, length: int) -> memoryview:  # noqa: ARG002 - nothing is reserved: any place will do
        return memoryview(bytearray(length))

    def _flush(self) -> None:
        """Write what was packed since the last call, and see it to the disk where that is wanted.

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
            self._flushed = position + end
        finally:
            if self._flushed != position + end:
                self.offset = kept = max(start, self._first)
                self._view[kept:end] = bytes(end - kept)
                os.ftruncate(self._fd, self._flushed)
        if self._fsync:
            self._confirm()

    def _confirm(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            if not is_environmental(error):
                raise
            reason = f"fdatasync: {reason_of(error)}"
            if reason not in self._reasons:
                self._reasons.add(reason)
                self.say(
                    f"what run {self.run_uid} records is written, but the disk does not confirm it "
                    f"({reason_of(error)}): a loss of power might cost some of it. The program goes on"
                )
