"""Opening a journal for writing: which of its two writers a directory takes."""

from __future__ import annotations

from runlore.journal import liveness
from runlore.journal.writer import JournalWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def open_journal(
    directory: str,
    run_uid: str,
    mode: str = "auto",
    *,
    fsync: bool = False,
    create: bool = True,
    announce: Callable[[], object] | None = None,
) -> JournalWriter:
    """A new journal in the directory, written in the way that its file system allows.

    Args:
        directory: the run's `journal` directory, which exists.
        run_uid: the run that it belongs to.
        mode: `mmap`, `write`, or `auto` to let the file system decide.
        fsync: make every call wait until the disk has it (implies `write`).
        create: make the file now; else with the first record, whose loss is counted if that fails.
        announce: called when a file was made with its first record, as in a forked child: readers may know the run as
            ended by then, and look no more.

    Raises:
        OSError: the file cannot be created.

    Example:
        >>> import os
        >>> os.mkdir("journal")
        >>> journal = open_journal("journal", "0" * 32)
        >>> journal.scalar("loss", 0.5, step=1)
        >>> journal.close()
        >>> from runlore.journal.decode import read
        >>> read(journal.path).points.value
        array([0.5])
    """
    if fsync or mode == "write" or (mode == "auto" and not _can_map(directory, create=create)):
        from runlore.journal.written import WrittenJournal

        return WrittenJournal(directory, run_uid, fsync=fsync, create=create, announce=announce)
    return JournalWriter(directory, run_uid, create=create, announce=announce)


def _can_map(directory: str, *, create: bool) -> bool:
    try:
        return liveness.can_map(directory)
    except OSError:
        if create:
            raise
        return False  # there is no such directory here; the first record says so
