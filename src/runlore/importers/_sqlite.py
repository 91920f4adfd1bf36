"""SQLite databases of other trackers: opened for reading alone, and not trusted.

A tracker may be writing meanwhile: one transaction sees one state. Nothing is written beside the database but what
SQLite itself needs to read one that is in use (its `-shm`); one in a place that cannot be written to is read as it
lies.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runlore.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY_S = 30.0


@contextmanager
def read_database(path: str) -> Iterator[sqlite3.Connection]:
    """A connection within one transaction. Columns of text that is no UTF-8 come with replacement characters.

    Raises:
        DamagedFile: it is no database, damaged, or lacks a table. Raised where the block reads it.
    """
    try:
        with closing(_connect(path)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise DamagedFile(f"{path!r} cannot be read on: {error}") from error


def _connect(path: str) -> sqlite3.Connection:
    mode = "mode=ro" if os.access(os.path.dirname(os.path.abspath(path)), os.W_OK) else "immutable=1"
    return sqlite3.connect(f"file:{quote(os.path.abspath(path))}?{mode}", uri=True, timeout=_BUSY_S)


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table; none where there is no such table."""
    rows: list[Any] = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    return {row[0] for row in rows}
