"""The catalog's database: where it is, how it is opened, and when it is thrown away and begun anew."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from operator import itemgetter
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from runlore.catalog import schema
from runlore.config import lasting_cache_directory
from runlore.errors import DamagedFile, NotStored
from runlore.files import refuse_others
from runlore.journal import liveness
from runlore.names import encode
from runlore.notices import say_once
from runlore.scratch import scratch_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Table

    from runlore.store import DirectoryStore

_BUSY_SECONDS = 30
_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""Of the files that a database consists of."""
_NO_ROOM = ("disk is full", "readonly database", "unable to open database file", "disk I/O error")
_UNREADABLE = ("malformed", "not a database", "disk image", "no such table", "no such column", "has no column")


def places(store: DirectoryStore) -> Iterator[str]:
    """Files that the store's catalog can be, the best one first.

    In the store; where that is read-only, on a mount whose locks cannot be trusted, or something else is in the way, in
    the user's cache directory; else in one that goes when the process ends, which is said.

    Raises:
        NotStored: nothing at all can be written to.
    """
    own = os.path.join(store.root, "catalog.sqlite")
    lasting = lasting_cache_directory()
    if os.access(store.root, os.W_OK) and not _is_read_only(store.root) and liveness.trusts_locks(store.root):
        problem = _obstacle(own)
        if problem is None:
            yield own
        else:
            say_once(f"{problem}; the catalog of this store is kept elsewhere until that is removed")
    if lasting is not None:
        cache = _place_in(lasting, store)
        if _obstacle(cache) is None:
            yield cache
    last = _place_in(scratch_directory(), store)
    said = "no directory for it is known" if lasting is None else f"{lasting} cannot be written to"
    say_once(
        f"the catalog of the store {store.root} cannot be kept in it, and {said}: it is made anew by each process. "
        "Name a directory for it with RUNLORE_CACHE"
    )
    yield last


def _place_in(directory: str, store: DirectoryStore) -> str:
    identity = hashlib.sha256(os.path.realpath(store.root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    name = encode(os.path.basename(os.path.dirname(store.root)) or "store")
    return os.path.join(directory, "catalogs", f"{name}-{identity}.sqlite")


def _obstacle(path: str) -> str | None:
    """What is in the place of one of the catalog's files and is no file, in words; SQLite would follow or await it."""
    for suffix in _SUFFIXES:
        try:
            refuse_others(path + suffix)
        except DamagedFile as error:  # noqa: PERF203 - it ends the loop
            return str(error).partition(". ")[0]
    return None


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


class NoRoom(NotStored):
    """The catalog cannot be kept where it was to be."""


def open_database(path: str) -> Engine:
    """An engine on the catalog at this path, which has the tables of this version when this returns.

    A catalog of another version, or one that cannot be read, is removed and begun anew: all of it is derived.

    Raises:
        NoRoom: it cannot be made there.
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    except OSError as error:
        raise NoRoom(f"the catalog {path!r} cannot be made: {error.strerror}") from error
    engine = _engine(path)
    try:
        if _is_empty(engine):
            _create(engine)
        if _is_current(engine):
            return engine
    except DatabaseError as error:
        if isinstance(error, OperationalError) and not any(word in str(error) for word in _UNREADABLE):
            raise
    engine.dispose()
    discard(path)
    engine = _engine(path)
    _create(engine)
    return engine


def discard(path: str) -> None:
    """Remove a catalog. Readers that have it open finish with what they see.

    Raises:
        NoRoom: it cannot be removed.
    """
    try:
        for suffix in _SUFFIXES:
            if os.path.lexists(path + suffix):
                os.unlink(path + suffix)
    except OSError as error:
        raise NoRoom(f"the catalog {path!r} cannot be removed: {error.strerror}") from error


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each with a value for every column, by the driver itself: SQLAlchemy takes as long for many."""
    statement = table.insert().compile(dialect=connection.dialect)
    in_order = itemgetter(*(statement.positiontup or ()))
    connection.exec_driver_sql(str(statement), [in_order(row) for row in rows])


def sql_text(text: Any) -> str | None:
    """Text as SQL can hold it: lone surrogates as escapes. The exact text is where it was read."""
    return None if text is None else str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def is_unreadable(error: BaseException) -> bool:
    """Whether the error says that the database is damaged or of another shape, and should be begun anew."""
    return isinstance(error, DatabaseError) and any(word in str(error) for word in _UNREADABLE)


def has_no_room(error: BaseException) -> bool:
    """Whether the error says that the database cannot be written where it is."""
    return isinstance(error, NoRoom) or (
        isinstance(error, DatabaseError) and any(word in str(error) for word in _NO_ROOM)
    )


def _engine(path: str) -> Engine:
    # not by a URL: whatever a path consists of, it is no part of one
    engine = create_engine(
        "sqlite://",
        poolclass=QueuePool,
        creator=lambda: sqlite3.connect(os.fsencode(path), timeout=_BUSY_SECONDS, check_same_thread=False),
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun here, not by the driver
        _use_wal(connection)
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "cache_size=-32768"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        kind = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, and try again where SQLite refuses without waiting: several connections switch a new file."""
    until = monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return  # noqa: TRY300 - it is what the loop waits for
        except sqlite3.OperationalError as error:  # noqa: PERF203 - a second attempt is the point of the loop
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(0.005)


def _is_empty(engine: Engine) -> bool:
    with engine.connect() as connection:
        return not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()


def _is_current(engine: Engine) -> bool:
    with engine.connect() as connection:
        tables = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables >= set(schema.metadata.tables):
            return False
        version = select(schema.properties.c.value).where(schema.properties.c.name == "version")
        return connection.execute(version).scalar() == str(schema.VERSION)


def _create(engine: Engine) -> None:
    with engine.connect().execution_options(begin="IMMEDIATE") as connection, connection.begin():
        schema.metadata.create_all(connection)
        known = connection.execute(
            select(schema.properties.c.name).where(schema.properties.c.name == "version")
        ).first()
        if known is None:
            connection.execute(schema.properties.insert(), {"name": "version", "value": str(schema.VERSION)})
