"""One stream on its way from the program to where it would have gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore.capture import _poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture._looks import Looks
    from runlore.capture._record import Recorder

READ_BYTES = 256 * 1024


class Channel:
    """One stream on its way from the program to where it would have gone.

    Args:
        key: `stdout` or `stderr`.
        source: descriptor to read from, not blocking.
        target: descriptor to write to; None: the stream is only recorded.
        record: called with (key, text, time in ns, extra columns) of each batch of lines.
        mark: bytes that the program writes where its run ends; they are not passed on.

    Attributes:
        ended: nobody can write to it any more.
        target_gone: nobody reads the target any more.
        marked: the run's end has come.
        dropped: bytes and lines that were not recorded, of a run that has ended.
        problem: why recording failed, or None. Passing on continues then.
    """

    def __init__(
        self, key: str, source: int, target: int | None, record: Callable[[str, str, int, dict[str, Any]], None],
        mark: bytes,
    ) -> None:  # fmt: skip
        self.key = key
        self.source = source
        self.target = target
        self.ended = False
        self.target_gone = False
        self.marked = False
        self.dropped = (0, 0)
        self.problem: str | None = None
        self._record = record
        self._recording = True
        self._recorder: Recorder | None = None
        self._mark = mark
        self._held = b""

    def pump(self) -> bool:
        """Pass on one chunk. Returns whether there was one; sets `ended` at the end of the stream."""
        try:
            data = os.read(self.source, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a pseudo-terminal reports EIO when its last writer closed it
        if not data:
            self._pass_on(self._held)
            self._held = b""
            self.ended = True
            self.finish()
            return False
        self._take(data)
        return True

    def begin(self) -> None:
        """A run begins: record from here on, up to the mark."""
        self.marked = False
        self.dropped = (0, 0)
        self.problem = None
        self._recording = True

    def finish(self) -> None:
        """Record what is there and stop recording; passing on continues."""
        self._recording = False
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._try(recorder.close)
            self.dropped = (self.dropped[0] + recorder.dropped_bytes, self.dropped[1] + recorder.dropped_lines)

    def wait_seconds(self) -> float | None:
        """How long until a batch of lines is due to be recorded; None when there is none."""
        return None if self._recorder is None else self._recorder.wait_seconds()

    def flush_due(self) -> None:
        """Record the batch of lines whose time has come."""
        if self._recorder is not None:
            self._try(self._recorder.flush_due)

    def flush_lines(self) -> None:
        """Record the lines that are finished."""
        if self._recorder is not None:
            self._try(self._recorder.flush_lines)

    def _take(self, data: bytes) -> None:
        if self.marked:
            self._pass_on(data)
            return
        data = self._held + data
        before, mark, after = data.partition(self._mark)
        if mark:
            self._held = b""
            self._pass_on(before)
            self.marked = True
            self.finish()
            self._pass_on(after)
            return
        keep = overlap(data, self._mark)
        self._held = data[len(data) - keep :] if keep else b""
        self._pass_on(data[: len(data) - keep] if keep else data)

    def _pass_on(self, data: bytes) -> None:
        if not data:
            return
        if self.target is not None and not self.target_gone:
            self.target_gone = not write_all(self.target, data)
        if self._recording:
            self._try(lambda: self._feed(data))
            if self.problem is not None:
                self.dropped = (self.dropped[0] + len(data), self.dropped[1] + data.count(b"\n"))

    def _feed(self, data: bytes) -> None:
        if self._recorder is None:
            self._recorder = self._begin_to_record()
        self._recorder.feed(data)

    def _try(self, record: Callable[[], None]) -> None:
        """Record, or note why that is not possible; what was recorded before that stays."""
        if self.problem is None:
            try:
                record()
            except Exception as error:  # noqa: BLE001 - whatever it is, the program's output has to be passed on
                self.problem = f"{type(error).__name__}: {error}"

    def _begin_to_record(self) -> Recorder:
        from runlore.capture._record import Recorder  # with the first output: a silent run needs none of it

        def record(text: str, time_ns: int, offsets_ms: list[int], goes_on: bool, looks: Looks) -> None:
            columns: dict[str, Any] = {"offsets_ms": offsets_ms} if any(offsets_ms) else {}
            if goes_on:
                columns["goes_on"] = True
            if looks:
                columns["looks"] = looks
            self._record(self.key, text, time_ns, columns)

        return Recorder(record)


def overlap(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of the data may be the beginning of the mark.

    Example:
        >>> overlap(b"text<<ma", b"<<mark>>"), overlap(b"text", b"<<mark>>")
        (4, 0)
    """
    begin = data.rfind(mark[:1], max(0, len(data) - len(mark) + 1))
    while begin >= 0:
        if mark.startswith(data[begin:]):
            return len(data) - begin
        begin = data.rfind(mark[:1], max(0, len(data) - len(mark) + 1), begin)
    return 0


def write_all(fd: int, data: bytes) -> bool:
    """Write everything, waiting as long as it takes; False when nobody can ever read it."""
    view = memoryview(data)
    try:
        while view:
            view = view[_write_some(fd, view) :]
    except OSError:
        return False  # EPIPE or EIO: the reader or the terminal is gone, as the program will now see itself
    return True


def _write_some(fd: int, view: memoryview) -> int:
    try:
        return os.write(fd, view)
    except BlockingIOError:
        _poll.writable(fd)  # somebody else has made it not blocking
        return 0
