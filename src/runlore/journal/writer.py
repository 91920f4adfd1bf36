"""Appending to a journal: a record is on its way to the disk, or counted as lost, when the call returns.

Two writers share one layout. `JournalWriter` packs records into a memory map of space that was reserved beforehand;
`runlore.journal.written.WrittenJournal` sends each by one unbuffered `pwrite`, where a map cannot be trusted.

Threads may share a writer. After `fork`, the child's first record opens a journal of its own. A signal handler that
logs while its own thread is inside the writer is served by a second journal, so nothing waits and nothing is lost.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import struct
import sys
import threading
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any
from zlib import crc32

from runlore.errors import InvalidArgument, RunEnded
from runlore.journal import format as fmt
from runlore.journal import liveness
from runlore.journal.values import number_of, step_of, time_ns_of, to_json
from runlore.model import LOST, new_uid
from runlore.names import check_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FIRST_CHUNK_BYTES = 4 * fmt.FRAME_BYTES
_LARGEST_CHUNK_BYTES = 4 * 1024 * 1024
_MAX_LAYOUTS = 4096
_RETRY_SECONDS = 1.0
_NAN = float("nan")

_open: dict[int, JournalWriter] = {}


class _Reentered(Exception):
    """A signal handler logged while its own thread was inside the writer."""


def open_journal(directory: str, run_uid: str, mode: str = "auto", *, fsync: bool = False) -> JournalWriter:
    """A new journal in the directory, written in the way that its file system allows.

    Args:
        directory: the run's `journal` directory, which exists.
        run_uid: the run that it belongs to.
        mode: `mmap`, `write`, or `auto` to let the file system decide.
        fsync: make every call wait until the disk has it (implies `write`).

    Raises:
        OSError: the file cannot be created.
    """
    if fsync or mode == "write" or (mode == "auto" and not liveness.can_map(directory)):
        from runlore.journal.written import WrittenJournal

        return WrittenJournal(directory, run_uid, fsync=fsync)
    return JournalWriter(directory, run_uid)


class JournalWriter:
    """Appends records of one run, from one process, through a memory map.

    A returned call survives `kill -9` of the process. When the file cannot grow (full disk, quota), records are
    counted in `lost`, said once on stderr, and recording goes on as soon as there is room again.

    Attributes:
        path: the journal file.
        writer: its name, a uid, unique among all writers.
        lost: records that could not be kept so far.
    """

    __slots__ = (
        "_busy", "_chunk_at", "_chunk_bytes", "_columns", "_directory", "_fd", "_frame_at", "_frame_index",
        "_header_at", "_layout_count", "_layouts", "_lock_fd", "_next_try", "_pending", "_said", "_side", "_span",
        "_state", "_unwritten", "buffer", "keys", "limit", "lock", "lost", "offset", "path", "run_uid", "writer",
    )  # fmt: skip

    def __init__(self, directory: str, run_uid: str) -> None:
        self._directory = os.path.abspath(directory)
        self.run_uid = run_uid
        self.lock = threading.RLock()
        self.keys: dict[str, int] = {}
        self._layouts: dict[tuple[str, ...], tuple[int, struct.Struct]] = {}
        self._layout_count = 0
        self._columns: dict[str, Any] = {}
        self._unwritten: list[tuple[int, int, bytes, int]] = []
        self._side: JournalWriter | None = None
        self._busy = False
        self._said = False
        self.lost = 0
        self.buffer: Any = bytearray()
        self.offset: int = 0
        self.limit: int = -1
        self._fd: int = -1
        self._state: str = "full"
        self._frame_at: int = 0
        self._header_at: int = 0
        self._span: int = 1
        self._chunk_at: int = 0
        self._pending: tuple[int, int, int] = (0, 0, 0)
        self._begin()
        _open[id(self)] = self

    # -- appending ----------------------------------------------------------------------------------------------

    def scalar(
        self,
        key: str,
        value: Any,
        step: Any = None,
        time: Any = None,
        _pack: Any = fmt.SCALAR_RECORD.pack_into,
        _now: Any = time_ns,
    ) -> None:
        """Record one point of the series `key`: about as cheap as `list.append`.

        Args:
            key: name of the metric.
            value: float64, or what `values.number_of` can make one.
            step: float64 (integers exact to 2^53); None: no step.
            time: seconds since 1970 UTC, or a datetime; None: now.

        Raises:
            InvalidArgument, WrongType: an argument cannot be stored. Nothing was.
            RunEnded: the writer was closed.
        """
        try:
            number = self.keys[key]
        except (KeyError, TypeError):
            number = self._define(key)
        if value.__class__ is not float:
            value = number_of(key, value)
        if step.__class__ is not int:
            step = _NAN if step is None else step_of(step)
        time = _now() if time is None else time_ns_of(time)
        with self.lock:
            offset = self.offset
            if offset > self.limit:
                try:
                    offset = self._advance(32)
                except _Reentered:
                    self._aside().point(key, value, step, time)
                    return
            # No call stands between here and the packing, so no signal handler can run in between.
            self.offset = offset + 32
            try:
                _pack(self.buffer, offset, time, step, value, number, 0xA5010004)
            except (struct.error, OverflowError) as error:
                fmt.TAIL.pack_into(self.buffer, offset + fmt.TAIL_AT, fmt.VOID_TAIL)
                raise InvalidArgument(f"step={step!r} cannot be stored as float64: {error}") from error

    def row(self, values: Mapping[str, Any], step: Any = None, time: Any = None) -> None:
        """Record several metrics that share one step and one time, as one record: all of them or none.

        Args and Raises: as for `scalar`. An empty mapping records nothing.
        """
        keys = tuple(values)
        layout = self._layouts.get(keys)
        if layout is None:
            if not keys:
                return
            for key in keys:
                number_of(key, values[key])  # a value that cannot be stored is refused before its key is defined
            layout = self._define_layout(keys)
        numbers: Sequence[float] = [*values.values()]
        for number in numbers:
            if number.__class__ is not float:
                numbers = [number_of(key, value) for key, value in values.items()]
                break
        step = _NAN if step is None else step_of(step)
        nanoseconds = time_ns() if time is None else time_ns_of(time)
        payload = layout[1].pack(*numbers)
        self._put(fmt.ROW, layout[0], payload, nanoseconds, step, len(numbers))

    def event(
        self, kind: str, key: str, value: Any = None, *, step: Any = None, time_ns: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Record one fact as JSON.

        Args:
            kind: what sort of fact, for example `param`.
            key: its name.
            value: anything that `values.to_json` takes.
            step: as for `scalar`.
            time_ns: nanoseconds since 1970 UTC; None: now.
            extra: further columns of this event alone.

        Raises:
            InvalidArgument, WrongType: an argument cannot be stored, or is larger than 64 MiB. Nothing was.
            RunEnded: the writer was closed.
        """
        record: dict[str, Any] = {"e": kind, "k": key, "v": value}
        if extra:
            record["x"] = dict(extra)
        payload = to_json(record, f"{kind} {key!r}").encode("ascii")
        if len(payload) > fmt.MAX_EVENT_BYTES:
            raise InvalidArgument(
                f"{kind} {key!r} takes {len(payload):,} bytes; at most {fmt.MAX_EVENT_BYTES:,} fit into an event. "
                "Log it as an artifact"
            )
        self._put(fmt.EVENT, 0, payload, time_ns, step_of(step))

    def point(self, key: str, value: float, step: float, time: int) -> None:
        """Record one point whose arguments were checked before: step NaN for none, time in nanoseconds."""
        self._put(fmt.ROW, self._define_layout((key,))[0], struct.pack("<d", value), time, step, 1)

    def columns(self, columns: Mapping[str, Any]) -> None:
        """Give every later record of this writer these extra columns, instead of those given before."""
        payload = to_json(dict(columns), "extra columns").encode("ascii")
        with self.lock:
            self._columns = dict(columns)
            self._put(fmt.EXTRA, 0, payload)

    def close(self) -> None:
        """End the journal: seal its last frame with a CRC, cut it to its length, let go of the lock. Idempotent."""
        with self.lock:
            if self._side is not None:
                self._side.close()
            if self._state == "closed" or self._busy:
                return  # busy: a signal handler ends the process in mid-record; readers find the writer gone
            state, self._state = self._state, "closed"
            _open.pop(id(self), None)
            length = self._finish_file() if state == "open" else self._pending[0] if self._fd >= 0 else 0
            self.limit = -1
            self.buffer = bytearray()
            if self._fd >= 0:
                self._end_file(length)
            if self.lost:
                self._say(f"{self.lost:,} records of run {self.run_uid} could not be kept; the run says so")

    # -- definitions --------------------------------------------------------------------------------------------

    def _define(self, key: Any) -> int:
        check_key(key, "key")
        with self.lock:
            number = self.keys.get(key)
            if number is None:
                number = len(self.keys)
                self._put(fmt.KEY, number, json.dumps(key).encode("ascii"))
                number = self.keys.setdefault(key, number)
            return number

    def _define_layout(self, keys: tuple[str, ...]) -> tuple[int, struct.Struct]:
        with self.lock:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            numbers = [self._define(key) for key in keys]
            number = self._layout_count
            self._layout_count += 1
            self._put(fmt.LAYOUT, number, struct.pack(f"<{len(numbers)}I", *numbers))
            layout = self._layouts[keys] = (number, struct.Struct(f"<{len(numbers)}d"))
            return layout

    def _put(
        self, kind: int, number: int, payload: bytes, time: int | None = None, step: float = _NAN,
        count: int | None = None,
    ) -> None:  # fmt: skip
        """Append a record with a payload: contents first, commit mark last."""
        length = len(payload)
        size = 32 + fmt.padded(length)
        check = crc32(payload)
        with self.lock:
            offset = self.offset
            if offset + size > self.limit + 32:
                try:
                    offset = self._advance(size)
                except _Reentered:
                    self._aside().copy(kind, number, payload, time, step, self)
                    return
            limit, self.limit, self._busy = self.limit, -1, True  # a signal handler that logs goes aside
            self.offset = offset + size
            buffer = self.buffer
            start = offset + 32
            buffer[start : start + length] = payload
            now = time_ns() if time is None else time
            fmt.RECORD.pack_into(buffer, offset, now, step, check, length if count is None else count, number, 0)
            fmt.TAIL.pack_into(buffer, offset + fmt.TAIL_AT, fmt.tail_of(kind, size))
            self.limit, self._busy = limit, False
            if self._state == "full" and kind in (fmt.KEY, fmt.LAYOUT, fmt.EXTRA):
                self.lost -= 1
                self._unwritten.append((kind, number, payload, now))

    def copy(
        self, kind: int, number: int, payload: bytes, time: int | None, step: float, source: JournalWriter
    ) -> None:  # fmt: skip
        """Append what another writer of the same run could not: definitions come along under this writer's ids."""
        if kind == fmt.EVENT:
            self._put(kind, 0, payload, time, step)
        elif kind == fmt.ROW:
            keys = next(keys for keys, (layout, _) in source._layouts.items() if layout == number)
            values = struct.unpack(f"<{len(keys)}d", payload)
            self._put(kind, self._define_layout(keys)[0], payload, time, step, len(values))
        elif kind == fmt.EXTRA:
            self._put(kind, 0, payload, time)

    def _aside(self) -> JournalWriter:
        """The second journal, for a signal handler that interrupted this one."""
        if self._side is None:
            self._side = type(self)(self._directory, self.run_uid)
            if self._columns:
                self._side.columns(self._columns)
        return self._side

    # -- room ---------------------------------------------------------------------------------------------------

    def _advance(self, size: int) -> int:
        """Make room for a record of `size` bytes and return its offset in `buffer`. Rare: once a frame."""
        if self._busy:
            raise _Reentered
        self._busy = True
        try:
            if self._state == "closed":
                raise RunEnded(
                    f"run {self.run_uid} was finished: nothing more can be logged through this handle. "
                    f"What was logged is kept. To go on, call runlore.resume({self.run_uid!r})"
                )
            if self._state == "full" and monotonic() < self._next_try:
                return self._lose(size)
            try:
                self._make_room(size)
            except OSError as error:
                return self._refuse(size, error)
        finally:
            self._busy = False
        if self._unwritten:
            self._write_again()
            return self._advance(size) if self.offset + size > self.limit + 32 else self.offset
        return self.offset

    def _make_room(self, size: int) -> None:
        was_full = self._state == "full"
        if self._fd < 0:
            self._begin()
        if self._state == "open":
            if self.offset + size <= self.limit + 32:
                return
            self._close_frame()
        self._open_frame(fmt.span_of(size))
        self._state = "open"
        if was_full:
            loss = json.dumps({"e": LOST, "k": "records", "v": self.lost}).encode("ascii")
            self._unwritten.append((fmt.EVENT, 0, loss, time_ns()))

    def _close_frame(self) -> None:
        """Note where the next frame starts, and what its header has to say of this one."""
        used = self.offset - self._frame_at
        check = crc32(memoryview(self.buffer)[self._header_at : self.offset])
        self._pending = (self._chunk_at + self._frame_at + self._span * fmt.FRAME_BYTES, used, check)

    def _write_again(self) -> None:
        """After a full disk: write the definitions that were lost meanwhile, and how much was lost."""
        unwritten, self._unwritten = self._unwritten, []
        for kind, number, payload, time in unwritten:
            self._put(kind, number, payload, time)

    def _open_frame(self, span: int) -> None:
        """Start the next frame where `_pending` says, reserving space for it first.

        Raises:
            OSError: there is no room. Nothing has changed, and the call can be repeated.
        """
        position, used, check = self._pending
        length = span * fmt.FRAME_BYTES
        if self._state == "full" or position + length > self._chunk_at + self._chunk_bytes:
            self._reserve(self._fd, position, length)
        self._frame_at = position - self._chunk_at
        self._frame_index = position // fmt.FRAME_BYTES
        self._header_at = self._frame_at
        self._span = span
        self._write_frame_header(used, check)

    def _write_frame_header(self, used: int, check: int) -> None:
        at = self._header_at
        values = (fmt.FRAME_MAGIC, self._frame_index, self._span, used, check, 0)
        own = crc32(fmt.FRAME_HEADER.pack(*values, 0)[:-4])
        fmt.FRAME_HEADER.pack_into(self.buffer, at, *values, own)
        self.offset = at + 32
        self.limit = self._frame_at + self._span * fmt.FRAME_BYTES - 32

    def _reserve(self, fd: int, position: int, length: int) -> None:
        """Map reserved space from `position` on: a generous piece, or just `length` bytes if there is no more."""
        wanted = max(length, min(_LARGEST_CHUNK_BYTES, max(_FIRST_CHUNK_BYTES, position)))
        try:
            os.posix_fallocate(fd, position, wanted)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or wanted == length:
                raise
            wanted = length
            os.posix_fallocate(fd, position, wanted)
        base = position // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        self.buffer = mmap.mmap(fd, position - base + wanted, offset=base)
        self._chunk_at = base
        self._chunk_bytes = position - base + wanted

    # -- what could not be kept ---------------------------------------------------------------------------------

    def _refuse(self, size: int, error: OSError) -> int:
        """There is no room: say it once, count, and let the caller write into memory that nobody reads."""
        self._state = "full"
        self._next_try = monotonic() + _RETRY_SECONDS
        if not self._said:
            self._said = True
            self._say(
                f"the journal of run {self.run_uid} cannot grow ({error.strerror or error}). The program goes on; "
                "what it logs now is counted, and kept again as soon as there is room"
            )
        return self._lose(size)

    def _lose(self, size: int) -> int:
        self.lost += 1
        self.buffer = bytearray(size)
        self.limit = -1
        if self._fd >= 0:
            count = min(self.lost, 0xFFFFFFFF)
            os.pwrite(self._fd, fmt.LOST.pack(count, count ^ 0xFFFFFFFF), fmt.LOST_OFFSET)
        return 0

    def _say(self, text: str) -> None:
        stream = sys.__stderr__
        if stream is None or stream.closed:
            return
        try:
            stream.write(f"runlore: {text}\n")
        except OSError:
            return  # nobody listens on stderr any more; the count is kept all the same

    # -- the file -----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Create the journal: lock first, so that no reader ever sees a living journal unlocked."""
        self.writer = new_uid()
        self.path = os.path.join(self._directory, self.writer + fmt.SUFFIX)
        self._state = "full"  # until all of it is there
        self._fd = -1
        self._lock_fd = liveness.acquire(self.path)
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                self._write_file_header(fd)
            except OSError:
                os.close(fd)
                os.unlink(self.path)
                raise
        except OSError:
            if self._lock_fd is not None:
                liveness.release(self.path, self._lock_fd)
                self._lock_fd = None
            raise
        self._fd = fd
        self._state = "open"
        if self._columns:
            columns = to_json(self._columns, "extra columns").encode("ascii")
            self._unwritten.insert(0, (fmt.EXTRA, 0, columns, time_ns()))

    def _write_file_header(self, fd: int) -> None:
        about = {
            "uid": self.run_uid,
            "writer": self.writer,
            "created_ns": time_ns(),
            "host": os.uname().nodename,
            "boot": liveness.boot_id(),
            "pid": os.getpid(),
            "pid_started": liveness.process_started(os.getpid()),
            "lock": self._lock_fd is not None,
        }
        text = json.dumps(about).encode("ascii")
        length = -(-(fmt.HEADER_BYTES + len(text)) // 32) * 32
        fixed = fmt.FILE_HEADER.pack(
            fmt.MAGIC, fmt.VERSION, 0, length, len(text), crc32(text), self.lost, self.lost ^ 0xFFFFFFFF
        )
        self._reserve(fd, 0, fmt.FRAME_BYTES)
        self.buffer[: len(fixed)] = fixed
        self.buffer[fmt.HEADER_BYTES : fmt.HEADER_BYTES + len(text)] = text
        self._frame_at = 0
        self._frame_index = 0
        self._header_at = length
        self._span = 1
        self._write_frame_header(0, 0)

    def _finish_file(self) -> int:
        """Append the closing record, and return the true length of the file."""
        if self.offset > self.limit:
            self._close_frame()
            try:
                self._open_frame(1)
            except OSError:
                return self._pending[0]  # without its closing record: readers find the writer gone
        offset = self.offset
        check = crc32(memoryview(self.buffer)[self._header_at : offset])
        fmt.RECORD.pack_into(self.buffer, offset, time_ns(), _NAN, check, min(self.lost, 0xFFFFFFFF), 0, 0)
        fmt.TAIL.pack_into(self.buffer, offset + fmt.TAIL_AT, fmt.CLOSE_TAIL)
        self.offset = offset + 32
        return self._chunk_at + self.offset

    def _end_file(self, length: int) -> None:
        """Cut the file to its length and let go of it."""
        fd, self._fd = self._fd, -1
        os.ftruncate(fd, length)
        os.close(fd)
        if self._lock_fd is not None:
            liveness.release(self.path, self._lock_fd)
            self._lock_fd = None

    def _after_fork(self) -> None:
        """In the child: forget the parent's file. The first record opens one of the child's own."""
        self.lock = threading.RLock()
        self._busy = False
        self._side = None
        if self._state == "closed":
            return
        self._state = "forked"
        self.limit = -1
        self.keys.clear()
        self._layouts.clear()
        self._unwritten.clear()
        self.lost = 0
        self.buffer = bytearray()
        liveness.forget_after_fork(self.path, self._lock_fd)
        self._lock_fd = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _after_fork() -> None:
    liveness.held.clear()
    for writer in list(_open.values()):
        writer._after_fork()  # noqa: SLF001 - the module's own hook


os.register_at_fork(after_in_child=_after_fork)
