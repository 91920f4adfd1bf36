"""What the program prints, and the programs that it starts: stdout and stderr at the level of file descriptors.

A small process passes output on to where it would have gone, and records it (`_line`, `_process`, `_forward`). On a
terminal the program gets a terminal again, so `isatty`, colours, prompts and progress bars stay as they are. When
stdout and stderr go to the same place, they share one channel, so that their order stays what it was; the lines are
then recorded as `stdout`.

Streams that do not write to descriptors 1 and 2 (notebooks, pytest, `redirect_stdout`) are recorded where Python writes
them (`_streams`). `logging` records are recorded with their arguments filled in (`log_records`).
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _poll, _process, _worker
from runlore.capture._channel import Channel
from runlore.capture._descriptors import flush_c, flush_python, place_of
from runlore.capture._failures import report_failure
from runlore.capture._line import BUSY, DONE, OPEN, acquire, release
from runlore.capture._streams import StreamTee, descriptor_of, is_foreign
from runlore.capture.log_records import LoggingCapture
from runlore.config import journal_mode

if TYPE_CHECKING:
    from runlore.capture import Sink
    from runlore.capture._descriptors import Stream
    from runlore.capture._line import Line, Wanted

STOP_SECONDS = 2.0
CHECK_SECONDS = 0.1
"""How often who waits for the forwarder looks whether it still lives."""
KEYS = {1: "stdout", 2: "stderr"}

_open: list[ConsoleCapture] = []


class ConsoleCapture:
    """Records output as events of the kind `log` with the keys `stdout`, `stderr` and `logging`.

    The value is one line, or several joined by newlines; `offsets_ms` then gives each line's time since the event's.
    Where `goes_on` is true, the next event of the same key and writer continues the last line. `looks` tells of colours
    and the like: for each look, as the parameters of an SGR sequence (`1;31`), the places that have it, as [line of the
    event, first character, the one after the last]. The text itself holds no escape sequence.

    Killed at any moment, what the program had written reaches the terminal and the record. If the forwarder is killed,
    output goes to the terminal directly again and nothing is lost. A forked child's output is recorded too, and the
    child can neither stop nor disturb the capture.

    Args:
        sink: the run; the forwarder writes a journal of its own into `sink.journal_directory`.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._line: Line | None = None
        self._tees: list[StreamTee] = []
        self._logging = LoggingCapture(sink, self._key_of)
        self._takeover: list[tuple[Channel, _worker.Task]] = []
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._running = False

    def start(self) -> None:
        """Put the forwarder between the program and its output. Waits for nothing.

        Raises:
            OSError: there is no interpreter, process or descriptor to be had. Output is as it was, and `logging` is
                recorded all the same.
        """
        self._logging.start()
        _process.reap()
        with _process.lock:
            wanted, foreign = wanted_streams()
            if not wanted:
                return
            plan = {"directory": self._sink.journal_directory or None, "uid": self._sink.uid, "mode": journal_mode()}
            self._line = line = acquire(wanted, plan)
            line.hear = self._heard
            self._running = True
            _open.append(self)
            flush_python()
            for stream in line.streams:
                for descriptor in stream.descriptors:
                    os.dup2(stream.writer, descriptor)
            targets = [stream for stream in line.streams if not stream.descriptors]
            self._tees = [StreamTee(source, s.writer, s.key) for source, s in zip(foreign, targets, strict=True)]
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
        line = self._line
        if not self._running or line is None:
            return
        self._running = False
        _open.remove(self)
        flush_python()
        flush_c()
        self._restore(line)
        holds_token = False
        try:
            with self._lock:
                holds_token = self._settle(line)
            line.process.listen()  # what the forwarder said of this run
        finally:
            self._line = None
            with _process.lock:
                release(line, holds_token=holds_token)
        _process.reap()

    def _settle(self, line: Line) -> bool:
        """Have everything passed on and recorded. Returns whether the token is ours."""
        if self._takeover:
            self._end_takeover()
            return False
        said = line.take()
        if said.startswith(OPEN):
            line.put(BUSY + said[1:])
            self._pass_on_here(line)
            return line.take(STOP_SECONDS).startswith(BUSY)
        return said == DONE or self._wait_for_forwarder(line)

    def _heard(self, word: str, text: str) -> None:
        """On the shared thread: the forwarder said something, or is dead."""
        if word == "gone":
            with self._lock:
                if self._running and self._line is not None:
                    self._line.give_back(int(text))
        elif word == "failed":
            self._sink.event("capture", "console", {"error": f"output is not recorded: {text}"})
        elif word in ("dead", "refused"):
            report_failure(self._sink, "console", self._take_over)

    def _take_over(self) -> None:
        """The forwarder is dead: output goes where it went, and what is on its way is passed on here."""
        with self._lock:
            line = self._line
            if not self._running or line is None:
                return
            line.sound = False
            self._restore(line)
            self._sink.event("capture", "console", {"error": "the process that passes output on was ended"})
            for stream in line.present():
                channel = self._channel(line, stream)
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
            self._finish(channel)

    def _channel(self, line: Line, stream: Stream) -> Channel:
        return Channel(stream.key, stream.source, stream.target, self._record, line.mark)

    def _record(self, key: str, text: str, time_ns: int, columns: dict[str, Any]) -> None:
        self._sink.event("log", key, text, time_ns=time_ns, **columns)

    def _pass_on_here(self, line: Line) -> None:
        """A short run: pass on and record what is there; children that live on are left to the forwarder."""
        deadline = monotonic() + STOP_SECONDS
        for stream in line.present():
            channel = self._channel(line, stream)
            marked = False
            while not channel.marked and not channel.ended and monotonic() < deadline:
                if not channel.pump():
                    if not marked:
                        os.write(stream.writer, line.mark)
                        marked = True
                    _poll.readable(stream.source, 0.1)
            self._finish(channel)

    def _finish(self, channel: Channel) -> None:
        """Record the rest of a channel that was passed on here, and what of it could not be."""
        channel.finish()
        if channel.problem is not None:
            self._sink.event("capture", "console", {"error": f"output is not recorded: {channel.problem}"})
        if any(channel.dropped):
            dropped_bytes, dropped_lines = channel.dropped
            self._sink.event("capture", "console", {"dropped_bytes": dropped_bytes, "dropped_lines": dropped_lines})

    def _wait_for_forwarder(self, line: Line) -> bool:
        """Wait until the forwarder is through with the run. Returns whether the token is ours."""
        deadline = monotonic() + STOP_SECONDS
        for stream in line.present():
            if _poll.writable(stream.writer, max(0.0, deadline - monotonic())):
                os.write(stream.writer, line.mark)
        while (left := deadline - monotonic()) > 0:
            said = line.take(min(left, CHECK_SECONDS))
            if said:
                return said == DONE
            if line.process.is_dead():
                self._pass_on_here(line)
                return False
        line.process.retire()  # it waits for somebody who does not read: the next run needs another one
        return False

    def _key_of(self, stream: Any) -> str | None:
        """The key under which what is written to a Python stream is captured; None if it is not."""
        if not self._running or stream is None:
            return None
        for tee in self._tees:
            if tee.observes(stream):
                return tee.key
        descriptor = descriptor_of(stream)
        captured = [one.key for one in self._line.streams if descriptor in one.descriptors] if self._line else []
        return captured[0] if captured else None

    def _restore(self, line: Line) -> None:
        for tee in self._tees:
            tee.remove()
        for stream in line.streams:
            line.restore(stream)

    def kept_in_a_child(self) -> set[int]:
        """The descriptors that a forked child still needs: what its Python streams write into."""
        return {tee.writer for tee in self._tees}

    def abandon(self) -> None:
        """In a forked child: its output still goes through the parent's forwarder, and is the parent's to record."""
        self._running = False
        self._line = None


def wanted_streams() -> tuple[list[Wanted], list[Any]]:
    """The streams that a run needs, one for each place that output goes to, and Python streams that go elsewhere."""
    wanted: list[Wanted] = []
    foreign: list[Any] = []
    for descriptor, key in KEYS.items():
        stream = getattr(sys, key)
        is_elsewhere = stream is not None and is_foreign(stream, descriptor)
        if is_elsewhere:
            foreign.append(stream)
            wanted.append((key, (), None))
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue  # closed by the program
        if is_elsewhere and stat.S_ISREG(status.st_mode):
            continue  # whoever took the stream over reads this file itself, and expects it to be written at once
        place = place_of(descriptor)
        if descriptor == 2 and wanted and wanted[0] == (KEYS[1], (1,), place):
            wanted[0] = (KEYS[1], (1, 2), place)
        else:
            wanted.append((key, (descriptor,), place))
    return wanted, foreign


def _after_fork() -> None:
    kept = set().union(*(capture.kept_in_a_child() for capture in _open))
    for capture in _open:
        capture.abandon()
    _open.clear()
    _process.forget_after_fork(kept)


os.register_at_fork(after_in_child=_after_fork)
