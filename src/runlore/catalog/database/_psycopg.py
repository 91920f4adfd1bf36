"""A catalog in PostgreSQL, by psycopg: for a server, whose workers share it. Each store has a schema of its own."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ImportError as error:
    from runlore.errors import MissingDependency

    raise MissingDependency("psycopg", "postgres", "a catalog in PostgreSQL") from error

from runlore.catalog.database.base import Connection, Database, definition, index_definitions
from runlore.catalog.database.card_tables import CATALOG_VERSION, TABLES
from runlore.catalog.database.postgres_dialect import PostgresDialect
from runlore.catalog.database.sqlite_dialect import no_series
from runlore.catalog.database.tables import BYTES, FLOAT, ID, INTEGER, TEXT
from runlore.errors import InvalidArgument, NotReachable, QueryTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from runlore.catalog.database.base import Row, Transactions, ValueAt
    from runlore.catalog.database.sql import Sql
    from runlore.catalog.database.tables import Table

    Raw = psycopg.Connection[Row]

_TYPES = {
    ID: "BIGINT PRIMARY KEY",
    TEXT: 'TEXT COLLATE "C"',
    INTEGER: "BIGINT",
    FLOAT: "DOUBLE PRECISION",
    BYTES: "BYTEA",
}
_ENDING = {"rows": "", "keyed": ""}
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]{0,62}").fullmatch
_STREAM_ROWS = 500


@functools.lru_cache(maxsize=256)
def _rendered(text: str) -> str:
    return text.replace("%", "%%").replace("IN ??", "= ANY(%s)").replace("?", "%s")


class PostgresConnection(Connection):
    """One transaction.

    Args:
        raw: the driver's, in a transaction.
        time_limit_s: how long it may take, with the time that Python takes.
        value_at: looks values up in series.
    """

    dialect = PostgresDialect()

    def __init__(self, raw: Raw, time_limit_s: float | None = None, value_at: ValueAt | None = None) -> None:
        self.value_at: ValueAt = value_at or no_series
        self._raw = raw
        self._time_limit_s = time_limit_s
        self._deadline = None if time_limit_s is None else monotonic() + time_limit_s
        self._streams: list[psycopg.ServerCursor[Row]] = []

    def rows(self, statement: str | Sql, *values: Any) -> list[Row]:
        text, values = (statement, values) if isinstance(statement, str) else (statement.text, statement.values)
        return self._raw.execute(_rendered(text), values).fetchall()

    def stream(self, statement: Sql) -> Iterator[Row]:
        cursor = self._raw.cursor(name=f"stream_{len(self._streams)}")
        cursor.itersize = _STREAM_ROWS
        self._streams.append(cursor)
        cursor.execute(_rendered(statement.text), statement.values)
        return iter(cursor)

    def check_time(self) -> None:
        if self._deadline is not None and monotonic() > self._deadline:
            raise self.timeout()

    def run(self, statement: str, *values: Any) -> None:
        self._raw.execute(_rendered(statement), values)

    def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._raw.cursor() as cursor:
            cursor.executemany(_rendered(statement), rows)

    def insert(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        statement = f"COPY {table.name} ({', '.join(table.names)}) FROM STDIN"
        with self._raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def close_streams(self) -> None:
        """Nobody wants the rest of what was to be read one row after the other."""
        while self._streams:
            self._streams.pop().close()

    def timeout(self) -> QueryTimeout:
        """What to raise where the time is up."""
        return QueryTimeout(
            f"the query was ended after {self._time_limit_s:g} s; nothing is lost. Narrow it, or raise the time limit"
        )


class PostgresDatabase(Database):
    """A schema of a PostgreSQL database.

    Args:
        address: `postgresql://user:password@host/database`, or as psycopg takes it.
        namespace: of the schema, which is made: letters, digits and `_`.
    """

    def __init__(self, address: str, namespace: str) -> None:
        if not _NAMESPACE(namespace):
            raise InvalidArgument(
                f"namespace={namespace!r} must be up to 63 of a-z, 0-9 and _, beginning with a letter"
            )
        try:
            known = conninfo_to_dict(address)
        except psycopg.ProgrammingError as error:
            raise InvalidArgument(f"database: this is no address of PostgreSQL: {error}") from error
        known.pop("password", None)
        self.address = f"{make_conninfo('', **known)} schema={namespace}"
        self._conninfo = address
        self._namespace = namespace
        self._lock = threading.Lock()
        self._idle: list[Raw] = []
        weakref.finalize(self, _close_all, self._idle)
        self._is_ready = False

    @contextlib.contextmanager
    def reading(self, time_limit_s: float | None = None, value_at: ValueAt | None = None) -> Iterator[Connection]:
        self.is_there()
        with self._borrowed(_READING) as raw:
            connection = PostgresConnection(raw, time_limit_s, value_at)
            if time_limit_s is not None:
                raw.execute(f"SET LOCAL statement_timeout = {max(1, round(min(time_limit_s, 1e6) * 1000))}")
            try:
                yield connection
            except psycopg.errors.QueryCanceled as error:
                raise connection.timeout() from error
            finally:
                connection.close_streams()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        self.is_there()
        with self._writing() as raw:
            yield PostgresConnection(raw)

    def is_there(self) -> bool:
        """Whether there is a catalog of this version: it is made, as there is no quicker way to fill it."""
        if not self._is_ready:
            with self._writing() as raw:
                self._make(raw)
            self._is_ready = True
        return True

    def build(self, fill: Callable[[Transactions], None]) -> bool:  # noqa: ARG002
        return False

    def recover(self, error: Exception) -> bool:
        """A connection that broke is opened again, and a schema that somebody removed is made again."""
        if not isinstance(error, (psycopg.OperationalError, psycopg.errors.UndefinedTable)):
            return False
        self.close()
        return True

    def discard(self) -> None:
        with self._writing() as raw:
            raw.execute(f"DROP SCHEMA IF EXISTS {self._namespace} CASCADE")
        self._is_ready = False

    def close(self) -> None:
        with self._lock:
            idle, self._is_ready = self._idle.copy(), False
            self._idle.clear()
        _close_all(idle)

    def after_fork(self) -> None:
        _parents.extend(self._idle)
        self._idle.clear()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Raw]:
        """One after the other: a lock of the database that ends with the transaction."""
        with self._borrowed("BEGIN") as raw:
            raw.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self._namespace,))
            yield raw

    @contextlib.contextmanager
    def _borrowed(self, begin: str) -> Iterator[Raw]:
        """A connection with a transaction, which is kept if nothing goes wrong."""
        raw = self._begun(begin)
        process = os.getpid()
        try:
            yield raw
            raw.execute("COMMIT")
        finally:
            if process != os.getpid():
                _parents.append(raw)
            else:
                self._return(raw)

    def _return(self, raw: Raw) -> None:
        if not raw.closed and raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            with contextlib.suppress(psycopg.OperationalError):  # it broke, and with it the transaction
                raw.execute("ROLLBACK")
        with self._lock:
            is_kept = not raw.closed
            if is_kept:
                self._idle.append(raw)
        if not is_kept:
            raw.close()

    def _begun(self, begin: str) -> Raw:
        """A connection in a transaction. Those that broke while nobody used them are forgotten."""
        while True:
            with self._lock:
                raw = self._idle.pop() if self._idle else None
            if raw is None:
                raw = self._connect()
                raw.execute(begin)
                return raw
            try:
                raw.execute(begin)
            except psycopg.OperationalError:
                raw.close()
            else:
                return raw

    def _connect(self) -> Raw:
        try:
            return psycopg.connect(self._conninfo, autocommit=True, options=f"-c search_path={self._namespace}")
        except psycopg.OperationalError as error:
            raise NotReachable(f"the catalog's database ({self.address}) does not answer: {error}") from error

    def _make(self, raw: Raw) -> None:
        """The schema with its tables; one of another version goes."""
        known = raw.execute("SELECT to_regclass(%s)", (f"{self._namespace}.properties",)).fetchone()
        if known is not None and known[0] is not None:
            version = raw.execute("SELECT value FROM properties WHERE name = 'version'").fetchone()
            if version == (CATALOG_VERSION,):
                return
        raw.execute(f"DROP SCHEMA IF EXISTS {self._namespace} CASCADE")
        raw.execute(f"CREATE SCHEMA {self._namespace}")
        for table in TABLES:
            raw.execute(definition(table, _TYPES, _ENDING))
            for statement in index_definitions(table):
                raw.execute(statement)
        raw.execute("INSERT INTO properties VALUES ('version', %s)", (CATALOG_VERSION,))


def _close_all(idle: list[Raw]) -> None:
    """Also of a database that nobody has any more, and when the program ends."""
    while idle:
        idle.pop().close()


_parents: list[Any] = []
"""Connections that a process has from before it was forked: never used, and never closed."""
