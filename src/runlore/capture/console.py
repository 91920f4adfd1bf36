"""What the program prints, and the programs that it starts: stdout and stderr at the level of file descriptors.

A small process passes output on to where it would have gone, and records it (`_process`, `_forward`). On a terminal the
program gets a terminal again, so `isatty`, colours, prompts and progress bars stay as they are. When stdout and stderr
go to the same place, they share one channel, so that their order stays what it was; the lines are then recorded as
`stdout`.

Streams that do not write to descriptors 1 and 2 (notebooks, pytest, `redirect_stdout`) are recorded where Python writes
them (`_streams`). `logging` records are recorded with their arguments filled in (`_logging`).
"""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _poll, _process, _worker, report_failure
from runlore.capture._channel import Channel
from runlore.capture._descriptors import Stream, flush_c, flush_python, is_open, is_same_place, place_of
from runlore.capture._logging import LoggingCapture
from runlore.capture._streams import StreamTee, is_foreign
from runlore.config import journal_mode

if TYPE_CHECKING:
    from runlore.capture import Sink

STOP_SECONDS = 2.0
CHECK_SECONDS = 0.1
"""How often who waits for the forwarder looks whether it still lives."""
KEYS = {1: "stdout", 2: "stderr"}

_open: list[ConsoleCapture] = []


class ConsoleCapture:
    """Records output as events of the kind `log` with the keys `stdout`, `stderr` and `logging`.

    The value is one line, or several joined by newlines; `offsets_ms` then gives each line's time since the event's.
    Where `goes_on` is true, the next event of the same key and writer continues the last line.

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
        self._process: _process.ForwarderProcess | None = None
        self._number = 0
        self._token = (-1, -1)
        self._takeover: list[tuple[Channel, _worker.Task]] = []
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._running = False

    def start(self) -> None:
        """Put the forwarder between the program and its output. Waits for nothing.

        Raises:
            OSError, RuntimeError: there is no interpreter, process, thread or descriptor to be had. Output is as it
                was, and `logging` is recorded all the same.
        """
        self._logging.start()
        _process.reap()
        with _process.lock:
            try:
                self._open_streams()
                if not self._streams:
                    return
                self._hand_over()
            except (OSError, RuntimeError):
                self._let_go()
                raise
            self._running = True
            _open.append(self)
            flush_python()
            for stream in self._streams:
                for descriptor in stream.descriptors:
                    os.dup2(stream.writer, descriptor)
            for tee in self._tees:
                tee.install()

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
        with self._lock:
            try:
                if self._takeover:
                    self._end_takeover()
                elif (said := self._take_token()) == b"A":
                    self._pass_on_here()
                elif said != b"D":
                    self._wait_for_forwarder()
            finally:
                self._let_go()
        _process.reap()

    def _open_streams(self) -> None:
        """A channel for each place that output goes to, and a tee for each Python stream that goes elsewhere."""
        for descriptor, key in KEYS.items():
            stream = getattr(sys, key)
            foreign = stream is not None and is_foreign(stream, descriptor)
            if foreign:
                self._streams.append(Stream(key, (), None))
                self._tees.append(StreamTee(stream, self._streams[-1].writer))
            if not is_open(descriptor) or (foreign and stat.S_ISREG(os.fstat(descriptor).st_mode)):
                continue  # whoever took the stream over reads this file itself, and expects it to be written at once
            first = self._streams[0] if self._streams else None
            if descriptor == 2 and first is not None and first.descriptors == (1,) and is_same_place(1, 2):
                first.descriptors = (1, 2)
                continue
            target = os.dup(descriptor)
            try:
                self._streams.append(Stream(key, (descriptor,), target))
            except OSError:
                os.close(target)
                raise

    def _hand_over(self) -> None:
        """Give the streams to a forwarder, with the token that decides which of us passes output on."""
        self._token = os.pipe()
        os.set_blocking(self._token[0], False)
        os.write(self._token[1], b"A")
        targets = [None if stream.target is None else place_of(stream.target) for stream in self._streams]
        plan = {
            "channels": [[s.key, s.target is not None, s.is_terminal] for s in self._streams],
            "directory": self._sink.journal_directory or None,
            "uid": self._sink.uid,
            "mode": journal_mode(),
            "mark": self._mark,
        }
        fds = [*self._token, *(fd for s in self._streams for fd in (s.source, s.target) if fd is not None)]
        wanted = [place for place in targets if place is not None]
        process = _process.choose(wanted)
        try:
            self._number = process.hand_over(plan, fds, self._heard)
        except OSError:
            process.retire()  # it was ended while no run needed it, or is stuck: a new one takes the run
            process = _process.choose(wanted)
            self._number = process.hand_over(plan, fds, self._heard)
        self._process = process
        for stream, target in zip(self._streams, targets, strict=True):
            _process.lead(stream.place, process, target)

    def _heard(self, word: str, text: str) -> None:
        """On the shared thread: the forwarder said something, or is dead."""
        if word == "gone":
            self._give_back(int(text))
        elif word == "failed":
            self._sink.event("capture", "console", {"error": f"output is not recorded: {text}"})
        elif word in ("dead", "refused"):
            report_failure(self._sink, "console", self._take_over)

    def _give_back(self, index: int) -> None:
        """Nobody reads the target of a stream: the program is to notice that as without capture."""
        with self._lock:
            if self._process is None or not self._running:
                return
            stream = self._streams[index]
            self._restore_stream(stream)
            stream.close_source()  # or who waits in the middle of a write would wait for us
            self._process.say_restored(self._number, index)

    def _take_over(self) -> None:
        """The forwarder is dead: output goes where it went, and what is on its way is passed on here."""
        with self._lock:
            if not self._running:
                return
            self._restore()
            self._sink.event("capture", "console", {"error": "the process that passes output on was ended"})
            for stream in self._present():
                channel = self._channel(stream)
                task = _worker.Task(lambda channel=channel: self._pump(channel), fd=stream.source)  # type: ignore[misc]
                self._takeover.append((channel, task))
                _worker.watch(task)

    def _pump(self, channel: Channel) -> None:
        report_failure(self._sink, "console", channel.pump)
        channel.flush_lines()
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

    def _record(self, key: str, text: str, time_ns: int, columns: dict[str, Any]) -> None:
        self._sink.event("log", key, text, time_ns=time_ns, **columns)

    def _take_token(self) -> bytes:
        """`A`: the forwarder has not begun, nothing needs to wait for it; `D`: it is done; nothing: it is at it."""
        try:
            return os.read(self._token[0], 1)
        except BlockingIOError:
            return b""

    def _pass_on_here(self) -> None:
        """A short run: pass on and record what is there; children that live on are left to the forwarder."""
        deadline = monotonic() + STOP_SECONDS
        for stream in self._present():
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
        process = self._process
        for stream in self._present():
            if _poll.writable(stream.writer, max(0.0, deadline - monotonic())):
                self._write_mark(stream)
        poll = select.poll()
        poll.register(self._token[0], select.POLLIN)
        while process is not None and (left := deadline - monotonic()) > 0:
            if poll.poll(min(left, CHECK_SECONDS) * 1000):
                if self._take_token() == b"D":
                    return
            elif process.is_dead():
                self._pass_on_here()
                return
        if process is not None:
            process.retire()  # it waits for somebody who does not read: the next run needs another one

    def _write_mark(self, stream: Stream) -> bool:
        os.write(stream.writer, self._mark.encode())
        return True

    def _restore(self) -> None:
        """Put descriptors back, unless the program itself has redirected them since."""
        for tee in self._tees:
            tee.remove()
        for stream in self._streams:
            self._restore_stream(stream)

    def _restore_stream(self, stream: Stream) -> None:
        for descriptor in stream.descriptors:
            if stream.target is not None and is_open(descriptor) and place_of(descriptor) == stream.place:
                os.dup2(stream.target, descriptor)

    def _present(self) -> list[Stream]:
        """The streams whose target somebody still reads, as far as is known."""
        return [stream for stream in self._streams if stream.source >= 0]

    def _let_go(self) -> None:
        """Let go of the forwarder and of every descriptor."""
        for stream in self._streams:
            if stream.close_writer():
                _process.end(stream.place)
        if self._process is not None:
            self._process.forget(self._number)
            self._process = None
        self._close_all()

    def _close_all(self) -> None:
        for fd in (*(fd for stream in self._streams for fd in stream.fds()), *self._token):
            if fd >= 0:
                os.close(fd)
        self._streams = []
        self._token = (-1, -1)

    def close_after_fork(self) -> None:
        """In a forked child: let go of what only the parent may hold. Its output still goes through the forwarder."""
        tee_writers = {tee.writer for tee in self._tees}
        for stream in self._streams:
            if stream.writer in tee_writers:
                stream.writer = -1
        self._close_all()
        self._running = False


def _after_fork() -> None:
    for capture in _open:
        capture.close_after_fork()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)
