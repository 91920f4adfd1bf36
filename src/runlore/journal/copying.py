"""Copying a journal that may be growing: as far as its records are whole, so that the copy is no mixture of moments."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile
from runlore.journal import format as fmt
from runlore.journal import liveness
from runlore.journal.decode import CLOSED, UNREADABLE, read_header, read_pieces
from runlore.journal.header import settled_beginning
from runlore.journal.source import FileSource

if TYPE_CHECKING:
    from typing import BinaryIO

_PIECE_BYTES = 1 << 20


def copy_journal(source: str, target: str, *, durable: bool = False) -> None:
    """Copy a journal to a place where nothing is.

    Of one whose writer lives, what was committed when the copying began: all of it is read first, so that no byte of
    the copy is older than what was seen behind it. Of others everything, also what a writer that died left half done.

    Args:
        source: the journal.
        target: the new file.
        durable: have its contents on the disk.

    Raises:
        FileNotFoundError: there is no such journal.
        FileExistsError: something is in the way.
        DamagedFile: the journal cannot be read at all.
        OSError: it cannot be copied. A part of the copy may be left.
    """
    alive, _ = liveness.is_alive(source, read_header(source))  # before reading: a dead writer writes no more
    for chunk in read_pieces(source):
        last = chunk
    if last.state == UNREADABLE:
        raise DamagedFile(f"the journal {source!r} {last.damage[0].reason}; it was not copied")
    with closing(FileSource(source)) as file, open(target, "xb") as copy:
        length = file.size()
        if alive and last.state != CLOSED:
            length = min(length, last.context.offset)
        _copy(file, copy, length)
        if durable:
            copy.flush()
            os.fsync(copy.fileno())


def _copy(source: FileSource, target: BinaryIO, length: int) -> None:
    """Copy so many bytes; those of the header that the writer changes at last, and whole."""
    at = 0
    while at < length:
        piece = source.pread(at, min(_PIECE_BYTES, length - at))
        if not piece:
            break
        target.write(piece)
        at += len(piece)
    if length >= fmt.HEADER_BYTES:
        target.flush()
        os.pwrite(target.fileno(), settled_beginning(source), 0)
