"""The catalog of one store, as readers use it."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DatabaseError

from runlore.catalog import cards, database, index
from runlore.store.cards import cards_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from runlore.store import DirectoryStore

_catalogs: dict[tuple[int, str], Catalog] = {}
_lock = threading.Lock()
_MOST_OPEN = 8
"""Catalogs that a process keeps open: each takes several descriptors. A closed one opens again when it is used."""


def open_catalog(store: DirectoryStore) -> Catalog:
    """The catalog of a store; one object a store and process, which threads may share. Safe after `fork`."""
    key = (os.getpid(), store.root)
    with _lock:
        found = _catalogs.pop(key, None) or Catalog(store)
        _catalogs[key] = found  # the last one is the one that was used last
        while len(_catalogs) > _MOST_OPEN:
            _catalogs.pop(next(iter(_catalogs))).close()
        return found


class Catalog:
    """A derived SQL index over the runs of a store.

    Attributes:
        store: whose runs it describes.
        path: its database file.
    """

    def __init__(self, store: DirectoryStore) -> None:
        self.store = store
        self.path = database.location(store)
        self._engine: Engine | None = None
        self._refreshing = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The database, opened with the first use and again if its file was deleted."""
        if self._engine is None or not os.path.exists(self.path):
            self.close()
            self._engine = database.open_database(self.path)
        return self._engine

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Bring the catalog up to date with the store. Threads and processes may do so at once.

        Args:
            progress: called with (runs looked at, runs to look at), after every batch of runs.

        Returns:
            How many runs were looked at.
        """
        with self._refreshing:
            try:
                return self._refresh(progress)
            except DatabaseError as error:
                if database.has_no_room(error) and self.path != database.cache_location(self.store):
                    self.rebuild()
                    self.path = database.cache_location(self.store)
                elif database.is_unreadable(error) or not os.path.exists(self.path):
                    self.rebuild()
                else:
                    raise
                return self._refresh(progress)

    def _refresh(self, progress: Callable[[int, int], None] | None) -> int:
        cards.refresh(self.engine, cards_root(self.store))
        return index.refresh(self.engine, self.store.runs_root, progress)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection for reading: what it sees does not change until it is closed."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def rebuild(self) -> None:
        """Throw the catalog away. The next refresh makes it anew from the store."""
        self.close()
        database.discard(self.path)

    def close(self) -> None:
        """Let go of the database."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
