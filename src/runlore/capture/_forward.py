"""Passing on what a program writes, and recording it: the part of console capture that runs outside of the program.

It is a process of its own, because a thread could not do it: C code that holds the GIL while it writes more than a
pipe takes would wait for a reader that waits for the GIL; and what is in the pipe when the program is killed must still
reach the terminal. Its `Channel` serves inside the program when a run is over before this process is up, or when
somebody killed this process.

It talks with the program through three pipes. `token`: whoever reads its byte is the one who passes output on.
`control`, towards here: `R` the program's descriptors are back in place. `status`, towards the program, in lines: `G`
the target is gone, `D` done up to the mark, `E ...` recording failed; its end says that this process is gone.
"""

from __future__ import annotations

import os
import select
import signal
from time import monotonic
from typing import Any

from runlore.capture import _poll
from runlore.capture._channel import Channel

IDLE_SECONDS = 0.5
DRAIN_SECONDS = 5.0
QUIET_MS = 50


class Forwarder:
    """The process's one loop.

    Args:
        plan: what `console` passes on the command line: descriptors, the run and its program.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._writer: Any = None
        self._failed = False
        self._program_gone = False
        self._reported = False
        self._watched_end = False
        mark = plan["mark"].encode()
        self._channels = [Channel(key, source, target, self._record, mark) for key, source, target in plan["channels"]]
        self._window_size = b""

    def run(self) -> None:
        """Wait for the turn, then pass on until every writer is gone."""
        token = self._plan["token"]
        _poll.readable(token)
        try:
            turn = os.read(token, 1)
        except BlockingIOError:
            turn = b""  # taken between the two calls; the next byte or the end of the pipe decides
            _poll.readable(token)
            turn = os.read(token, 1)
        if turn == b"F":
            self._reported = True
            for channel in self._channels:
                channel.marked = True
                channel.finish()
        poll = self._register()
        while any(not channel.ended for channel in self._channels):
            self._serve(poll)
        self._report_done()

    def _register(self) -> select.poll:
        poll = select.poll()
        for fd in (self._plan["control"], self._plan["pidfd"], *(channel.source for channel in self._channels)):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        return poll

    def _serve(self, poll: select.poll) -> None:
        ready = {fd for fd, _ in poll.poll(self._timeout_ms())}
        self._copy_window_size()
        for channel in self._channels:
            if channel.source in ready and not channel.ended:
                self._pass_on(channel, poll)
            elif channel.recorder is not None:
                channel.recorder.flush_due()
        if self._plan["control"] in ready:
            self._after_the_restoration(poll)
        pidfd = self._plan["pidfd"]
        if not self._watched_end and (pidfd in ready or (pidfd < 0 and not is_alive(self._plan["pid"]))):
            self._watched_end = True
            if pidfd in ready:
                poll.unregister(pidfd)
            self._after_the_program(poll)
        if all(channel.marked or channel.ended for channel in self._channels):
            self._report_done()

    def _pass_on(self, channel: Channel, poll: select.poll) -> None:
        channel.pump()
        if channel.ended:
            poll.unregister(channel.source)
        elif channel.target_gone:
            self._say("G")
            if self._program_gone:
                self._end(channel, poll)

    def _after_the_restoration(self, poll: select.poll) -> None:
        poll.unregister(self._plan["control"])
        for channel in self._channels:
            if channel.target_gone and not channel.ended:
                self._end(channel, poll)

    def _timeout_ms(self) -> float | None:
        waits = [channel.recorder.wait_seconds() for channel in self._channels if channel.recorder is not None]
        due = [wait for wait in waits if wait is not None]
        if self._plan["terminal"] is not None or self._plan["pidfd"] < 0:
            due.append(IDLE_SECONDS)
        return min(due) * 1000 if due else None

    def _end(self, channel: Channel, poll: select.poll) -> None:
        """Nobody reads this stream any more: let those who write it know, as they would without us."""
        channel.ended = True
        channel.finish()
        poll.unregister(channel.source)
        os.close(channel.source)

    def _after_the_program(self, poll: select.poll) -> None:
        """The program is gone without an end: record what it had written, then only serve the processes it left."""
        self._program_gone = True
        deadline = monotonic() + DRAIN_SECONDS
        for channel in self._channels:
            had_ended = channel.ended
            while not (channel.ended or channel.marked) and monotonic() < deadline:
                if not channel.pump() and not _poll.readable(channel.source, QUIET_MS / 1000):
                    break
            channel.finish()
            channel.marked = True
            if channel.ended and not had_ended:
                poll.unregister(channel.source)
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
        self._say("D")

    def _record(self, key: str, text: str, time_ns: int, offsets_ms: list[int]) -> None:
        self._keep("log", key, text, time_ns, {"offsets_ms": offsets_ms} if any(offsets_ms) else None)

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
            self._say(f"E {error}")

    def _say(self, text: str) -> None:
        try:
            os.write(self._plan["status"], f"{text}\n".encode())
        except OSError:
            self._program_gone = True  # nobody listens any more

    def _copy_window_size(self) -> None:
        """Give the program's terminal the size of the user's, and have the program look when it changed."""
        if self._plan["terminal"] is None:
            return
        import fcntl
        import termios

        source, target = self._plan["terminal"]
        try:
            size = fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8))
            if size != self._window_size:
                fcntl.ioctl(source, termios.TIOCSWINSZ, size)
                if self._window_size and not self._program_gone:
                    os.kill(self._plan["pid"], signal.SIGWINCH)
                self._window_size = size
        except OSError:
            self._plan["terminal"] = None  # one of the two terminals is gone: no size to copy


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def keep_only(wanted: set[int]) -> None:
    """Close what this process inherited by accident: it must not keep a port or a pipe of the program's open."""
    try:
        present = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return  # no such listing on this system; Python's own descriptors are not inherited anyway
    for fd in present:
        if fd > 2 and fd not in wanted:
            try:
                os.close(fd)
            except OSError:
                continue  # the descriptor of the listing itself


def main(argument: str) -> None:
    """Run as a process: become nobody's child, ignore the terminal's signals, and pass on."""
    import json

    plan = json.loads(argument)
    if os.fork():
        os._exit(0)
    os.setsid()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGTTOU", "SIGTTIN", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    targets = [target for _, _, target in plan["channels"] if target is not None]
    sources = [source for _, source, _ in plan["channels"]]
    keep_only({plan["token"], plan["control"], plan["status"], plan["pidfd"], *targets, *sources})
    Forwarder(plan).run()
