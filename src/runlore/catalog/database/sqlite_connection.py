"""One connection to a file of SQLite's: statements, and the limits of a transaction that only reads."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from runlore.catalog.database.base import Connection
from runlore.catalog.database.sqlite_dialect import Functions, SqliteDialect, no_series
from runlore.errors import QueryTimeout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runlore.catalog.database.base import Row, ValueAt
    from runlore.catalog.database.sql import Sql
    from runlore.catalog.database.tables import Table

BUSY_SECONDS = 30
"""How long one waits for another that writes."""

_READS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)


def _authorize(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


@functools.lru_cache(maxsize=256)
def _rendered(text: str) -> str:
    return text.replace("??", "(SELECT value FROM json_each(?))")


def _values(values: Iterable[Any]) -> tuple[Any, ...]:
    """A list becomes one parameter, however long it is: there is no limit for it, and the SQL is read once."""
    return tuple(json.dumps(value) if isinstance(value, list) else value for value in values)


class SqliteConnection(Connection):
    """A connection, used by one thread at a time.

    Args:
        raw: the driver's; not in a transaction, and without one that it begins by itself.
        only_reads: nothing else is possible, and everything that a query may need is there.
    """

    dialect = SqliteDialect()

    def __init__(self, raw: sqlite3.Connection, *, only_reads: bool = False) -> None:
        self.raw = raw
        self.value_at: ValueAt = no_series
        self._functions = Functions()
        self._streams: list[sqlite3.Cursor] = []
        self._time_limit_s: float | None = None
        self._deadline: float | None = None
        if only_reads:
            self._functions.register(raw)
            raw.set_progress_handler(self._is_late, 2_000)
            raw.execute("SELECT value FROM json_each('[]')")  # its first use defines it, which is not merely reading
            raw.set_authorizer(_authorize)

    def rows(self, statement: str | Sql, *values: Any) -> list[Row]:  # noqa: D102 - described by the contract
        text, values = (statement, values) if isinstance(statement, str) else (statement.text, statement.values)
        return self.raw.execute(_rendered(text), _values(values)).fetchall()

    def stream(self, statement: Sql) -> Iterator[Row]:  # noqa: D102
        cursor = self.raw.execute(_rendered(statement.text), _values(statement.values))
        self._streams.append(cursor)
        return iter(cursor)

    def check_time(self) -> None:  # noqa: D102
        if self._is_late():
            raise self._timeout()

    def run(self, statement: str, *values: Any) -> None:  # noqa: D102
        self.raw.execute(_rendered(statement), _values(values))

    def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:  # noqa: D102
        self.raw.executemany(_rendered(statement), rows)

    def insert(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:  # noqa: D102
        self.raw.executemany(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})", rows)

    @contextlib.contextmanager
    def reading(self, time_limit_s: float | None, value_at: ValueAt | None) -> Iterator[None]:
        """A transaction that sees one snapshot, and ends when its time is up."""
        self.value_at = value_at or no_series
        self._functions.begin(self.value_at)
        self._time_limit_s = time_limit_s
        self._deadline = None if time_limit_s is None else monotonic() + time_limit_s
        self.raw.execute("BEGIN")
        try:
            yield
        except sqlite3.OperationalError as error:
            if self._functions.failure is not None:
                raise self._functions.failure from error
            if "interrupt" in str(error):
                raise self._timeout() from error
            raise
        finally:
            self._deadline = None
            while self._streams:
                self._streams.pop().close()  # one that was not read to its end would keep the snapshot
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that is kept if nothing goes wrong."""
        self.raw.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.raw.execute("COMMIT")
        finally:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")

    def _is_late(self) -> int:
        return int(self._deadline is not None and monotonic() > self._deadline)

    def _timeout(self) -> QueryTimeout:
        return QueryTimeout(
            f"the query was ended after {self._time_limit_s:g} s; nothing is lost. Narrow it, or raise the time limit"
        )


def connect(path: str) -> sqlite3.Connection:
    """A connection to a file that readers and a writer share; transactions are begun by hand."""
    raw = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        _use_wal(raw)
        for setting in ("synchronous=NORMAL", "cache_size=-32768"):
            raw.execute(f"PRAGMA {setting}")
    except BaseException:
        raw.close()
        raise
    return raw


def _use_wal(raw: sqlite3.Connection) -> None:
    """Switch to WAL, and try again where SQLite refuses without waiting: several connections switch a new file."""
    until = monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            return  # noqa: TRY300 - it is what the loop waits for
        except sqlite3.OperationalError as error:  # noqa: PERF203 - a second attempt is the point of the loop
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(0.005)
