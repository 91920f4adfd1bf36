"""Opening files of a store: regular ones only, whatever else somebody put in their place, and without waiting.

A store may come from anywhere: an archive, a disk that others write to, an unlucky script. A link would lead out of it,
a FIFO or a device would keep the reader waiting for ever. What is not a regular file where one is expected is damage
of that entry, said as `DamagedFile`; every other entry can still be read.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

_NEVER_WAIT = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(mode: int) -> str:
    """What a file is, in words, from its `st_mode`: such as `a regular file` or `a FIFO`."""
    return _KINDS.get(stat.S_IFMT(mode), "a regular file" if stat.S_ISREG(mode) else "something unknown")


def is_regular(path: str) -> bool:
    """Whether a regular file is there: no link to one. False as well where nothing is, or nobody may look."""
    return _is(path, stat.S_ISREG)


def is_directory(path: str) -> bool:
    """Whether a directory is there: no link to one. False as well where nothing is, or nobody may look."""
    return _is(path, stat.S_ISDIR)


def _is(path: str, test: Callable[[int], bool]) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return False
    return test(mode)


def open_regular(path: str, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """A descriptor of a regular file. Never follows a link in the last component, never waits.

    Args:
        path: the file.
        flags: as for `os.open`; what keeps it from waiting and from being inherited is added.
        mode: of the file, if the flags create it.

    Raises:
        FileNotFoundError: nothing is there.
        DamagedFile: a link, FIFO, directory, socket or device is there.
        OSError: it cannot be opened.

    Example:
        >>> import os
        >>> os.mkfifo("journal.rlj")
        >>> open_regular("journal.rlj")
        Traceback (most recent call last):
        runlore.errors.DamagedFile: 'journal.rlj' is a FIFO where a regular file should be. It was left alone; ...
    """
    try:
        descriptor = os.open(path, flags | _NEVER_WAIT, mode)
    except OSError:
        refuse_others(path)
        raise
    found = os.fstat(descriptor).st_mode
    if stat.S_ISREG(found):
        return descriptor
    os.close(descriptor)
    raise _other(path, found)


def refuse_others(path: str) -> None:
    """Raise `DamagedFile` if something is there that is not a regular file."""
    try:
        found = os.lstat(path).st_mode
    except OSError:
        return  # nothing is there, or nobody may look: not for this to say
    if not stat.S_ISREG(found):
        raise _other(path, found)


def _other(path: str, mode: int) -> DamagedFile:
    return DamagedFile(
        f"{path!r} is {kind_of(mode)} where a regular file should be. It was left alone; "
        "remove it, or put the file back from a copy of the store"
    )


def open_binary(path: str) -> BinaryIO:
    """A regular file, open for reading bytes.

    Raises:
        FileNotFoundError, DamagedFile, OSError: as for `open_regular`.
    """
    return open(open_regular(path), "rb")


def read_bytes(path: str, most_bytes: int) -> bytes:
    """The contents of a regular file that is known to be small.

    Args:
        path: the file.
        most_bytes: how large it may be, so that a stranger's file does not fill the memory.

    Raises:
        FileNotFoundError, OSError: as for `open_regular`.
        DamagedFile: it is larger, or no regular file.
    """
    with open_binary(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise DamagedFile(
            f"{path!r} has more than {most_bytes:,} bytes, which is not what should be there. It was left alone; "
            "put it back from a copy of the store"
        )
    return content


def sync_path(path: str) -> None:
    """Have a file, or the names in a directory, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
