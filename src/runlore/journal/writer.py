"""Appending to a journal: a record is on its way to the disk, or counted as lost, when the call returns.

Two writers share one layout. `JournalWriter` packs records into a memory map of space that was reserved beforehand;
`runlore.journal.written.WrittenJournal` sends each by one unbuffered `pwrite`, where a map cannot be trusted.

Threads may share a writer. After `fork`, the child's first record opens a journal of its own. A signal handler may log
at any moment; where it interrupts its own thread in the middle of more than one record, a second journal serves it.
"""

from __future__ import annotations

import os
import struct
from time import time_ns

from runlore.errors import InvalidArgument, WrongType
from runlore.failures import reason_of
from runlore.journal import format as fmt
from runlore.journal import liveness
from runlore.journal.appender import Appender, Reentered, text_record
from runlore.journal.file import NOTHING
from runlore.journal.leaves import shown
from runlore.journal.values import event_bytes, number_of, step_of, time_ns_of, to_bytes
from runlore.model import LOST, STOP
from runlore.names import check_key
from runlore.recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    _Layout: TypeAlias = tuple[int, struct.Struct]

_NAN = float("nan")
_SCALAR_TAIL = fmt.SCALAR_TAIL
_pack_scalar = fmt.SCALAR_RECORD.pack
_now = time_ns
_open: dict[int, JournalWriter] = {}


class JournalWriter(Appender, Recorder):
    """Appends records of one run, from one process, through a memory map.

    A returned call survives `kill -9` of the process. When the file cannot grow (full disk, quota), records are
    counted in `lost`, said once on stderr, and recording goes on as soon as there is room again.

    Args:
        directory: the run's `journal` directory, which exists.
        run_uid: the run that it belongs to.
        create: make the file now; else with the first record, whose loss is counted if that fails.
        announce: called when a file was made with its first record: so, or in a forked child. Readers may know the run
            as ended by then, and look no more.

    Raises:
        OSError: the file cannot be created.
    """

    __slots__ = ("_key_count", "_layout_count", "_layout_floor", "_layouts", "_reasons", "_side", "keys")

    def __init__(
        self, directory: str, run_uid: str, *, create: bool = True, announce: Callable[[], object] | None = None
    ) -> None:
        super().__init__(directory, run_uid)
        self._announce = announce
        if create:
            self._create(0)
            self.buffer = self._direct()
        _open[id(self)] = self

    def _reset(self) -> None:
        super()._reset()
        self.keys: dict[str, int] = {}
        self._key_count: int = 0
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._layout_count: int = 0
        self._layout_floor: int = 0
        self._side: JournalWriter | None = None
        self._reasons: set[str] = set()

    @property
    def lost(self) -> int:
        """Records, and what was announced by `lose`, that could not be kept so far."""
        return self._lost + self._deleted_records() + (self._side.lost if self._side is not None else 0)

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
            # Here, not by the packing: an integer that is too large must not fail between claim and commit mark.
            step = float(step) if step.__class__ is int else _NAN if step is None else step_of(step)
        except (KeyError, TypeError, OverflowError):
            check_key(key, "key")
            self._point(key, number_of(key, value), step_of(step), _now() if time is None else time_ns_of(time))
            return
        if value.__class__ is not float:
            value = number_of(key, value)
        time = _now() if time is None else time_ns_of(time)
        with self.lock:
            offset = self.offset
            try:
                self.buffer[offset + 31]
                self.offset = offset + 32  # from here to the end of the packing, no signal handler can run
                _pack(self.buffer, offset, time, step, value, number, 0xA5010004)
            except IndexError:
                if offset + 32 <= len(self.buffer):
                    raise  # there was room: a signal handler raised it
                self._point(key, value, step, time)

    def row(self, values: Mapping[str, Any], step: Any = None, time: Any = None) -> None:
        """Record several metrics that share one step and one time, as one record: all of them or none.

        Args and Raises: as for `scalar`. An empty mapping records nothing.
        """
        keys = tuple(values)
        numbers: Sequence[float] = [*values.values()]
        for number in numbers:
            if number.__class__ is not float:
                numbers = [number_of(key, value) for key, value in zip(keys, numbers, strict=True)]
                break
        step = _NAN if step is None else step_of(step)
        nanoseconds = time_ns() if time is None else time_ns_of(time)
        layout = self._layouts.get(keys)
        if layout is None:
            for key in keys:
                check_key(key, "key")
            if len(keys) * 8 > fmt.MAX_PAYLOAD_BYTES:
                raise InvalidArgument(f"a row of {len(keys):,} metrics is too long; log an artifact instead")
            if not keys:
                return
        self._row(keys, numbers, step, nanoseconds, layout)

    def event(
        self, kind: str, key: str, value: Any = None, *, step: Any = None, time_ns: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> bool:  # fmt: skip
        """Record one fact as JSON.

        Args:
            kind: what sort of fact, for example `param`.
            key: its name.
            value: anything that `values.to_bytes` takes.
            step: as for `scalar`.
            time_ns: nanoseconds since 1970 UTC; None: now.
            extra: further columns of this event alone.

        Returns:
            Whether it could be kept. What could not is counted in `lost`.

        Raises:
            InvalidArgument, WrongType: an argument cannot be stored, or is larger than 64 MiB. Nothing was.
            RunEnded: the writer was closed.
        """
        for name, text in (("kind", kind), ("key", key)):
            if not isinstance(text, str):
                raise WrongType(f"{name}={shown(text)} must be a string, not {type(text).__name__}")
        if time_ns is not None and not (isinstance(time_ns, int) and -(2**63) <= time_ns < 2**63):
            raise InvalidArgument(f"time_ns={shown(time_ns)} must be nanoseconds since 1970 as int64")
        payload = event_bytes(kind, key, value, extra)
        if len(payload) > fmt.MAX_PAYLOAD_BYTES:
            raise InvalidArgument(
                f"{kind} {shown(key)} takes {len(payload):,} bytes; at most {fmt.MAX_PAYLOAD_BYTES:,} fit into an "
                "event. Log it as an artifact"
            )
        return self._event(payload, step_of(step), time_ns if time_ns is not None else _now())

    def stop(self, status: str, about: Mapping[str, Any]) -> None:
        """Record that the run ended with this status; on a full disk the status alone, in the file's header.

        Raises:
            InvalidArgument, WrongType: `about` cannot be stored. Nothing was.
            RunEnded: the writer was closed.
        """
        if self.event(STOP, "stop", {"status": status, **about}):
            return
        try:
            self._note_end(status)
        except OSError as error:
            self.say(f"run {self.run_uid} ended with {status}, and that could not be recorded ({error.strerror})")

    def lose(self, key: str, what: str, error: BaseException) -> None:
        """Count something that could not be kept before it came to be a record, and record that as far as possible.

        Each reason is said once.

        Args:
            key: its name.
            what: what it was, in words: `artifact 'model'`.
            error: why.
        """
        reason = reason_of(error)
        if reason not in self._reasons:
            self._reasons.add(reason)
            self.say(
                f"{what} of run {self.run_uid} could not be kept: {reason}. The program goes on; what is lost like "
                "this is counted, and not said one by one"
            )
        with self.lock:
            if self._closed or self._is_deleted() or self.event(LOST, key, {"lost": what, "reason": reason}):
                self._lose()
                self.buffer = NOTHING

    def discard(self) -> None:
        """Close it and remove its file: nothing was recorded in it.

        Raises:
            OSError: the file cannot be removed.
        """
        path = self.path
        self.close()
        os.unlink(path)

    def columns(self, columns: Mapping[str, Any]) -> None:
        """Give every later record of this writer these extra columns, instead of those given before.

        Raises:
            InvalidArgument, WrongType: they cannot be stored.
            RunEnded: the writer was closed.
        """
        payload = to_bytes(dict(columns), "extra columns")
        with self.lock:
            if self._closed:
                raise self._ended()
            self._columns = payload
            self._columns_due = True  # they go before the next record, which finds no room until they did
            self.buffer = NOTHING
            if self._side is not None:
                self._side.columns(columns)

    # -- one record, whose arguments were checked ---------------------------------------------------------------

    def _point(self, key: str, value: float, step: float, time: int) -> None:
        try:
            number = self._define(key)
            if number is not None:
                self._append(_pack_scalar(time, step, value, number, 0), _SCALAR_TAIL)
        except Reentered:
            self._aside()._point(key, value, step, time)  # noqa: SLF001 - a second self

    def _row(
        self, keys: tuple[str, ...], values: Sequence[float], step: float, time: int, layout: _Layout | None = None
    ) -> None:
        try:
            layout = layout or self._layouts.get(keys) or self._define_layout(keys)
            if layout is not None:
                self._append(*fmt.record(fmt.ROW, time, step, len(keys), layout[0], layout[1].pack(*values)))
        except Reentered:
            self._aside()._row(keys, values, step, time)  # noqa: SLF001 - a second self

    def _event(self, payload: bytes, step: float, time: int) -> bool:
        try:
            return self._append(*text_record(fmt.EVENT, 0, payload, step, time))
        except Reentered:
            return self._aside()._event(payload, step, time)  # noqa: SLF001 - a second self

    def _define(self, key: str) -> int | None:
        """The number of a key, defined if need be; None if that could not be kept."""
        with self.lock:
            number = self.keys.get(key)
            if number is None:
                number = self._key_count
                self._key_count = number + 1
                if not self._append(*text_record(fmt.KEY, number, key.encode("utf-8", "surrogatepass"))):
                    return None
                number = self.keys.setdefault(key, number)  # a signal handler may have been faster
            return number

    def _define_layout(self, keys: tuple[str, ...]) -> _Layout | None:
        """The layout of rows with these keys; None if it could not be kept."""
        with self.lock:
            if self._layout_count - self._layout_floor >= fmt.MAX_LAYOUTS:  # readers forget older ones
                self._layouts.clear()
                self._layout_floor = self._layout_count
            numbers = []
            for key in keys:
                number = self._define(key)
                if number is None:
                    return None
                numbers.append(number)
            layout = self._layout_count
            self._layout_count = layout + 1
            if not self._append(*text_record(fmt.LAYOUT, layout, struct.pack(f"<{len(numbers)}I", *numbers))):
                return None
            return self._layouts.setdefault(keys, (layout, struct.Struct(f"<{len(numbers)}d")))

    # -- second selves ------------------------------------------------------------------------------------------

    def _aside(self) -> JournalWriter:
        """The second journal, for a signal handler that interrupted this one."""
        if self._side is None:
            side = self._twin()
            side._columns = self._columns  # noqa: SLF001 - a second self
            side._columns_due = bool(self._columns)  # noqa: SLF001 - a second self
            if self._side is None:
                self._side = side
        return self._side

    def _close_file(self) -> None:
        try:
            if self._side is not None:
                self._side.close()
        finally:
            _open.pop(id(self), None)
            super()._close_file()

    def _twin(self) -> JournalWriter:
        return type(self)(self._directory, self.run_uid, create=False, announce=self._announce)

    def _after_fork(self) -> None:
        """In the child: forget the parent's file. The first record opens one of the child's own."""
        self._abandon()
        self._reset()


def _after_fork() -> None:
    liveness.held.clear()
    for writer in list(_open.values()):
        writer._after_fork()  # noqa: SLF001 - the module's own hook


os.register_at_fork(after_in_child=_after_fork)
