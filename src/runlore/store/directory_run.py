"""A run of a store in a directory: its files, behind the contract of a recorded run."""

from __future__ import annotations

import errno
import os

from runlore.config import fsync, journal_mode
from runlore.errors import ReadOnlyStore
from runlore.journal import open_journal
from runlore.journal.folder import JOURNAL
from runlore.store.base import RecordedRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from runlore.journal import JournalWriter
    from runlore.store.base import Fact, Follower
    from runlore.store.content import RunPoints, StoredEvent
    from runlore.store.directory import DirectoryStore


class DirectoryRun(RecordedRun):
    """A run that lies in a directory.

    Args:
        store: the store that it belongs to.
        uid: of the run.
        directory: where it lies; it exists.
    """

    def __init__(self, store: DirectoryStore, uid: str, directory: str) -> None:
        self._store = store
        self._directory = directory
        self.uid = uid
        self.location = directory

    def __repr__(self) -> str:
        return f"DirectoryRun({self._directory!r})"

    @property
    def directory(self) -> str:  # noqa: D102 - described by the contract
        return self._directory

    @property
    def journal_directory(self) -> str:  # noqa: D102
        return f"{self._directory}/{JOURNAL}"

    def points(self, keys: Collection[str] | None = None) -> RunPoints:  # noqa: D102
        from runlore.store.content import read_points

        return read_points(self._directory, keys)

    def events(self, kinds: Collection[str] | None = None) -> list[StoredEvent]:  # noqa: D102
        from runlore.store.content import read_events

        return read_events(self._directory, kinds)

    def follow(self, kinds: Collection[str] | None = None) -> Follower:  # noqa: D102
        from runlore.store.follow import EventFollower

        return EventFollower(self._directory, kinds)

    def start(self) -> dict[str, Any]:  # noqa: D102
        from runlore.store.start_event import start_of

        return start_of(self._directory)

    def number(self) -> int | None:
        """The number that it has by now, from its start or given later; None: none."""
        found = self.start().get("number")
        if not isinstance(found, int):
            from runlore.store.start_event import given_number

            found = given_number(self._directory)
        return found

    @property
    def experiment(self) -> str:  # noqa: D102
        from urllib.parse import unquote

        return unquote(os.path.relpath(os.path.dirname(self._directory), self._store.runs_root))

    def record(self, *, first: bool = False, lazily: bool = False) -> JournalWriter:  # noqa: D102
        try:
            in_place = first or lazily
            journals = f"{self._directory}/{JOURNAL}" if in_place else self._store.journal_directory(self._directory)
            recorder = open_journal(
                journals, self.uid, journal_mode(), fsync=fsync(), create=not lazily,
                announce=lambda: self._store.touch_run(self._directory),
            )  # fmt: skip
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise ReadOnlyStore(
                    f"nothing was recorded of run {self.uid}: the store {self._store.root!r} cannot be written to "
                    f"({error.strerror})"
                ) from error
            raise
        if not in_place:
            try:
                self._store.touch_run(self._directory)
            except OSError:
                recorder.discard()
                raise
        return recorder

    def annotate(self, facts: Iterable[Fact], *, after_ns: int = 0) -> int:  # noqa: D102
        from runlore.store.annotate import annotate

        return annotate(self._store, self._directory, facts, after_ns=after_ns)

    def is_alive(self) -> tuple[bool, str]:  # noqa: D102
        from runlore.journal import liveness
        from runlore.journal.decode import is_closed, read_header
        from runlore.store.journal_files import journal_paths

        how = "closed"
        for _, path in journal_paths(self._directory):
            try:
                if is_closed(path):
                    continue
                alive, how = liveness.is_alive(path, read_header(path))
            except FileNotFoundError:
                if not os.path.isdir(self._directory):
                    break
                continue  # sealed meanwhile: it was closed
            if alive:
                return True, how
        return False, how
