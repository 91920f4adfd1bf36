"""Opening files of a store: regular ones only, whatever else somebody put in their place, and without waiting.

A store may come from anywhere: an archive, a disk that others write to, an unlucky script. A link would lead out of it,
a FIFO or a device would keep the reader waiting for ever. What is not a regular file where one is expected is damage
of that entry, said as `DamagedFile`; every other entry can still be read.

And making directories that others remove at the same moment.
"""

from __future__ import annotations

import os
import stat

from runlore.errors import DamagedFile

TYPE_CHECKING = False
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
    raise _irregular(path, f"is {kind_of(found)} where a regular file should be")


def irregularity(path: str, wanted: str = "a regular file") -> str:
    """What is wrong with what is there, in words: `is a FIFO where a regular file should be`.

    Args:
        path: the place.
        wanted: what should be there: `a regular file` or `a directory`.

    Returns:
        The words; empty where it is as it should be, nothing is there, or nobody may look.
    """
    try:
        found = kind_of(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return ""
    return "" if found == wanted else f"is {found} where {wanted} should be"


def refuse_others(path: str) -> None:
    """Raise `DamagedFile` if something is there that is not a regular file."""
    problem = irregularity(path)
    if problem:
        raise _irregular(path, problem)


def _irregular(path: str, problem: str) -> DamagedFile:
    return DamagedFile(
        f"{path!r} {problem}. It was left alone; remove it, or put the file back from a copy of the store"
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


def directory_problem(path: str) -> str | None:
    """What is wrong with what is at the path, where it is no directory, in words; None where it is, or nothing is."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if stat.S_ISDIR(mode) else f"is {kind_of(mode)} where a directory should be"


def check_directory(path: str) -> None:
    """Raise `DamagedFile` where something is at the path that is no directory. Nothing there is fine."""
    problem = directory_problem(path)
    if problem is not None:
        raise DamagedFile(
            f"{path!r} {problem}; no link within a store is followed. Put the directory there. A whole store may be "
            "somewhere else, and a link lead to it"
        )


def check_path(root: str, path: str) -> None:
    """As `check_directory`, for each directory of a path below the root."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        check_directory(os.path.join(root, *parts[:count]))


def problem_of(error: DamagedFile, path: str) -> str:
    """What is wrong with a file, in words that follow its name, without what there is to do about it."""
    return str(error).partition(". ")[0].removeprefix(f"{path!r} ")


def make_folders(path: str) -> None:
    """Make a directory and those above it, while others remove empty ones of them.

    Raises:
        OSError: it cannot be made.
    """
    while not os.path.isdir(path):
        try:
            os.makedirs(path, exist_ok=True)
        except FileNotFoundError:  # noqa: PERF203 - a second attempt is the point of the loop
            continue  # one above was removed before the next one was in it
        except FileExistsError:
            if os.path.lexists(path) and not os.path.isdir(path):
                raise
