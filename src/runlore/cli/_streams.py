"""The three standard streams, whatever the process was started with: closed, full, ASCII alone.

All that commands print goes through here. Results go to stdout, and what cannot be written there is an error. All else
goes to stderr; where that cannot be written there is nowhere left to say so, and the exit code has to do.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSED = ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_RDONLY))
"""What takes the place of a closed descriptor: the null device, opened so that using it fails as it would have."""


_missing: set[str] = set()
"""Streams that the process was started without."""


class StreamFailed(RunloreError, OSError):
    """Stdin or stdout is closed, or its device is full or broken."""


def prepare() -> None:
    """Give the process all three streams, and let them write any text: what they cannot encode is written as `\\u2026`.

    A descriptor that was closed is filled: the next file to be opened, which may be a database, would get its number.
    """
    for number, name, mode in _CLOSED:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            _missing.add(name)
            setattr(sys, name, open(os.open(os.devnull, mode), "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as the process
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Write text to stdout.

    Raises:
        StreamFailed: it cannot be written.
        BrokenPipeError: whoever read it went away.
    """
    with _stdout():
        sys.stdout.write(text)


def write_bytes(data: bytes) -> None:
    """Write bytes to stdout, after the text that was written before.

    Raises:
        StreamFailed, BrokenPipeError: as `write`.
    """
    with binary_stdout() as file:
        file.write(data)


@contextmanager
def binary_stdout() -> Iterator[BinaryIO]:
    """Stdout for bytes, which are written when the block ends.

    Raises:
        StreamFailed, BrokenPipeError: as `write`.
    """
    with _stdout():
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


def flush() -> None:
    """Write what is still to be written to stdout.

    Raises:
        StreamFailed, BrokenPipeError: as `write`.
    """
    with _stdout():
        sys.stdout.flush()


def tell(text: str) -> None:
    """Write text to stderr, behind what stdout has so far."""
    flush()
    complain(text)


def complain(text: str) -> None:
    """Write text to stderr, if that is possible."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # there is no third place; the exit code says what it says
        _drop(sys.stderr)


def read_stdin() -> BinaryIO:
    """Stdin for bytes.

    Raises:
        StreamFailed: it is closed.
    """
    if "stdin" in _missing:
        raise StreamFailed("stdin is closed; name a file")
    return sys.stdin.buffer


def is_utf8() -> bool:
    """Whether stdout takes every character."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def encodable(text: str) -> str:
    """The text as stdout will show it: what its encoding lacks is written out, so that it can be measured."""
    if text.isascii() or is_utf8():
        return text
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def _stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _drop(sys.stdout)
        raise
    except OSError as error:
        if isinstance(error, RunloreError) or error.filename is not None or error.errno is None:
            raise  # it came from where the bytes come from
        _drop(sys.stdout)
        raise StreamFailed(f"stdout: {_reason(error)}; what was to be printed is lost") from error


def _reason(error: OSError) -> str:
    return "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)


def _drop(stream: Any) -> None:
    """Point a stream at nothing, so that the interpreter does not stumble over its rest on the way out."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # it is none of the process's own, as in tests
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
