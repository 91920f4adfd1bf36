"""Appending records to a journal's file from several threads and signal handlers, and what becomes of those that fail.

CPython runs signal handlers only between a call and what follows it, and no call stands between the claim of a record's
room (`self.offset = ...`) and its commit mark: whoever interrupts finds whole records only. Where more has to happen
(a new frame, a full disk, the end), the writer is busy, its `buffer` takes nothing, and who interrupts is `Reentered`.
"""

from __future__ import annotations

import sys
import threading
from time import monotonic, time_ns

from runlore.errors import RunEnded
from runlore.failures import is_environmental, is_of_signal_handler, reason_of
from runlore.journal import format as fmt
from runlore.journal.file import NOTHING, JournalFile
from runlore.journal.tally import count_records
from runlore.journal.values import to_bytes
from runlore.model import LOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_RETRY_SECONDS = 1.0
_NAN = float("nan")
_pack_tail = fmt.TAIL.pack_into


class Reentered(Exception):
    """A signal handler logged while its own thread was inside the writer."""


class Appender(JournalFile):
    """A journal file that takes records, counts those that it cannot keep, and says so once on stderr.

    Attributes:
        buffer: where a record may be packed at `offset` at once; empty while something else has to be done first.
        lock: held while a record is appended.
    """

    __slots__ = (
        "_busy", "_close_wanted", "_closed", "_columns", "_columns_due", "_lost", "_next_try", "_refused_span",
        "_report_due", "_said", "buffer", "lock",
    )  # fmt: skip

    def __init__(self, directory: str, run_uid: str) -> None:
        super().__init__(directory, run_uid)
        self._columns = b""
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        """As for a process that has logged nothing yet."""
        self.lock = threading.RLock()
        self.buffer: memoryview = NOTHING
        self._columns_due: bool = bool(self._columns)
        self._busy: bool = False
        self._close_wanted: bool = False
        self._said: bool = False
        self._lost: int = 0
        self._report_due: bool = False
        self._refused_span: int = 0
        self._next_try: float = 0.0

    def close(self) -> None:
        """End the journal: seal its last frame with a CRC, cut it to its length, let go of the lock. Idempotent.

        Called by a signal handler that interrupted the writer in mid-record, it takes effect when that record is done.
        """
        with self.lock:
            if self._busy:
                self._close_wanted = True
                self.buffer = NOTHING
                return
            if self._closed:
                return
            self._closed = self._busy = True
            self.buffer = NOTHING
            try:
                self._close_file()
            finally:
                self._busy = False

    def _append(self, record: bytes, tail: int) -> bool:
        """Append a record: contents first, commit mark last. False: it could not be kept, and was counted."""
        size = len(record)
        with self.lock:
            offset = self.offset
            try:
                self.buffer[offset + size - 1]
                self.offset = offset + size  # from here to the end of the packing, no signal handler can run
                self.buffer[offset : offset + size] = record
                _pack_tail(self.buffer, offset + 28, tail)
            except IndexError:
                if offset + size <= len(self.buffer):
                    raise  # there was room: a signal handler raised it
                return self._append_slowly(record, tail)
            return True

    def _append_slowly(self, record: bytes, tail: int) -> bool:
        """As `_append`, where something else has to be done first: a new frame, a new file, a report."""
        if self._busy:
            raise self._ended() if self._closed else Reentered()
        self._busy = True
        self.buffer = NOTHING
        try:
            if self._closed:
                raise self._ended()
            if self._is_hopeless(len(record)):
                return self._lose()
            try:
                self._settle()
                self._place(record, tail)
            except OSError as error:
                if not is_environmental(error):
                    raise  # a signal handler of the program's raised it
                return self._refuse(len(record), error)
            self._refused_span = 0
            return True
        finally:  # no function is called before this is said: a handler that raises can interrupt where one is entered
            self._busy = False
            self.buffer = self._direct()
            if self._close_wanted:
                self._close_wanted = False
                self.close()

    def reserve(self, sizes: Iterable[int]) -> None:
        """Have room for records with payloads of so many bytes: those that come next are all kept.

        A handler that interrupted the writer is promised nothing. What nobody uses is given back at the end.

        Raises:
            OSError: there is no room. Nothing was recorded, and nothing is counted as lost.
            RunEnded: the writer was closed.
        """
        known = list(sizes)
        least = sum(map(fmt.size_of, known))
        with self.lock:
            if self._closed:
                raise self._ended()
            if self._busy or self.offset + least <= len(self.buffer):
                return
            self._busy = True
            self.buffer = NOTHING
            try:
                self._settle()
                self._reserve_ahead(fmt.room_for(known))
            finally:  # as in `_append`
                self._busy = False
                self.buffer = self._direct()
                if self._close_wanted:
                    self._close_wanted = False
                    self.close()

    def _direct(self) -> memoryview:
        """Where records may be packed without further ado."""
        return NOTHING if self._columns_due or self._report_due or self._closed else self._frame

    def _settle(self) -> None:
        """Whatever has to precede the next record: the file itself, extra columns, a report of what was lost."""
        if self._fd < 0:
            self._create(self._lost)
            if self._announce is not None:
                self._announce()
        if self._columns_due:
            self._columns_due = False
            try:
                self._place(*text_record(fmt.EXTRA, 0, self._columns))
            except BaseException:
                self._columns_due = True
                raise
        if self._report_due:
            if not self._is_deleted():
                report = to_bytes({"e": LOST, "k": "records", "v": self._lost}, LOST)
                self._place(*text_record(fmt.EVENT, 0, report))
            self._report_due = False

    # -- what could not be kept ---------------------------------------------------------------------------------

    def _is_hopeless(self, size: int) -> bool:
        """Whether there was no room for as much a moment ago."""
        if not self._refused_span or monotonic() >= self._next_try:
            return False
        fits = self.offset + size <= len(self._frame) and not self._columns_due
        return not fits and (self._columns_due or fmt.span_of(size) >= self._refused_span)

    def _refuse(self, size: int, error: OSError) -> bool:
        """There is no room: say it once, count, and try again later."""
        self._refused_span = fmt.span_of(size)
        self._next_try = monotonic() + _RETRY_SECONDS
        if not self._said:
            self._said = True
            later = "" if isinstance(error, FileNotFoundError) else ", and kept again as soon as there is room"
            self.say(
                f"the journal of run {self.run_uid} cannot grow ({reason_of(error)}). The program goes on; "
                f"what it logs now is counted{later}"
            )
        return self._lose()

    def _lose(self) -> bool:
        self._lost += 1
        self._report_due = True
        try:
            self._note_lost(self._lost)
        except OSError:
            return False  # the file's header keeps an older count; the report that is due has the right one
        return False

    def say(self, text: str) -> None:
        """Say something on stderr, in a line of its own, if there is a stderr."""
        stream = sys.__stderr__
        if stream is None:
            return
        try:
            stream.write(f"runlore: {text}\n")
            stream.flush()
        except (OSError, ValueError, RuntimeError) as error:
            if is_of_signal_handler(error):
                raise
            return  # closed, gone, or being written to by whom a signal interrupted: the count is kept all the same

    # -- the end ------------------------------------------------------------------------------------------------

    def _ended(self) -> RunEnded:
        return RunEnded(
            f"run {self.run_uid} was finished: nothing more can be logged through this handle. "
            f"What was logged is kept. To go on, call runlore.resume({self.run_uid!r})"
        )

    def _deleted_records(self) -> int:
        """How many records are gone with the file, where somebody deleted it; what is logged next would be, too."""
        return count_records(self._fd, self._position + self.offset) if self._is_deleted() else 0

    def _close_file(self) -> None:
        deleted = self._deleted_records()
        self._lost += deleted
        if self._fd >= 0:
            try:
                try:
                    if self._report_due:
                        self._settle()
                finally:
                    self._end(self._lost)
            except OSError as error:
                if not is_environmental(error):
                    raise
                self.say(f"the journal of run {self.run_uid} could not be ended in order ({reason_of(error)})")
        if self._lost:
            where = "its journal was deleted while it was written" if deleted else "the run says so"
            self.say(f"{self._lost:,} records of run {self.run_uid} could not be kept; {where}")


def text_record(
    kind: int, number: int, payload: bytes, step: float = _NAN, time: int | None = None
) -> tuple[bytes, int]:
    """A record whose payload is text or ids, and its commit mark."""
    return fmt.record(kind, time_ns() if time is None else time, step, len(payload), number, payload)
