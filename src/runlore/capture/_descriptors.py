"""Descriptors: what they lead to, and what stands between the program and the forwarder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeAlias

    Place: TypeAlias = tuple[int, int, int]
    """What a descriptor leads to: device, inode, and which device it is. The same for every copy of it."""

PIPE_BYTES = 1024 * 1024
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)

_libc: Any = None


class Stream:
    """One descriptor pair between the program and the forwarder.

    Attributes:
        key: `stdout` or `stderr`.
        descriptors: which of 1 and 2 write into it; none for a Python stream.
        source: the end that is read. writer: the end that is written.
        place: what `writer` leads to.
        target: a copy of the descriptor that output goes to, or None.

    Raises:
        OSError: there is no descriptor left. None was taken.
    """

    __slots__ = ("descriptors", "is_terminal", "key", "place", "source", "target", "writer")

    def __init__(self, key: str, descriptors: tuple[int, ...]) -> None:
        self.key = key
        self.descriptors = descriptors
        self.target = os.dup(descriptors[0]) if descriptors else None
        self.is_terminal = self.target is not None and os.isatty(self.target)
        try:
            if self.is_terminal and self.target is not None:
                self.source, self.writer = open_terminal(self.target)
            else:
                self.source, self.writer = os.pipe()
        except OSError:
            if self.target is not None:
                os.close(self.target)
            raise
        os.set_blocking(self.source, False)
        self.place = place_of(self.writer)

    def fds(self) -> list[int]:
        """Every descriptor that this holds."""
        return [fd for fd in (self.source, self.writer, self.target) if fd is not None and fd >= 0]

    def close_source(self) -> None:
        """Let go of the reading end."""
        os.close(self.source)
        self.source = -1

    def close_writer(self) -> bool:
        """Let go of the writing end. Returns whether nobody holds it any more: neither children nor the program."""
        os.close(self.writer)
        self.writer = -1
        if self.source < 0:
            return False
        poll = select.poll()
        poll.register(self.source, 0)
        return any(event & select.POLLHUP for _, event in poll.poll(0))


def open_terminal(like: int) -> tuple[int, int]:
    """A pseudo-terminal (reading end, terminal) of the same size and modes that changes nothing on its way."""
    import termios

    modes = termios.tcgetattr(like)
    size = fcntl.ioctl(like, termios.TIOCGWINSZ, bytes(8))
    source, terminal = os.openpty()
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    return source, terminal


def enlarge(pipe: int) -> None:
    """Ask for a large pipe, so that a burst of output does not wait for the forwarder's turn on the processor."""
    if F_SETPIPE_SZ is not None:
        try:
            fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            return  # a terminal, or the user's pipes are large enough together: the usual size does, too


def is_open(descriptor: int) -> bool:
    """Whether this descriptor is open in this process."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def place_of(descriptor: int) -> Place:
    """What a descriptor leads to."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_rdev


def flush_python() -> None:
    """Write out what Python's own streams hold."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            # Closed by the program, or nobody reads it any more: its own business, as without capture.
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


def flush_c() -> None:
    """Write out what C's standard streams hold, when C code may have written: after something imported ctypes."""
    global _libc  # noqa: PLW0603 - opened once
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        if _libc is None:
            _libc = ctypes.CDLL(None)
        _libc.fflush(None)
