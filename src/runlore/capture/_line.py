"""Lines: what stands between the program and where its output goes, for one run after the other.

A line has a pipe or terminal for each stream, which the forwarder holds as well, and a *token*: a pipe that decides who
passes output on. What is in it is taken by one of the two, never by both:

| token | says | put by |
| --- | --- | --- |
| `A` and the plan | a run is open; who takes this passes on and records what it writes | the program, at its start |
| `P` and the plan | the run has ended early, and the program passes on by itself | the program, which takes it back |
| `D` | the forwarder has passed on and recorded everything up to the run's end | the forwarder |
| `F` | no run is open; what comes is passed on and not recorded | the program, or who took it for a moment |

So a run on a line that exists already costs neither a process, a descriptor nor a message, and one that writes nothing
wakes nobody. A line serves the next run only if nothing else can write to it: had the program children meanwhile, the
line is left to them, and their lines do not appear in another run.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from runlore.capture import _children, _poll, _process
from runlore.capture._descriptors import Stream, is_open, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from runlore.capture._descriptors import Place

    Wanted: TypeAlias = tuple[str, tuple[int, ...], Place | None]
    """A stream: its key, which of 1 and 2 write into it, and where it leads to."""

OPEN, BUSY, DONE, FREE = b"A", b"P", b"D", b"F"
TOKEN_BYTES = 65_536
IDLE_SECONDS = 0.05
"""How long a start waits for the forwarder, when that is just passing on what came between two runs."""


class Line:
    """The way of some streams through a forwarder. Several runs may use it, one after the other.

    Attributes:
        streams: in the order of `wanted`.
        mark: bytes that the program writes into each stream where a run ends.
        process: the forwarder.
        hear: called on the shared thread with (word, text) that the forwarder says; see `ForwarderProcess`.
        sound: whether another run may use it.

    Raises:
        OSError: there is no interpreter, process or descriptor to be had. Nothing is left open.
    """

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.wanted = list(wanted)
        self.streams: list[Stream] = []
        self.mark = f"\x1b]777;runlore-{os.urandom(16).hex()}\x1b\\".encode()
        self.hear: Callable[[str, str], None] = self._heard_while_free
        self.sound = True
        self._token = (-1, -1)
        self._children = _children.made()
        try:
            for key, descriptors, _ in wanted:
                self.streams.append(Stream(key, descriptors))
            self._token = os.pipe()
            os.set_blocking(self._token[0], False)
            self.put(FREE)
            self.process = self._hand_over()
        except OSError:
            self._close_all()
            raise

    def take(self, timeout_s: float = 0.0) -> bytes:
        """What is in the token, which is empty then; nothing while the forwarder has it."""
        if timeout_s and not _poll.readable(self._token[0], timeout_s):
            return b""
        try:
            return os.read(self._token[0], TOKEN_BYTES)
        except BlockingIOError:
            return b""

    def put(self, token: bytes) -> None:
        """Put the token back. Only for whoever has taken it."""
        os.write(self._token[1], token)

    def open(self, plan: Mapping[str, Any]) -> bool:
        """Begin a run: what is written from now on is passed on and recorded, even if the program is killed at once.

        Returns:
            Whether that was possible; else the line is of no use any more.
        """
        if self.take() != FREE and self.take(IDLE_SECONDS) != FREE:
            return False
        self.put(OPEN + json.dumps(plan).encode("ascii"))
        return True

    def rest(self) -> None:
        """No run is open on it any more: whatever the forwarder says now, the line is of no use for another one."""
        self.hear = self._heard_while_free

    def present(self) -> list[Stream]:
        """The streams whose target somebody still reads, as far as is known."""
        return [stream for stream in self.streams if stream.source >= 0]

    def restore(self, stream: Stream) -> None:
        """Put the descriptors of a stream back, unless the program itself has redirected them since."""
        for descriptor in stream.descriptors:
            if stream.target is not None and is_open(descriptor) and place_of(descriptor) == stream.place:
                os.dup2(stream.target, descriptor)

    def give_back(self, index: int) -> None:
        """Nobody reads the target of a stream: the program is to notice that as without capture."""
        stream = self.streams[index]
        self.sound = False
        self.restore(stream)
        if stream.source >= 0:
            stream.close_source()  # or who waits in the middle of a write would wait for us
        self.process.say_restored(self, index)

    def is_alone(self) -> bool:
        """Whether nothing but this program can write to it."""
        return self.sound and self._children is not None and self._children == _children.made()

    def close(self) -> None:
        """Leave it to the forwarder, which passes on what children still write."""
        for stream in self.streams:
            if stream.close_writer():
                _process.end(stream.place)
        self._close_all()

    def close_after_fork(self, kept: set[int]) -> None:
        """In a forked child: let go of all descriptors but these. What 1 and 2 lead to is the parent's to serve."""
        for stream in self.streams:
            if stream.writer in kept:
                stream.writer = -1
        self._close_all()

    def _heard_while_free(self, _word: str, _text: str) -> None:
        self.sound = False

    def _hand_over(self) -> _process.ForwarderProcess:
        targets = [place for _, _, place in self.wanted if place is not None]
        plan = {
            "channels": [[s.key, s.target is not None, s.is_terminal] for s in self.streams],
            "mark": self.mark.decode(),
        }
        fds = [*self._token, *(fd for s in self.streams for fd in (s.source, s.target) if fd is not None)]
        process = _process.choose(targets)
        try:
            process.hand_over(self, plan, fds)
        except OSError:
            process.retire()  # it was ended while no run needed it, or is stuck: a new one takes the line
            process = _process.choose(targets)
            process.hand_over(self, plan, fds)
        for stream, (_, _, target) in zip(self.streams, self.wanted, strict=True):
            _process.lead(stream.place, process, target)
        return process

    def _close_all(self) -> None:
        for fd in (*(fd for stream in self.streams for fd in stream.fds()), *self._token):
            if fd >= 0:
                os.close(fd)
        self.streams = []
        self._token = (-1, -1)


def acquire(wanted: Sequence[Wanted], plan: Mapping[str, Any]) -> Line:
    """A line for these streams on which the run is open: one that is free, or a new one.

    Raises:
        OSError: as `Line`.
    """
    for process in list(_process.processes):
        for line in list(process.free):
            if line.wanted != wanted:
                continue
            process.free.remove(line)
            if line.is_alone() and line.open(plan):
                return line
            process.drop(line)
    line = Line(wanted)
    line.open(plan)
    return line


def release(line: Line, *, holds_token: bool) -> None:
    """The run on the line has ended; another one may use it if nothing else can write to it.

    Args:
        line: from `acquire`.
        holds_token: whether the program has taken the token; else the forwarder is still at it.
    """
    line.rest()
    if holds_token:
        line.put(FREE)
    if holds_token and line.is_alone():
        line.process.keep(line)
    else:
        line.process.drop(line)
