"""One stream on its way from the program to where it would have gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.capture import _poll
from runlore.capture._record import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

READ_BYTES = 256 * 1024


class Channel:
    """One stream on its way from the program to where it would have gone.

    Args:
        key: `stdout` or `stderr`.
        source: descriptor to read from, not blocking.
        target: descriptor to write to; None: the stream is only recorded.
        record: called with (key, text, time in ns, milliseconds of each line).
        mark: bytes that the program writes where its run ends; they are not passed on.
    """

    def __init__(
        self, key: str, source: int, target: int | None, record: Callable[[str, str, int, list[int]], None], mark: bytes
    ) -> None:
        self.key = key
        self.source = source
        self.target = target
        self.recorder: Recorder | None = Recorder(lambda text, time, offsets: record(key, text, time, offsets))
        self.ended = False
        self.target_gone = False
        self.marked = False
        self._mark = mark
        self._held = b""
        self.dropped = (0, 0)

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

    def finish(self) -> None:
        """Record what is there and stop recording; passing on continues."""
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            recorder.close()
            self.dropped = (recorder.dropped_bytes, recorder.dropped_lines)

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
        if self.recorder is not None:
            self.recorder.feed(data)


def overlap(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of the data may be the beginning of the mark.

    Example:
        >>> overlap(b"text<<ma", b"<<mark>>"), overlap(b"text", b"<<mark>>")
        (4, 0)
    """
    for count in range(min(len(mark) - 1, len(data)), 0, -1):
        if data.endswith(mark[:count]):
            return count
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
