"""What differs between databases, and what SQL cannot do by itself, behind one small interface.

`QueryFunctions` turns pieces of a query into SQL expressions for one kind of database. `SqliteFunctions` does it with
SQLite's own operators and two functions written in Python, registered on the connection; a class for PostgreSQL would
use its operators and a lateral query over its series.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from runlore.errors import InvalidArgument, QueryTimeout
from runlore.query.regex import compile_pattern, like_parts, like_to_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    ValueAt: TypeAlias = "Callable[[str, str, float], float | None]"
    """`value_at(run_uid, key, step)`: the last value logged at exactly this step (it may be NaN), or None."""

Text: TypeAlias = "sa.ColumnElement[Any]"
Truth: TypeAlias = "sa.ColumnElement[bool]"


class QueryFunctions(ABC):
    """One kind of database, to the compiler. Every value that comes in leaves as a bound parameter."""

    @abstractmethod
    def like(self, column: Text, pattern: str) -> Truth:
        """SQL's LIKE, minding case; a backslash escapes."""

    @abstractmethod
    def ilike(self, column: Text, pattern: str) -> Truth:
        """LIKE without regard to case, in every script."""

    @abstractmethod
    def contains(self, column: Text, text: str) -> Truth:
        """The column has this text in it, minding case."""

    @abstractmethod
    def matches(self, column: Text, pattern: str) -> Truth:
        """The regular expression is found in the column."""

    @abstractmethod
    def begins(self, column: Text, prefix: str) -> Truth:
        """The column begins with the prefix, which ends in `/`; an index on the column is used."""

    @abstractmethod
    def binary(self, column: Text) -> Text:
        """The column with an order by code point."""

    @abstractmethod
    def value_at(self, run_uid: Text, key: str, step: float) -> tuple[sa.ColumnElement[float], Truth]:
        """The value of a series at a step (NULL for NaN), and whether there is one.

        Raises:
            InvalidArgument: this reader cannot look into series.
        """

    @abstractmethod
    def session(self, connection: sa.Connection, time_limit_s: float) -> contextlib.AbstractContextManager[None]:
        """While it lasts, statements on the connection see one snapshot, may only read, and end after the time limit.

        Raises:
            QueryTimeout: the time is up.
        """


class SqliteFunctions(QueryFunctions):
    """For SQLite catalogs.

    Args:
        value_at: looks a value up in a series, for `at(metrics.key, step)`. Called in the thread that executes the
            statement, once for each run, key and step of a statement. Its exceptions reach the caller of the query.

    Not safe to share between threads that execute at the same time: make one for each reader.

    Example:
        >>> functions = SqliteFunctions(value_at=lambda run_uid, key, step: 0.5 if step == 10 else None)
    """

    CACHE_SIZE = 10_000
    """Results kept during one session; texts of over 200 characters are not."""

    def __init__(self, value_at: ValueAt | None = None) -> None:
        self._value_at = value_at
        self._values: dict[tuple[str, str, float], float | None] = {}
        self._found: dict[tuple[str, str], bool] = {}
        self._failure: BaseException | None = None

    def like(self, column: Text, pattern: str) -> Truth:  # noqa: D102 - described by the interface
        shapes = {"any": "*", "one": "?"}
        parts = [shapes.get(kind) or (f"[{text}]" if text in "*?[" else text) for kind, text in like_parts(pattern)]
        return column.op("GLOB", is_comparison=True)("".join(parts))

    def ilike(self, column: Text, pattern: str) -> Truth:  # noqa: D102
        if not pattern.isascii():
            return self.matches(column, like_to_regex(pattern))
        shapes = {"any": "%", "one": "_"}
        parts = [shapes.get(kind) or (f"\\{text}" if text in "%_\\" else text) for kind, text in like_parts(pattern)]
        return column.like("".join(parts), escape="\\")

    def contains(self, column: Text, text: str) -> Truth:  # noqa: D102
        return sa.func.instr(column, text) > 0

    def matches(self, column: Text, pattern: str) -> Truth:  # noqa: D102
        return sa.func.runlore_matches(pattern, column, type_=sa.Integer()) == 1

    def begins(self, column: Text, prefix: str) -> Truth:  # noqa: D102
        return sa.and_(column >= prefix, column < prefix[:-1] + "0")

    def binary(self, column: Text) -> Text:  # noqa: D102
        return column

    def value_at(self, run_uid: Text, key: str, step: float) -> tuple[sa.ColumnElement[float], Truth]:  # noqa: D102
        if self._value_at is None:
            raise InvalidArgument("at(…) needs the series, which this reader does not have; use an aggregate")
        value = sa.func.runlore_value_at(run_uid, key, step, type_=sa.Float())
        return value, sa.func.runlore_has_at(run_uid, key, step, type_=sa.Integer()) == 1

    @contextlib.contextmanager
    def session(self, connection: sa.Connection, time_limit_s: float) -> Iterator[None]:  # noqa: D102
        raw = connection.connection.driver_connection
        if not isinstance(raw, sqlite3.Connection):
            raise InvalidArgument(f"SqliteFunctions were given a connection to {connection.dialect.name}")
        deadline = time.monotonic() + time_limit_s
        self._forget()
        if connection.info.get(_REGISTERED) is not self:
            self._register(raw)
            connection.info[_REGISTERED] = self
        raw.set_progress_handler(lambda: int(time.monotonic() > deadline), 2_000)
        raw.set_authorizer(_authorize)
        begun = not raw.in_transaction
        try:
            if begun:
                raw.execute("BEGIN")
            yield
        except sa.exc.OperationalError as error:
            if self._failure is not None:
                raise self._failure from error
            if "interrupt" in str(error.orig):
                raise QueryTimeout(
                    f"the query was ended after {time_limit_s:g} s; nothing is lost. Narrow it, or raise the time limit"
                ) from error
            raise
        finally:
            raw.set_progress_handler(None, 0)
            if begun and raw.in_transaction:
                raw.execute("ROLLBACK")
            raw.set_authorizer(_allow)
            self._forget()

    def _forget(self) -> None:
        self._values.clear()
        self._found.clear()
        self._failure = None

    def _register(self, raw: sqlite3.Connection) -> None:
        raw.create_function("runlore_matches", 2, self._guarded(self._matches), deterministic=True)
        raw.create_function("runlore_value_at", 3, self._guarded(self._lookup), deterministic=True)
        raw.create_function("runlore_has_at", 3, self._guarded(self._has), deterministic=True)

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """SQLite hides exceptions of functions: keep the first one, to raise it where the statement ends."""

        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except BaseException as error:
                self._failure = self._failure or error
                raise

        return call

    def _matches(self, pattern: str, text: str | None) -> int | None:
        if text is None:
            return None
        found = self._found.get((pattern, text))
        if found is None:
            found = compile_pattern(pattern).search(text) is not None
            if len(self._found) < self.CACHE_SIZE and len(text) <= 200:
                self._found[pattern, text] = found
        return int(found)

    def _lookup(self, run_uid: str, key: str, step: float) -> float | None:
        place = (run_uid, key, step)
        if place not in self._values:
            if len(self._values) >= self.CACHE_SIZE:
                self._values.clear()
            assert self._value_at is not None  # noqa: S101 - value_at() refuses to make the SQL that would come here
            self._values[place] = self._value_at(run_uid, key, step)
        return self._values[place]

    def _has(self, run_uid: str, key: str, step: float) -> int:
        return int(self._lookup(run_uid, key, step) is not None)


_REGISTERED = "runlore_query_functions"
_READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)


def _authorize(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _allow(*_: object) -> int:
    return sqlite3.SQLITE_OK
