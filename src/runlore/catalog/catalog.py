"""The catalog of one store: the index of a directory, in SQL."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DatabaseError

from runlore.catalog import card_answers, cards, database, index, run_answers
from runlore.catalog.search import SqliteFunctions, fetch_page
from runlore.errors import RunNotFound
from runlore.index.base import DEFAULT_TIME_LIMIT_S, Index
from runlore.index.records import Page
from runlore.store.cards import cards_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from runlore.index.records import (
        ArtifactRecord,
        CardFilter,
        CardRecord,
        ExperimentRecord,
        LinkRecord,
        RunRecord,
        SeriesRecord,
    )
    from runlore.index.reference import RunReference
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.query.values import Clock
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


class Catalog(Index):
    """A derived SQL index over the runs and cards of a directory.

    Attributes:
        store: whose runs it describes.
        path: its database file.
    """

    def __init__(self, store: DirectoryStore) -> None:
        self.store = store
        self.location = store.root
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

    def page(  # noqa: D102 - described by the contract
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None,
        cursor: str | None = None, *, experiment: str | Sequence[str] | None = None, include_deleted: bool = False,
        facts: bool = False, clock: Clock | None = None, time_limit_s: float = DEFAULT_TIME_LIMIT_S,
        last: bool = False,
    ) -> Page:  # fmt: skip
        with self.connect() as connection:
            found = fetch_page(
                connection, query, order_by, limit, cursor, experiment=experiment, include_deleted=include_deleted,
                functions=SqliteFunctions(value_at=self._value_at), clock=clock, time_limit_s=time_limit_s, last=last,
            )  # fmt: skip
            runs = run_answers.runs_by_id(connection, [key.id for key in found.runs], facts=facts)
        return Page(tuple(runs), found.next_cursor)

    def find(self, reference: RunReference, *, facts: bool = True) -> tuple[RunRecord, ...]:  # noqa: D102
        with self.connect() as connection:
            return tuple(run_answers.find_runs(connection, reference, facts=facts))

    def runs(self, uids: Sequence[str], *, facts: bool = True) -> list[RunRecord]:  # noqa: D102
        with self.connect() as connection:
            return run_answers.runs_by_uid(connection, uids, facts=facts)

    def series(self, uids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, SeriesRecord]]:  # noqa: D102
        with self.connect() as connection:
            return run_answers.series(connection, uids, keys)

    def artifacts(self, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:  # noqa: D102
        with self.connect() as connection:
            return run_answers.artifacts(connection, uids)

    def experiments(self, pattern: str | Sequence[str] | None = None) -> list[ExperimentRecord]:  # noqa: D102
        functions = SqliteFunctions()
        with self.connect() as connection, functions.session(connection, DEFAULT_TIME_LIMIT_S):
            return run_answers.experiments(connection, pattern, functions)

    def keys(self, kind: str, *, experiment: str | Sequence[str] | None = None) -> list[str]:  # noqa: D102
        functions = SqliteFunctions()
        with self.connect() as connection, functions.session(connection, DEFAULT_TIME_LIMIT_S):
            return run_answers.keys(connection, kind, experiment, functions)

    def cards(self, wanted: CardFilter) -> list[CardRecord]:  # noqa: D102
        with self.connect() as connection:
            return card_answers.cards(connection, wanted)

    def links(self, uids: Sequence[str]) -> list[LinkRecord]:  # noqa: D102
        with self.connect() as connection:
            return card_answers.links(connection, uids)

    def _value_at(self, uid: str, key: str, step: float) -> float | None:
        """The last value of a metric at exactly this step, or None. Serves `at(metrics.key, step)` in queries."""
        from runlore.store.content import read_points

        try:
            points = read_points(self.store.find_run(uid), [key])
        except RunNotFound:
            return None  # deleted since the last refresh
        at = points.value[points.step == step]
        return float(at[-1]) if len(at) else None

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
