"""One line of the program at the forwarder: passed on to where it would have gone, and recorded while a run is open."""

from __future__ import annotations

import json
import os
import signal
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _poll
from runlore.capture._channel import Channel
from runlore.capture._descriptors import enlarge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OPEN, BUSY, DONE = b"A", b"P", b"D"
"""As in `_line`."""
TOKEN_BYTES = 65_536
IDLE_SECONDS = 0.5
DRAIN_SECONDS = 5.0
QUIET_MS = 50
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.005, 0.1
"""How long the program is left alone that is passing output on itself."""

WAITING, ASIDE, SERVING, ENDED = range(4)
"""States of a relay: nothing comes; the program passes on by itself; a run is open; nobody can write any more."""


class Relay:
    """What comes on one line, on its way to where it would have gone, and into the journals of the line's runs.

    Args:
        plan: what `_line` sent: the channels, and the mark.
        fds: the token's two ends, then source and target of each channel.
        say: tells the program a word about the line; false when nobody listens any more.
        pid: the program, which is told when its window changes.

    Attributes:
        state: one of the four above.
    """

    def __init__(self, plan: dict[str, Any], fds: Sequence[int], say: Callable[[str], bool], pid: int) -> None:
        self.state = WAITING
        self._run: dict[str, Any] = {}
        self._say = say
        self._pid = pid
        self._writer: Any = None
        self._failed = False
        self._program_gone = False
        self._said_gone: list[Channel] = []
        self._pause = FIRST_PAUSE_SECONDS
        self._pause_ends = 0.0
        self._token, self._answer, *rest = fds
        self._terminal: tuple[int, int] | None = None
        self._window_size = b""
        self._channels: list[Channel] = []
        mark = plan["mark"].encode()
        for key, has_target, is_terminal in plan["channels"]:
            source, target = rest.pop(0), rest.pop(0) if has_target else None
            if is_terminal and target is not None and self._terminal is None:
                self._terminal = source, target
            self._channels.append(Channel(key, source, target, self._record, mark))
            self._channels[-1].finish()
            enlarge(source)

    def watched(self) -> set[int]:
        """The descriptors that matter now."""
        if self.state == ASIDE:
            return set()
        return {channel.source for channel in self._channels if not channel.ended}

    def wait_seconds(self) -> float | None:
        """How long until something is due; None when nothing is."""
        waits = [channel.wait_seconds() for channel in self._channels]
        due = [wait for wait in waits if wait is not None]
        if self._terminal is not None:
            due.append(IDLE_SECONDS)
        if self.state == ASIDE:
            due.append(max(0.0, self._pause_ends - monotonic()))
        return min(due) if due else None

    def on_ready(self, fd: int) -> None:
        """A stream can be read, or nobody can write to it any more."""
        if self.state == WAITING:
            self._take_turn()
        if self.state == SERVING:
            for channel in self._channels:
                if channel.source == fd and not channel.ended:
                    self._pass_on(channel)
            self._look_whether_it_ended()

    def on_time(self) -> None:
        """Record what is due, follow the window's size, and look again after a pause."""
        self._copy_window_size()
        for channel in self._channels:
            channel.flush_due()
        if self.state == ASIDE and monotonic() >= self._pause_ends:
            self.state = WAITING

    def on_restored(self, index: int) -> None:
        """The program writes to the target itself again: whoever still writes to us learns that it is gone."""
        if not self._channels[index].ended:
            self._end(self._channels[index])
        self._look_whether_it_ended()

    def after_the_program(self) -> None:
        """The program is gone without an end: record what it had written, then only serve the processes it left."""
        self._program_gone = True
        if self.state in (WAITING, ASIDE):
            token = self._take_token()
            if token.startswith((OPEN, BUSY)):
                self._open(token)
            else:
                self.state = WAITING
                self._put(token or DONE)
        if self.state == SERVING:
            self._drain()
            self._close_run()
        self._look_whether_it_ended()

    def close(self) -> None:
        """Let go of every descriptor."""
        ends = [fd for channel in self._channels for fd in (channel.source, channel.target)]
        for fd in (*ends, self._token, self._answer):
            if fd is not None and fd >= 0:
                os.close(fd)

    def _take_turn(self) -> None:
        """Something came: it is ours to pass on, unless the program is at it."""
        token = self._take_token()
        if token.startswith(OPEN):
            self._open(token)
            return
        if not token or token.startswith(BUSY):
            self.state = ASIDE
            self._pause_ends = monotonic() + self._pause
            self._pause = min(2 * self._pause, LAST_PAUSE_SECONDS)
        else:
            self._pause = FIRST_PAUSE_SECONDS
            for channel in self._channels:
                if not channel.ended:
                    self._pass_on(channel)
        if token:
            self._put(token)
        self._look_whether_it_ended()

    def _open(self, token: bytes) -> None:
        """A run has begun, and this is its first output."""
        self._run = json.loads(token[1:])
        self._failed = False
        self._pause = FIRST_PAUSE_SECONDS
        self.state = SERVING
        for channel in self._channels:
            channel.begin()

    def _take_token(self) -> bytes:
        try:
            return os.read(self._token, TOKEN_BYTES)
        except BlockingIOError:
            return b""

    def _put(self, token: bytes) -> None:
        os.write(self._answer, token)

    def _pass_on(self, channel: Channel) -> None:
        channel.pump()
        self._look_at_target(channel)

    def _look_at_target(self, channel: Channel) -> None:
        """Have the program know when nobody reads the target any more."""
        if channel.target_gone and not channel.ended:
            if channel not in self._said_gone:
                self._said_gone.append(channel)
                self._program_gone = not self._say(f"gone {self._channels.index(channel)}") or self._program_gone
            if self._program_gone:
                self._end(channel)

    def _end(self, channel: Channel) -> None:
        """Nobody reads this stream any more: let those who write it know, as they would without us.

        Who waits in the middle of a write learns it too, because nobody else holds the reading end any more.
        """
        channel.ended = True
        channel.finish()
        os.close(channel.source)
        channel.source = -1

    def _drain(self) -> None:
        deadline = monotonic() + DRAIN_SECONDS
        for channel in self._channels:
            while not (channel.ended or channel.marked) and monotonic() < deadline:
                if not channel.pump() and not _poll.readable(channel.source, QUIET_MS / 1000):
                    break
            channel.finish()
            channel.marked = True

    def _look_whether_it_ended(self) -> None:
        if self.state == SERVING and all(channel.marked or channel.ended for channel in self._channels):
            self._close_run()
        if all(channel.ended for channel in self._channels):
            self.state = ENDED

    def _close_run(self) -> None:
        """The run has ended: all that it wrote is passed on and recorded."""
        self.state = WAITING
        dropped = [sum(pair) for pair in zip(*(channel.dropped for channel in self._channels), strict=True)]
        if any(dropped):
            self._keep("capture", "console", {"dropped_bytes": dropped[0], "dropped_lines": dropped[1]}, None, None)
        for problem in dict.fromkeys(channel.problem for channel in self._channels if channel.problem):
            self._fail(problem)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._put(DONE)

    def _record(self, key: str, text: str, time_ns: int, columns: dict[str, Any]) -> None:
        self._keep("log", key, text, time_ns, columns)

    def _keep(self, kind: str, key: str, value: Any, time_ns: int | None, extra: dict[str, Any] | None) -> None:
        if self._failed or self._run["directory"] is None:
            return
        try:
            if self._writer is None:
                from runlore.journal import open_journal

                self._writer = open_journal(self._run["directory"], self._run["uid"], self._run["mode"])
            self._writer.event(kind, key, value, time_ns=time_ns, extra=extra)
        except OSError as error:
            self._fail(str(error))

    def _fail(self, problem: str) -> None:
        self._failed = True
        self._say(f"failed {problem}")

    def _copy_window_size(self) -> None:
        """Give the program's terminal the size of the user's, and have the program look when it changed."""
        if self._terminal is None:
            return
        import fcntl
        import termios

        source, target = self._terminal
        try:
            size = fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8))
            if size != self._window_size:
                fcntl.ioctl(source, termios.TIOCSWINSZ, size)
                if self._window_size and not self._program_gone:
                    os.kill(self._pid, signal.SIGWINCH)
                self._window_size = size
        except OSError:
            self._terminal = None  # one of the two terminals is gone: no size to copy
