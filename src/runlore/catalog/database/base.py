"""The contract of a catalog's database: transactions, statements, and what its SQL cannot say like that of the others.

One text of SQL serves all of them: values are `?`, a list is `IN ??`, and what differs comes from the `Dialect`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from runlore.catalog.database.sql import Sql
    from runlore.catalog.database.tables import Table

    ValueAt: TypeAlias = Callable[[str, str, float], float | None]
    """`value_at(run uid, key, step)`: the last value logged at exactly this step (it may be NaN), or None."""

    Row: TypeAlias = tuple[Any, ...]


class Dialect(ABC):
    """How one kind of database says what SQL has no common words for. Every value that comes in stays a value.

    `None` for an answer: the database cannot tell; it is decided in Python.
    """

    @abstractmethod
    def like(self, column: str, pattern: str) -> Sql:
        """SQL's LIKE, minding case; a backslash escapes."""

    @abstractmethod
    def ilike(self, column: str, pattern: str) -> Sql | None:
        """LIKE without regard to case, in every script."""

    @abstractmethod
    def contains(self, column: str, text: str) -> Sql:
        """The column has this text in it, minding case."""

    @abstractmethod
    def matches(self, column: str, pattern: str) -> Sql | None:
        """The regular expression is found in the column."""

    @abstractmethod
    def value_at(self, run_uid: str, key: str, step: float) -> tuple[Sql, Sql] | None:
        """The value of a series at a step (NULL for NaN), and whether there is one."""


class Connection(ABC):
    """One transaction. Statements are texts of this package, or pieces of SQL; never what somebody wrote.

    Attributes:
        dialect: what its SQL has of its own.
        value_at: looks values up in series.
    """

    dialect: Dialect
    value_at: ValueAt

    @abstractmethod
    def rows(self, statement: str | Sql, *values: Any) -> list[Row]:
        """All rows that a statement finds."""

    @abstractmethod
    def stream(self, statement: Sql) -> Iterator[Row]:
        """The rows that a statement finds, one after the other, for those who may not want all of them."""

    @abstractmethod
    def check_time(self) -> None:
        """To be called by whoever works on rows in Python, now and then.

        Raises:
            QueryTimeout: the time of the transaction is up.
        """

    @abstractmethod
    def run(self, statement: str, *values: Any) -> None:
        """Execute a statement for what it does."""

    @abstractmethod
    def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement with one row of values after the other."""

    @abstractmethod
    def insert(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, each with a value for every column of the table."""


class Transactions(ABC):
    """Something that can be read and written."""

    @abstractmethod
    def reading(
        self, time_limit_s: float | None = None, value_at: ValueAt | None = None
    ) -> AbstractContextManager[Connection]:
        """A transaction that can only read, and sees what is there at its first statement.

        Args:
            time_limit_s: how long it may take; None: as long as it takes.
            value_at: looks values up in series, for queries that ask for them.

        Raises:
            QueryTimeout: the time is up.
        """

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that can write; one after the other, in all processes."""


class Database(Transactions):
    """Where a catalog is kept. Threads may share it; after `fork`, the child's connections are its own.

    Attributes:
        address: which one it is, for messages: a path or an address without a password.
    """

    address: str

    @abstractmethod
    def is_there(self) -> bool:
        """Whether there is a catalog of this version, empty or not. One of another version is removed."""

    @abstractmethod
    def build(self, fill: Callable[[Transactions], None]) -> bool:
        """Make a catalog that was not there, all at once: what is filled then takes its place.

        Returns:
            Whether it did. Another process may have been faster, or there may be no way to do it at once.
        """

    @abstractmethod
    def recover(self, error: Exception) -> bool:
        """Make ready for another attempt after an error; False where nothing can be done about it."""

    @abstractmethod
    def discard(self) -> None:
        """Remove the catalog. Readers that have it open finish with what they see."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. They are opened again with the next use."""

    @abstractmethod
    def after_fork(self) -> None:
        """In a child: its parent's connections are not for it, not even to close them."""


def definition(table: Table, types: dict[str, str], ending: dict[str, str]) -> str:
    """The statement that makes a table, unless it is there.

    Args:
        table: which one.
        types: of columns, by the constants of `runlore.catalog.tables`.
        ending: what stands at the end of a table whose key is that of rows (`rows`) or of anything else (`keyed`).
    """
    columns = [
        f"{column.name} {types[column.type]}{'' if column.nullable or column.type == 'id' else ' NOT NULL'}"
        for column in table.columns
    ]
    has_id = table.columns[0].type == "id"
    key = [] if has_id else [f"PRIMARY KEY ({', '.join(table.key)})"]
    end = ending["rows" if has_id else "keyed"]
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join([*columns, *key])}){end}"


def index_definitions(table: Table) -> list[str]:
    """The statements that make a table's indexes, unless they are there."""
    return [
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX IF NOT EXISTS {index.name} ON {table.name} "
        f"({', '.join(index.columns)}){f' WHERE {index.where} IS NOT NULL' if index.where else ''}"
        for index in table.indexes
    ]
