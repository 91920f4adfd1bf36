"""The catalog of one store: the index of a directory, in SQL."""

from __future__ import annotations

import json
import os
import threading
import weakref
from typing import TYPE_CHECKING

from runlore.catalog import card_answers, run_answers
from runlore.catalog.cards import refresh_cards
from runlore.catalog.database.location import identity, places
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.catalog.refresh import refresh_open_runs, refresh_runs
from runlore.errors import RunNotFound
from runlore.index.base import DEFAULT_TIME_LIMIT_S, Index
from runlore.index.limits import check_limit, check_time_limit
from runlore.index.records import Page
from runlore.notices import say_once
from runlore.store.listing import Stranger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from runlore.catalog.database.base import Database, Transactions
    from runlore.index.records import (
        ArtifactRecord,
        CardFilter,
        CardRecord,
        ExperimentRecord,
        HolderRecord,
        LinkRecord,
        RunRecord,
        SeriesRecord,
    )
    from runlore.index.reference import RunReference
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.query.values import Clock
    from runlore.store import DirectoryStore

_catalogs: dict[tuple[str, str | None], Catalog] = {}
_lock = threading.Lock()
_all: weakref.WeakSet[Catalog] = weakref.WeakSet()
_MOST_OPEN = 8
"""Catalogs that a process keeps open: each takes several descriptors. A closed one opens again when it is used."""


_ATTEMPTS = 5
"""At a refresh: what is unreadable is removed, and where there is no room another place is looked for."""

_STRANGERS = (
    "SELECT 'runs', path, strangers FROM directories WHERE strangers IS NOT NULL UNION ALL "
    "SELECT 'cards', path, strangers FROM card_directories WHERE strangers IS NOT NULL ORDER BY 1 DESC, 2"
)


def open_catalog(store: DirectoryStore, database: str | None = None) -> Catalog:
    """The catalog of a store; one object a store and process, which threads may share. Safe after `fork`.

    Args:
        store: whose runs it describes.
        database: address of a PostgreSQL database, `postgresql://user:password@host/name`, in which the store gets a
            schema of its own. None: a file in the store, or where `runlore.catalog.database.location` has room for it.

    Raises:
        InvalidArgument: the address cannot be understood.
        MissingDependency: psycopg is not installed.
    """
    key = (store.root, database)
    with _lock:
        found = _catalogs.pop(key, None) or Catalog(store, open_database(database, store))
        _catalogs[key] = found  # the last one is the one that was used last
        while len(_catalogs) > _MOST_OPEN:
            _catalogs.pop(next(iter(_catalogs))).close()
        return found


class Catalog(Index):
    """A derived SQL index over the runs and cards of a directory.

    Attributes:
        store: whose runs it describes.
        database: where it is kept.
    """

    def __init__(self, store: DirectoryStore, database: Database | None = None) -> None:
        self.store = store
        self.location = store.root
        self.database = database or open_database(None, store)
        self._refreshing = threading.Lock()
        _all.add(self)

    @property
    def path(self) -> str:
        """Its file, or the address of its database."""
        return self.database.address

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Bring the catalog up to date with the store. Threads and processes may do so at once.

        Args:
            progress: called with (runs looked at, runs to look at), after every batch of runs.

        Returns:
            How many runs were looked at.
        """
        with self._refreshing:
            for attempt in range(_ATTEMPTS):
                try:
                    looked_at = self._refresh(progress)
                    break
                except Exception as error:
                    if attempt + 1 == _ATTEMPTS or not self.database.recover(error):
                        raise
            self._name_strangers()
            return looked_at

    def refresh_open(self, uids: Collection[str]) -> bool:
        """See `Index.refresh_open`."""
        with self._refreshing:
            return self.database.is_there() and refresh_open_runs(self.database, self.store.runs_root, uids)

    def _refresh(self, progress: Callable[[int, int], None] | None) -> int:
        looked_at = 0

        def fill(database: Transactions) -> None:
            nonlocal looked_at
            refresh_cards(database, self.store.cards_root)
            looked_at = refresh_runs(database, self.store.runs_root, progress)

        if self.database.is_there() or not self.database.build(fill):
            fill(self.database)
        return looked_at

    def misfiled_runs(self) -> list[str]:
        """Uids of runs that a query may find, or not find, for something else than they are."""
        from runlore.catalog.checking import misfiled_runs

        with self.database.reading() as connection:
            return misfiled_runs(connection)

    def strangers(self) -> list[Stranger]:
        """Entries of the store that are left out, because they are not what belongs there; of the last refresh."""
        found = []
        with self.database.reading() as connection:
            for room, path, strangers in connection.rows(_STRANGERS):
                for name, problem in json.loads(strangers).items():
                    found.append(Stranger("/".join(part for part in (room, path, name) if part), problem))
        return found

    def _name_strangers(self) -> None:
        """Say which entries are left out: no answer has room for them."""
        found = [f"{where} {problem}" for where, problem in self.strangers()]
        if found:
            count = f"{len(found):,} entries of the store {self.store.root} cannot be read, such as "
            which = f"an entry of the store {self.store.root} cannot be read: " if len(found) == 1 else count
            say_once(f"{which}{found[0]}. `runlore doctor` says more")

    def page(  # noqa: D102 - described by the contract
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None,
        cursor: str | None = None, *, experiment: str | Sequence[str] | None = None, include_deleted: bool = False,
        facts: bool = False, clock: Clock | None = None, time_limit_s: float = DEFAULT_TIME_LIMIT_S,
        last: bool = False,
    ) -> Page:  # fmt: skip
        from runlore.catalog.search import fetch_page

        check_time_limit(time_limit_s)
        with self.database.reading(time_limit_s, self._value_at) as connection:
            found = fetch_page(
                connection, query, order_by, limit, cursor, experiment=experiment,
                include_deleted=include_deleted, clock=clock, last=last,
            )  # fmt: skip
            runs = run_answers.runs_by_id(connection, found.ids, facts=facts)
        return Page(tuple(runs), found.next_cursor)

    def find(self, reference: RunReference, *, facts: bool = True) -> tuple[RunRecord, ...]:  # noqa: D102
        with self.database.reading() as connection:
            return tuple(run_answers.find_runs(connection, reference, facts=facts))

    def runs(self, uids: Sequence[str], *, facts: bool = True) -> list[RunRecord]:  # noqa: D102
        with self.database.reading() as connection:
            return run_answers.runs_by_uid(connection, uids, facts=facts)

    def latest(self, limit: int, *, facts: bool = False) -> list[RunRecord]:  # noqa: D102
        check_limit(limit)
        with self.database.reading() as connection:
            return run_answers.latest_runs(connection, limit, facts=facts)

    def arrivals(self, limit: int, *, facts: bool = False) -> list[RunRecord]:  # noqa: D102
        check_limit(limit)
        with self.database.reading() as connection:
            return run_answers.arrived_runs(connection, limit, facts=facts)

    def series(self, uids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, SeriesRecord]]:  # noqa: D102
        with self.database.reading() as connection:
            return run_answers.series(connection, uids, keys)

    def artifacts(self, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:  # noqa: D102
        with self.database.reading() as connection:
            return run_answers.artifacts(connection, uids)

    def experiments(self, pattern: str | Sequence[str] | None = None) -> list[ExperimentRecord]:  # noqa: D102
        with self.database.reading() as connection:
            return run_answers.experiments(connection, pattern)

    def keys(self, kind: str, *, experiment: str | Sequence[str] | None = None) -> list[str]:  # noqa: D102
        with self.database.reading() as connection:
            return run_answers.keys(connection, kind, experiment)

    def cards(self, wanted: CardFilter) -> list[CardRecord]:  # noqa: D102
        with self.database.reading() as connection:
            return card_answers.cards(connection, wanted)

    def links(self, uids: Sequence[str]) -> list[LinkRecord]:  # noqa: D102
        with self.database.reading() as connection:
            return card_answers.links(connection, uids)

    def holders(self, digests: Sequence[str]) -> list[HolderRecord]:  # noqa: D102
        with self.database.reading() as connection:
            return card_answers.holders(connection, digests)

    def _value_at(self, uid: str, key: str, step: float) -> float | None:
        """The last value of a metric at exactly this step, or None. Serves `at(metrics.key, step)` in queries."""
        from runlore.store.content import read_points

        try:
            points = read_points(self.store.find_run(uid), [key])
        except RunNotFound:
            return None  # deleted since the last refresh
        at = points.value[points.step == step]
        return float(at[-1]) if len(at) else None

    def rebuild(self) -> None:
        """Throw the catalog away. The next refresh makes it anew from the store."""
        self.database.discard()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def after_fork(self) -> None:
        """In a child: neither locks nor connections of the parent are its own."""
        self._refreshing = threading.Lock()
        self.database.after_fork()


def open_database(address: str | None, store: DirectoryStore) -> Database:
    """The database of a store's catalog; see `open_catalog`."""
    if address is None:
        files = places(store)
        return SqliteDatabase(next(files), files)
    from runlore.catalog.database._psycopg import PostgresDatabase

    return PostgresDatabase(address, f"runlore_{identity(store)}")


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may hold it
    _lock = threading.Lock()
    for catalog in list(_all):
        catalog.after_fork()


os.register_at_fork(after_in_child=_after_fork)
