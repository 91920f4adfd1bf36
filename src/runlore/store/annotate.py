"""Recording facts of a run from outside of it: a tag, a name, that it was deleted. The run stays as it ended.

Each call writes a small journal of its own beside what is there, as every writer does; sealing takes it in later.
"""

from __future__ import annotations

import errno
import os
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore.config import journal_mode
from runlore.errors import NotStored, ReadOnlyStore
from runlore.journal import open_journal
from runlore.journal.values import to_bytes
from runlore.model import EVENT_KINDS
from runlore.names import check_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.journal import JournalWriter
    from runlore.store.directory import DirectoryStore

ORIGINAL_NUMBER = "original_number"
"""Attribute: the number that a run had before another one was given to it."""
REMOVED = "removed"
"""Event kind. Key: an artifact; value: the `digest` of the contents that were removed, and the `reason`."""


def annotate(store: DirectoryStore, directory: str, facts: Iterable[tuple[str, str, Any]], *, after_ns: int = 0) -> int:
    """Record facts (kind, key, value) of a run that may have ended, all at one time. Its status does not change.

    What a returned call recorded is on the disk.

    Args:
        store: the store that the run belongs to.
        directory: the run's directory.
        facts: what to record; values as JSON.
        after_ns: they get a later time than this one, so that they win over what the caller has read.

    Returns:
        The time that they got, in ns.

    Raises:
        WrongType, InvalidArgument: a value cannot be stored. Nothing was recorded.
        NotStored: the disk did not take them.
        ReadOnlyStore: the store cannot be written to.

    Example:
        >>> import runlore
        >>> with runlore.start("iris", capture=False) as run:
        ...     run.log_metric("acc", 0.9)
        >>> _ = annotate(run.store, run.path, [("tag", "checked", "yes")])
        >>> view = runlore.get_run(run.uid)
        >>> view.status, view.tags
        ('succeeded', {'checked': 'yes'})
    """
    facts = list(facts)
    check_facts(facts)
    time = max(time_ns(), after_ns + 1)
    journal = open_writer(store, directory, fsync=True)
    try:
        store.touch_run(directory)  # a reader that comes now finds an open journal, and looks again
        for kind, key, value in facts:
            journal.event(kind, key, value, time_ns=time)
    finally:
        lost = journal.lost
        journal.close()
    if lost:
        uid = os.path.basename(directory)
        raise NotStored(f"{lost} of {len(facts)} facts could not be added to run {uid}: the disk is full")
    return time


def check_facts(facts: Iterable[tuple[str, str, Any]]) -> None:
    """Refuse facts of which one cannot be stored, before any is.

    Raises:
        WrongType, InvalidArgument: a value is nothing that JSON has, or a key cannot be one.
    """
    for kind, key, value in facts:
        check_key(key, kind if kind in EVENT_KINDS else "key")
        to_bytes(value, f"{kind} {key!r}")


def open_writer(store: DirectoryStore, directory: str, *, fsync: bool) -> JournalWriter:
    """A new journal of a run that is there.

    Raises:
        ReadOnlyStore: the store cannot be written to.
        OSError: there is no room for it.
    """
    uid = os.path.basename(directory)
    try:
        return open_journal(store.journal_directory(directory), uid, journal_mode(), fsync=fsync)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ReadOnlyStore(
                f"nothing was recorded of run {uid}: the store {store.root!r} cannot be written to ({error.strerror})"
            ) from error
        raise
