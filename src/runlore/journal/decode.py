"""Reading a journal: vectorised, incremental, and without exceptions for what a crash leaves behind.

`read` returns what the file gained since an offset. Points come as arrays, other events as small objects. Whatever
cannot be trusted is left out and reported as `Damage`; a torn tail is a state. NumPy is imported by what reads records.
"""

from __future__ import annotations

import errno
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.files import irregularity, open_regular
from runlore.journal import format as fmt
from runlore.journal.chain import closing_check
from runlore.journal.decoded import CLOSED, OPEN, TORN, UNREADABLE, Chunk, Context, Damage, Event, Points
from runlore.journal.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.journal.source import ByteSource

__all__ = [
    "CLOSED", "OPEN", "TORN", "UNREADABLE", "Chunk", "Context", "Damage", "Event", "Points", "is_closed", "read",
    "read_header", "read_pieces", "read_source",
]  # fmt: skip

_PIECE_BYTES = 1 << 25
_FAULTS = frozenset({errno.EACCES, errno.EPERM, errno.EIO})


def read(path: str, context: Context | None = None, *, max_bytes: int = 1 << 62) -> Chunk:
    """Everything that was committed to the journal since the context was made; from the start without one.

    Args:
        path: the journal file. It may be growing, cut, or damaged; something else that is in its place is neither
            followed nor waited for, and gives the state `UNREADABLE` and damage that names it.
        context: `Chunk.context` of an earlier call on the same file; it is not changed.
        max_bytes: stop after about so many bytes; call again with the new context while `Chunk.more`.

    Raises:
        FileNotFoundError: there is no such file.
        UnsupportedFormat: a newer version of Runlore wrote it.
        OSError: the system is short of something.
    """
    try:
        with closing(FileSource(path)) as source:
            return read_source(source, context, max_bytes=max_bytes)
    except (DamagedFile, OSError) as error:
        if not _is_of_the_file(error):
            raise
        return _unreadable(path, error, context)


def _is_of_the_file(error: DamagedFile | OSError) -> bool:
    """Whether it is one file that cannot be read, and not the system or the caller that is at fault."""
    return not isinstance(error, OSError) or error.errno in _FAULTS


def _unreadable(path: str, error: DamagedFile | OSError, context: Context | None) -> Chunk:
    import numpy as np

    reason = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else irregularity(path)
    none = np.empty(0)
    points = Points(none.astype(np.uint32), none, none.astype(np.int64), none, none.astype(np.int64))
    start = context.copy() if context is not None else Context()
    damage = [Damage(0, 0, reason or "was replaced while it was opened")]
    return Chunk(points, [], [], UNREADABLE, damage, 0, more=False, context=start)


def read_source(source: ByteSource, context: Context | None = None, *, max_bytes: int = 1 << 62) -> Chunk:
    """As `read`, of a journal whose bytes come from anywhere.

    Raises:
        UnsupportedFormat: a newer version of Runlore wrote it.
        OSError: whatever the source raises.

    Example:
        >>> import os
        >>> from runlore.journal import open_journal
        >>> from runlore.journal.source import MemorySource
        >>> os.mkdir("journal")
        >>> journal = open_journal("journal", "0" * 32)
        >>> journal.scalar("loss", 0.5, step=1)
        >>> with open(journal.path, "rb") as file:
        ...     bytes_elsewhere = MemorySource(file.read())
        >>> read_source(bytes_elsewhere).points.value
        array([0.5])
        >>> journal.close()
    """
    from runlore.journal.frames import FrameReader

    start = context.copy() if context is not None else Context()
    return FrameReader(source, start, max_bytes).run()


def read_pieces(path: str, context: Context | None = None) -> Iterator[Chunk]:
    """What a journal gained since the context, in pieces that fit into memory; at least one. Raises: as `read`."""
    while True:
        chunk = read(path, context, max_bytes=_PIECE_BYTES)
        yield chunk
        if not chunk.more:
            return
        context = chunk.context


def read_header(path: str) -> dict[str, Any]:
    """Who wrote a journal; empty where that is not known (yet): it was just begun, is damaged, or cannot be read.

    Raises:
        FileNotFoundError: there is no such file.
        UnsupportedFormat: a newer version of Runlore wrote it.
    """
    from runlore.journal.header import read_header as read_file_header

    try:
        with closing(FileSource(path)) as source:
            return read_file_header(source, source.size()).about
    except (DamagedFile, OSError) as error:
        if not _is_of_the_file(error):
            raise
        return {}


def is_closed(path: str) -> bool:
    """Whether a journal ends with the record that closes it: closing cuts the file behind that.

    Raises:
        FileNotFoundError: there is no such file.
    """
    try:
        descriptor = open_regular(path)
    except (DamagedFile, OSError) as error:
        if not _is_of_the_file(error):
            raise
        return False
    try:
        at = os.fstat(descriptor).st_size - fmt.RECORD_BYTES
        return at >= fmt.HEADER_BYTES and closing_check(os.pread(descriptor, fmt.RECORD_BYTES, at)) is not None
    finally:
        os.close(descriptor)
