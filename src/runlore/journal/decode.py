"""Reading a journal: vectorised, incremental, and without exceptions for what a crash leaves behind.

`read` returns what the file gained since an offset. Points come as arrays, other events as small objects. Whatever
cannot be trusted is left out and reported as `Damage`; a torn tail is a state. NumPy is imported by `read` only.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from runlore.journal.decoded import CLOSED, OPEN, TORN, Chunk, Context, Damage, Event, Points
from runlore.journal.source import FileSource

if TYPE_CHECKING:
    from runlore.journal.source import ByteSource

__all__ = ["CLOSED", "OPEN", "TORN", "Chunk", "Context", "Damage", "Event", "Points", "read", "read_source"]


def read(path: str, context: Context | None = None, *, max_bytes: int = 1 << 62) -> Chunk:
    """Everything that was committed to the journal since the context was made; from the start without one.

    Args:
        path: the journal file. It may be growing, cut, or damaged.
        context: `Chunk.context` of an earlier call on the same file; it is not changed.
        max_bytes: stop after about so many bytes; call again with the new context while `Chunk.more`.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFile: something else than a regular file is there.
        OSError: it cannot be opened or read.
        UnsupportedFormat: a newer version of Runlore wrote it.
    """
    with closing(FileSource(path)) as source:
        return read_source(source, context, max_bytes=max_bytes)


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
