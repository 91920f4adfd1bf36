"""Answers that stay true as long as the files stay as they were when the answer was made.

Many runs in one process ask the same: which packages are installed, what differs from the commit. Looking whether the
files are as before costs two microseconds a file, asking anew milliseconds.
"""

from __future__ import annotations

import errno
import os
from time import time_ns
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import TypeAlias

    Mark: TypeAlias = tuple[int, int, int, int, int] | None

Answer = TypeVar("Answer")

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

TICK_NS = 30_000_000
COARSE_TICK_NS = 2_000_000_000
"""Two changes within a tick of a file system's clock leave the same time: a file that has just changed tells nothing.
Whole seconds hint at one that counts in seconds."""


def is_shortage(error: OSError) -> bool:
    """Whether the process had no descriptor or memory left: then nothing is known, and nothing may be concluded."""
    return error.errno in _SHORTAGES


def marks_of(paths: Iterable[str], *, follow_links: bool = False) -> list[Mark]:
    """What tells whether a file changed, of each path: times, size, inode and mode; None where there is none."""
    look = os.stat if follow_links else os.lstat
    return [_mark(path, look) for path in paths]


def _mark(path: str, look: Callable[[str], os.stat_result]) -> Mark:
    try:
        status = look(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode


def are_settled(marks: Iterable[Mark], now_ns: int) -> bool:
    """Whether every change after `now_ns` will show in the marks that were taken then."""
    return all(mark is None or (_is_past(mark[0], now_ns) and _is_past(mark[1], now_ns)) for mark in marks)


def _is_past(changed_ns: int, now_ns: int) -> bool:
    return now_ns - changed_ns > (TICK_NS if changed_ns % 1_000_000_000 else COARSE_TICK_NS)


class Remembered(Generic[Answer]):
    """The last answer to one question, and the files that it was made from."""

    def __init__(self) -> None:
        self._known: tuple[Hashable, list[Mark], Answer] | None = None

    def get(self, about: Hashable, paths: Iterable[str], answer: Callable[[], Answer]) -> Answer:
        """The answer from before if it was about the same and no file has changed, else a new one.

        Args:
            about: what else the answer depends on.
            paths: the files and directories that it is made from; links are followed.
            answer: makes a new one.
        """
        now, marks = time_ns(), marks_of(paths, follow_links=True)
        known = self._known
        if known is not None and known[0] == about and known[1] == marks:
            return known[2]
        made = answer()
        self._known = (about, marks, made) if are_settled(marks, now) else None
        return made
