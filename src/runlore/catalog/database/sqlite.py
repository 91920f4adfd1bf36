"""A catalog in a file, by SQLite: for the store of one directory, whose readers share it.

The file is in WAL mode: readers do not wait for the one that writes. Where there was none it is made beside, all at
once, and then put in its place: rows are written once, in order, and its indexes are made of rows that are there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
import weakref
from time import time
from typing import TYPE_CHECKING

from runlore.catalog.database.base import Database, Transactions, definition, index_definitions
from runlore.catalog.database.card_tables import CATALOG_VERSION, TABLES
from runlore.catalog.database.location import SUFFIXES
from runlore.catalog.database.sqlite_connection import SqliteConnection, connect
from runlore.catalog.database.tables import BYTES, FLOAT, ID, INTEGER, TEXT
from runlore.errors import NotStored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runlore.catalog.database.base import Connection, ValueAt

_NO_ROOM = ("disk is full", "readonly database", "unable to open database file", "disk I/O error")
_UNREADABLE = ("malformed", "not a database", "disk image", "no such table", "no such column", "has no column")
_TYPES = {
    ID: "INTEGER PRIMARY KEY",
    TEXT: "TEXT",
    INTEGER: "INTEGER",
    FLOAT: "",  # in a column of floats SQLite keeps -0.0 as the integer 0, and forgets the sign
    BYTES: "BLOB",
}
_ENDING = {"rows": "", "keyed": " WITHOUT ROWID"}
_BESIDE = "-new-"
_ABANDONED_S = 86_400
"""After which a file that somebody began to make is taken to be left over."""


class NoRoom(NotStored):
    """The catalog cannot be kept where it was to be."""


class SqliteDatabase(Database):
    """A catalog's file.

    Args:
        path: the file.
        others: more files that it can be, for when nothing can be written there.
    """

    def __init__(self, path: str, others: Iterable[str] = ()) -> None:
        self.address = path
        self._others = iter(others)
        self._lock = threading.Lock()
        self._idle: dict[bool, list[SqliteConnection]] = {True: [], False: []}
        """Connections that nobody uses: those that may write, and those that may not."""
        weakref.finalize(self, _close_all, self._idle)
        self._opened: tuple[int, int] | None = None
        """Which file the connections are to: it may be removed and made anew at any time."""

    @contextlib.contextmanager
    def reading(  # noqa: D102 - described by the contract
        self, time_limit_s: float | None = None, value_at: ValueAt | None = None
    ) -> Iterator[Connection]:
        with self._borrowed(writes=False) as connection, connection.reading(time_limit_s, value_at):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:  # noqa: D102
        with self._borrowed(writes=True) as connection, connection.writing():
            yield connection

    def is_there(self) -> bool:  # noqa: D102
        if self._opened is not None and self._opened == _identity(self.address):
            return True
        self.close()
        if not os.path.exists(self.address):
            return False
        raw = None
        try:
            raw = connect(self.address)
            if _is_current(raw):
                self._keep(raw)
                return True
            raw.close()
        except sqlite3.DatabaseError as error:
            if raw is not None:
                raw.close()
            if isinstance(error, sqlite3.OperationalError) and not _says(error, _UNREADABLE):
                raise
        self.discard()
        return False

    def build(self, fill: Callable[[Transactions], None]) -> bool:  # noqa: D102
        _make_directory(self.address)
        _remove_abandoned(self.address)
        if os.path.exists(f"{self.address}-wal"):
            return False  # of a file that was removed: SQLite would take it for one of the new file
        beside = f"{self.address}{_BESIDE}{secrets.token_hex(8)}"
        try:
            fresh = _Beside(beside)
            try:
                fill(fresh)
                fresh.finish()
            finally:
                fresh.close()
            return _put(beside, self.address)
        finally:
            _remove(beside)

    def recover(self, error: Exception) -> bool:  # noqa: D102
        if not isinstance(error, (sqlite3.DatabaseError, NoRoom)):
            return False
        if isinstance(error, NoRoom) or _says(error, _NO_ROOM):
            self.close()  # and leave it to those who read it: theirs would be an empty one, until it is made anew
            self.address = next(self._others, "")
            return bool(self.address)
        if _says(error, _UNREADABLE) or not os.path.exists(self.address):
            self.discard()
            return True
        return False

    def discard(self) -> None:  # noqa: D102
        self.close()
        _remove(self.address)

    def close(self) -> None:  # noqa: D102
        with self._lock:
            self._opened = None
            idle = _taken(self._idle)
        for connection in idle:
            connection.raw.close()

    def after_fork(self) -> None:  # noqa: D102
        _parents.extend(_taken(self._idle))
        self._lock, self._opened = threading.Lock(), None

    @contextlib.contextmanager
    def _borrowed(self, *, writes: bool) -> Iterator[SqliteConnection]:
        """A connection to the file that is there now.

        Raises:
            NoRoom: the file cannot be made, or opened, or grow.
        """
        try:
            with self._held(writes=writes) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            if _says(error, _NO_ROOM):
                raise NoRoom(f"the catalog {self.address!r} cannot be kept there: {error}") from error
            raise

    @contextlib.contextmanager
    def _held(self, *, writes: bool) -> Iterator[SqliteConnection]:
        if not self.is_there():
            self._make()
        with self._lock:
            opened, idle = self._opened, self._idle[writes]
            connection = idle.pop() if idle else None
        if connection is None:
            connection = SqliteConnection(connect(self.address), only_reads=not writes)
        process = os.getpid()
        try:
            yield connection
        except sqlite3.DatabaseError:
            opened = None
            raise
        finally:
            if process != os.getpid():
                _parents.append(connection)
            elif not self._returned(connection, opened, writes=writes):
                connection.raw.close()

    def _returned(self, connection: SqliteConnection, opened: tuple[int, int] | None, *, writes: bool) -> bool:
        """Take a connection back, if it is to the file that is used now."""
        with self._lock:
            if opened is None or opened != self._opened:
                return False
            self._idle[writes].append(connection)
            return True

    def _make(self) -> None:
        """A file with tables of this version."""
        _make_directory(self.address)
        raw = connect(self.address)
        try:
            _make_tables(raw, indexes=True)
        except sqlite3.DatabaseError:
            raw.close()
            raise
        self._keep(raw)

    def _keep(self, raw: sqlite3.Connection) -> None:
        with self._lock:
            self._opened = _identity(self.address)
            self._idle[True].append(SqliteConnection(raw))


_parents: list[SqliteConnection] = []
"""Connections that a process has from before it was forked: never used, and never closed."""


def _taken(idle: dict[bool, list[SqliteConnection]]) -> list[SqliteConnection]:
    """All connections, which are in nobody's hands then."""
    found = [connection for connections in idle.values() for connection in connections]
    for connections in idle.values():
        connections.clear()
    return found


def _close_all(idle: dict[bool, list[SqliteConnection]]) -> None:
    """Of a database that nobody has any more, and when the program ends."""
    for connection in _taken(idle):
        connection.raw.close()


class _Beside(Transactions):
    """A file that is being made: one connection, no way back, and indexes when it is full."""

    def __init__(self, path: str) -> None:
        self._path = path
        raw = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-65536"):
            raw.execute(f"PRAGMA {setting}")
        _make_tables(raw, indexes=False)
        self._connection = SqliteConnection(raw)

    @contextlib.contextmanager
    def reading(self, time_limit_s: float | None = None, value_at: ValueAt | None = None) -> Iterator[Connection]:
        with self._connection.reading(time_limit_s, value_at):
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._connection.writing():
            yield self._connection

    def close(self) -> None:
        """Let go of the file."""
        self._connection.raw.close()

    def finish(self) -> None:
        """All rows are there."""
        _make_tables(self._connection.raw, indexes=True)
        self.close()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)  # nothing else keeps a loss of power from leaving a file with holes
        finally:
            os.close(descriptor)


def _make_tables(raw: sqlite3.Connection, *, indexes: bool) -> None:
    raw.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        raw.execute(definition(table, _TYPES, _ENDING))
        for statement in index_definitions(table) if indexes else ():
            raw.execute(statement)
    raw.execute("INSERT OR IGNORE INTO properties VALUES ('version', ?)", (CATALOG_VERSION,))
    raw.execute("COMMIT")


def _is_current(raw: sqlite3.Connection) -> bool:
    """Whether it has the tables of this version; an empty file, which somebody has just begun, is given them."""
    tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        _make_tables(raw, indexes=True)
        return True
    if not tables >= {table.name for table in TABLES}:
        return False
    return raw.execute("SELECT value FROM properties WHERE name = 'version'").fetchall() == [(CATALOG_VERSION,)]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _put(beside: str, path: str) -> bool:
    """Give a file its name, unless another has it."""
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    except OSError:
        if os.path.exists(path):
            return False
        os.rename(beside, path)  # this file system has no second names
    return True


def _make_directory(path: str) -> None:
    """The directory of a file."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    except OSError as error:
        raise NoRoom(f"the catalog {path!r} cannot be made: {error.strerror}") from error


def _remove(path: str) -> None:
    try:
        for suffix in SUFFIXES:
            if os.path.lexists(path + suffix):
                os.unlink(path + suffix)
    except OSError as error:
        raise NoRoom(f"the catalog {path!r} cannot be removed: {error.strerror}") from error


def _remove_abandoned(path: str) -> None:
    """Remove what a process began to make and did not finish."""
    directory, name = os.path.split(path)
    for entry in os.scandir(directory):
        if entry.name.startswith(name + _BESIDE) and time() - entry.stat().st_mtime > _ABANDONED_S:
            os.unlink(entry.path)


def _says(error: Exception, words: tuple[str, ...]) -> bool:
    return any(word in str(error) for word in words)
