"""What one run writes, on its way through the forwarder: to where it would have gone, and into the run's record."""

from __future__ import annotations

import os
import signal
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _poll
from runlore.capture._channel import Channel
from runlore.capture._descriptors import enlarge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IDLE_SECONDS = 0.5
DRAIN_SECONDS = 5.0
QUIET_MS = 50

WAITING, ASIDE, SERVING, ENDED = range(4)
"""States of a relay: nothing came yet; the program passes on by itself; at it; nobody can write any more."""


class Relay:
    """What one run writes, on its way to where it would have gone, and into a journal of the run.

    Args:
        plan: what `console` sent: the channels, and where to record.
        fds: the token's two ends, then source and target of each channel.
        say: tells the program a word about the run.
        pid: the program, which is told when its window changes.

    Attributes:
        state: one of the four above.
    """

    def __init__(self, plan: dict[str, Any], fds: Sequence[int], say: Callable[[str], bool], pid: int) -> None:
        self.state = WAITING
        self._plan = plan
        self._say = say
        self._pid = pid
        self._writer: Any = None
        self._failed = False
        self._program_gone = False
        self._said_gone: list[Channel] = []
        self._reported = False
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

    def watched(self) -> set[int]:
        """The descriptors that matter now."""
        if self.state == ASIDE:
            return {self._token}
        return {channel.source for channel in self._channels if not channel.ended}

    def wait_seconds(self) -> float | None:
        """How long until something is due; None when nothing is."""
        waits = [channel.wait_seconds() for channel in self._channels]
        due = [wait for wait in waits if wait is not None]
        if self._terminal is not None:
            due.append(IDLE_SECONDS)
        return min(due) if due else None

    def on_ready(self, fd: int) -> None:
        """A descriptor can be read, or its other end is closed."""
        if self.state == WAITING:
            self._take_turn()
        elif self.state == ASIDE and fd == self._token:
            self._serve(self._read_token())
        if self.state == SERVING:
            for channel in self._channels:
                if channel.source == fd and not channel.ended:
                    self._pass_on(channel)
        self._look_whether_it_ended()

    def on_time(self) -> None:
        """Record what is due, and follow the window's size."""
        self._copy_window_size()
        for channel in self._channels:
            channel.flush_due()

    def on_restored(self, index: int) -> None:
        """The program writes to the target itself again: whoever still writes to us learns that it is gone."""
        if not self._channels[index].ended:
            self._end(self._channels[index])
        self._look_whether_it_ended()

    def after_the_program(self) -> None:
        """The program is gone without an end: record what it had written, then only serve the processes it left."""
        self._program_gone = True
        if self.state == WAITING:
            self._take_turn()
        if self.state == ASIDE:  # it was killed at it, or has just said that it is done
            self._serve(self._read_token())
        if self.state == SERVING:
            self._drain()
            self._report_done()
        self._look_whether_it_ended()

    def close(self) -> None:
        """Let go of every descriptor."""
        ends = [fd for channel in self._channels for fd in (channel.source, channel.target)]
        for fd in (*ends, self._token, self._answer):
            if fd is not None and fd >= 0:
                os.close(fd)

    def _take_turn(self) -> None:
        """The first output: it is ours to pass on, unless the run ended and the program is at it."""
        turn = self._read_token()
        if turn:
            self._serve(turn)
        else:
            self.state = ASIDE

    def _serve(self, turn: bytes) -> None:
        """Begin to pass on: everything (`A`), or what is left by a run that the program has ended (`F`)."""
        self.state = SERVING
        if turn == b"F":
            self._reported = True
            for channel in self._channels:
                channel.marked = True
                channel.finish()
            return
        for channel in self._channels:
            enlarge(channel.source)

    def _read_token(self) -> bytes:
        try:
            return os.read(self._token, 1)
        except BlockingIOError:
            return b""

    def _pass_on(self, channel: Channel) -> None:
        channel.pump()
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
        if all(channel.marked or channel.ended for channel in self._channels) and self.state == SERVING:
            self._report_done()
        if all(channel.ended for channel in self._channels) and self.state != ENDED:
            self.state = ENDED
            self._report_done()

    def _report_done(self) -> None:
        if self._reported:
            return
        self._reported = True
        dropped = [sum(pair) for pair in zip(*(channel.dropped for channel in self._channels), strict=True)]
        if any(dropped):
            self._keep("capture", "console", {"dropped_bytes": dropped[0], "dropped_lines": dropped[1]}, None, None)
        if self._writer is not None:
            self._writer.close()
        os.write(self._answer, b"D")

    def _record(self, key: str, text: str, time_ns: int, columns: dict[str, Any]) -> None:
        self._keep("log", key, text, time_ns, columns)

    def _keep(self, kind: str, key: str, value: Any, time_ns: int | None, extra: dict[str, Any] | None) -> None:
        if self._failed or self._plan["directory"] is None:
            return
        try:
            if self._writer is None:
                from runlore.journal import open_journal

                self._writer = open_journal(self._plan["directory"], self._plan["uid"], self._plan["mode"])
            self._writer.event(kind, key, value, time_ns=time_ns, extra=extra)
        except OSError as error:
            self._failed = True
            self._say(f"failed {error}")

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
