"""What the program prints, and the programs that it starts: stdout and stderr at the level of file descriptors.

A small process passes output on to where it would have gone, and records it (`_forward`). On a terminal the program
gets a terminal again, so `isatty`, colours, prompts and progress bars stay as they are. When stdout and stderr go to
the same place, they share one channel, so that their order stays what it was; the lines are then recorded as `stdout`.

Streams that do not write to descriptors 1 and 2 (notebooks, pytest, `redirect_stdout`) are recorded where Python writes
them (`_streams`). `logging` records are recorded with their arguments filled in (`_logging`).
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _poll, _worker, report_failure
from runlore.capture._channel import Channel
from runlore.capture._descriptors import Stream, flush_c, flush_python, is_open, is_same_place
from runlore.capture._logging import LoggingCapture
from runlore.capture._streams import StreamTee, is_foreign
from runlore.config import journal_mode

if TYPE_CHECKING:
    from runlore.capture import Sink

STOP_SECONDS = 2.0
KEYS = {1: "stdout", 2: "stderr"}

_unreaped: list[int] = []
"""First processes of forwarders, which end as soon as they have started the forwarder itself."""
_open: list[ConsoleCapture] = []


class ConsoleCapture:
    """Records output as events of the kind `log` with the keys `stdout`, `stderr` and `logging`.

    The value is one line, or several joined by newlines; `offsets_ms` then gives each line's time since the event's.

    Killed at any moment, what the program had written reaches the terminal and the record. If the forwarder is killed,
    output goes to the terminal directly again and nothing is lost. A forked child's output is recorded too, and the
    child can neither stop nor disturb the capture.

    Args:
        sink: the run; the forwarder writes a journal of its own into `sink.journal_directory`.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._streams: list[Stream] = []
        self._tees: list[StreamTee] = []
        self._logging = LoggingCapture(sink)
        self._mark = f"\x1b]777;runlore-{os.urandom(16).hex()}\x1b\\"
        self._guard: _worker.Task | None = None
        self._takeover: list[tuple[Channel, _worker.Task]] = []
        self._token = self._control = self._status = (-1, -1)
        self._said = b""
        self._done = threading.Event()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._running = False

    def start(self) -> None:
        """Put the forwarder between the program and its output. Takes a millisecond or two; waits for nothing.

        Raises:
            OSError: there is no interpreter, process or descriptor to be had. Output is as it was.
        """
        self._logging.start()
        reap()
        self._streams = self._open_streams()
        if not self._streams:
            return
        self._token, self._control, self._status = os.pipe(), os.pipe(), os.pipe()
        for fd in (self._token[0], self._status[0]):
            os.set_blocking(fd, False)
        os.write(self._token[1], b"A")
        try:
            _unreaped.append(self._spawn())
        except OSError:
            self._close()
            raise
        self._running = True
        _open.append(self)
        flush_python()
        for stream in self._streams:
            for descriptor in stream.descriptors:
                os.dup2(stream.writer, descriptor)
        self._close_pair_ends(self._control[0], self._status[1])
        self._guard = _worker.Task(self._on_status, fd=self._status[0])
        _worker.watch(self._guard)

    def stop(self) -> None:
        """Put output back as it was, once everything up to here is passed on and recorded. Idempotent.

        Waits at most two seconds for a terminal or reader that does not take it; the forwarder goes on then. Nothing
        happens in a forked child.
        """
        if self._pid != os.getpid():
            return
        self._logging.stop()
        if not self._running:
            return
        self._running = False
        _open.remove(self)
        flush_python()
        flush_c()
        self._restore()
        if self._guard is not None:
            self._guard.cancel()
        with self._lock:
            if self._takeover:
                self._end_takeover()
            elif self._take_token():
                self._pass_on_here()
            else:
                self._wait_for_forwarder()
        self._close()
        reap()

    def _open_streams(self) -> list[Stream]:
        """A channel for each place that output goes to, and a tee for each Python stream that goes elsewhere."""
        streams: list[Stream] = []
        for descriptor, key in KEYS.items():
            stream = getattr(sys, key)
            foreign = stream is not None and is_foreign(stream, descriptor)
            if foreign:
                streams.append(Stream(key, (), None))
                self._tees.append(StreamTee(stream, streams[-1].writer))
            if not is_open(descriptor) or (foreign and stat.S_ISREG(os.fstat(descriptor).st_mode)):
                continue  # whoever took the stream over reads this file itself, and expects it to be written at once
            if descriptor == 2 and streams and streams[0].descriptors == (1,) and is_same_place(1, 2):
                streams[0].descriptors = (1, 2)
                continue
            streams.append(Stream(key, (descriptor,), os.dup(descriptor)))
        for tee in self._tees:
            tee.install()
        return streams

    def _spawn(self) -> int:
        """Start the forwarder with the descriptors that it needs, at numbers that collide with nothing."""
        import json

        if getattr(sys, "frozen", False) or not sys.executable:
            raise OSError("this program has no Python interpreter that could pass its output on")
        try:
            pidfd = os.pidfd_open(os.getpid())
        except (AttributeError, OSError):
            pidfd = -1  # an older kernel, or another system: the forwarder looks twice a second instead
        needed = [self._token[0], self._control[0], self._status[1]]
        needed += [] if pidfd < 0 else [pidfd]
        needed += [fd for stream in self._streams for fd in (stream.source, stream.target) if fd is not None]
        base = max(needed) + 1
        moved = {fd: base + index for index, fd in enumerate(needed)}
        channels = [(s.key, moved[s.source], None if s.target is None else moved[s.target]) for s in self._streams]
        terminals = [
            (moved[s.source], moved[s.target]) for s in self._streams if s.is_terminal and s.target is not None
        ]
        plan = {
            "channels": channels,
            "terminal": terminals[0] if terminals else None,
            "token": moved[self._token[0]],
            "control": moved[self._control[0]],
            "status": moved[self._status[1]],
            "pidfd": moved.get(pidfd, -1),
            "pid": os.getpid(),
            "directory": self._sink.journal_directory or None,
            "uid": self._sink.uid,
            "mode": journal_mode(),
            "mark": self._mark,
        }
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        code = f"import sys; sys.path.append({root!r}); from runlore.capture._forward import main; main(sys.argv[1])"
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, fd, copy) for fd, copy in moved.items()
        ]
        actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
        arguments = [sys.executable, "-I", "-S", "-c", code, json.dumps(plan)]
        try:
            return os.posix_spawn(sys.executable, arguments, os.environ, file_actions=actions, setpgroup=0)
        finally:
            if pidfd >= 0:
                os.close(pidfd)

    def _on_status(self) -> None:
        """On the shared thread: the forwarder said something, or is gone."""
        try:
            said = os.read(self._status[0], 4096)
        except BlockingIOError:
            return
        if not said:
            if self._guard is not None:
                self._guard.cancel(0)
            self._take_over()
            return
        self._said += said
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            self._heard(line.decode("utf-8", "replace"))

    def _heard(self, line: str) -> None:
        if line == "D":
            self._done.set()
        elif line == "G":
            self._restore()
            os.write(self._control[1], b"R")
        elif line.startswith("E "):
            self._sink.event("capture", "console", {"error": f"output is not recorded: {line[2:]}"})

    def _take_over(self) -> None:
        """The forwarder is gone: output goes where it went, and what is on its way is passed on here."""
        with self._lock:
            if not self._running:
                return
            self._restore()
            self._sink.event("capture", "console", {"error": "the process that passes output on was ended"})
            for stream in self._streams:
                channel = self._channel(stream)
                task = _worker.Task(lambda channel=channel: self._pump(channel), fd=stream.source)  # type: ignore[misc]
                self._takeover.append((channel, task))
                _worker.watch(task)

    def _pump(self, channel: Channel) -> None:
        report_failure(self._sink, "console", channel.pump)
        if channel.recorder is not None:
            channel.recorder.flush_lines()
        if channel.ended:
            for other, task in self._takeover:
                if other is channel:
                    task.cancel(0)

    def _end_takeover(self) -> None:
        for channel, task in self._takeover:
            task.cancel()
            while not channel.ended and channel.pump():
                pass
            channel.finish()

    def _channel(self, stream: Stream) -> Channel:
        return Channel(stream.key, stream.source, stream.target, self._record, self._mark.encode())

    def _record(self, key: str, text: str, time_ns: int, offsets_ms: list[int]) -> None:
        extra: dict[str, Any] = {"offsets_ms": offsets_ms} if any(offsets_ms) else {}
        self._sink.event("log", key, text, time_ns=time_ns, **extra)

    def _take_token(self) -> bool:
        """Whether the forwarder has not begun yet: then nothing needs to wait for it."""
        try:
            return os.read(self._token[0], 1) == b"A"
        except BlockingIOError:
            return False

    def _pass_on_here(self) -> None:
        """A short run: pass on and record what is there; children that live on are left to the forwarder."""
        deadline = monotonic() + STOP_SECONDS
        for stream in self._streams:
            channel = self._channel(stream)
            marked = False
            while not channel.marked and not channel.ended and monotonic() < deadline:
                if not channel.pump():
                    if not marked:
                        marked = self._write_mark(stream)
                    _poll.readable(stream.source, 0.1)
            channel.finish()
        os.write(self._token[1], b"F")

    def _wait_for_forwarder(self) -> None:
        deadline = monotonic() + STOP_SECONDS
        for stream in self._streams:
            if _poll.writable(stream.writer, max(0.0, deadline - monotonic())):
                self._write_mark(stream)
        while not self._done.is_set() and (left := deadline - monotonic()) > 0:
            if _poll.readable(self._status[0], left):
                said = os.read(self._status[0], 4096)
                if not said:
                    self._pass_on_here()
                    return
                self._said += said
                *lines, self._said = self._said.split(b"\n")
                for line in lines:
                    self._heard(line.decode("utf-8", "replace"))

    def _write_mark(self, stream: Stream) -> bool:
        os.write(stream.writer, self._mark.encode())
        return True

    def _restore(self) -> None:
        """Put descriptors back, unless the program itself has redirected them since."""
        for tee in self._tees:
            tee.remove()
        for stream in self._streams:
            for descriptor in stream.descriptors:
                if stream.target is not None and is_open(descriptor) and is_same_place(descriptor, stream.writer):
                    os.dup2(stream.target, descriptor)

    def _close_pair_ends(self, *fds: int) -> None:
        for fd in fds:
            os.close(fd)
        self._control = (-1, self._control[1]) if self._control[0] in fds else self._control
        self._status = (self._status[0], -1) if self._status[1] in fds else self._status

    def _close(self) -> None:
        """Let go of every descriptor. Also what a forked child does, which must not keep the pipes open for reading."""
        fds = [fd for stream in self._streams for fd in stream.fds()]
        for fd in (*fds, *self._token, *self._control, *self._status):
            if fd >= 0:
                os.close(fd)
        self._streams = []
        self._token = self._control = self._status = (-1, -1)

    def close_after_fork(self) -> None:
        """In a forked child: let go of what only the parent may hold. Its output still goes through the forwarder."""
        tee_writers = {tee.writer for tee in self._tees}
        for stream in self._streams:
            for fd in stream.fds():
                if fd not in tee_writers:
                    os.close(fd)
        for fd in (*self._token, *self._control, *self._status):
            if fd >= 0:
                os.close(fd)
        self._streams = []
        self._running = False


def reap() -> None:
    """Collect the first processes of forwarders that have ended."""
    _unreaped[:] = [pid for pid in _unreaped if not _has_ended(pid)]


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True  # the program collects every child itself


def _after_fork() -> None:
    _unreaped.clear()
    for capture in _open:
        capture.close_after_fork()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)
