"""SQLite's words: its own operators, and three functions in Python for what it cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.catalog.database.base import Dialect
from runlore.catalog.database.sql import Sql, sql
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from runlore.catalog.database.base import ValueAt

CACHE_SIZE = 10_000
"""Results of functions that are kept during one transaction; of texts over 200 characters none is."""


class SqliteDialect(Dialect):
    """Regular expressions and values at a step are functions that a connection registers: see `Functions`."""

    def like(self, column: str, pattern: str) -> Sql:  # noqa: D102 - described by the contract
        from runlore.query.regex import like_parts

        shapes = {"any": "*", "one": "?"}
        parts = [shapes.get(kind) or (f"[{text}]" if text in "*?[" else text) for kind, text in like_parts(pattern)]
        return sql(f"{column} GLOB ?", "".join(parts))

    def ilike(self, column: str, pattern: str) -> Sql:  # noqa: D102
        from runlore.query.regex import like_parts, like_to_regex

        if not pattern.isascii():
            return self.matches(column, like_to_regex(pattern))
        shapes = {"any": "%", "one": "_"}
        parts = [shapes.get(kind) or (f"\\{text}" if text in "%_\\" else text) for kind, text in like_parts(pattern)]
        return sql(f"{column} LIKE ? ESCAPE '\\'", "".join(parts))

    def contains(self, column: str, text: str) -> Sql:  # noqa: D102
        return sql(f"instr({column}, ?) > 0", text)

    def matches(self, column: str, pattern: str) -> Sql:  # noqa: D102
        return sql(f"runlore_matches(?, {column}) = 1", pattern)

    def value_at(self, run_uid: str, key: str, step: float) -> tuple[Sql, Sql]:  # noqa: D102
        return (
            sql(f"runlore_value_at({run_uid}, ?, ?)", key, step),
            sql(f"runlore_has_at({run_uid}, ?, ?) = 1", key, step),
        )


def no_series(run_uid: str, key: str, step: float) -> float | None:
    """Where nobody can look into series."""
    raise InvalidArgument(f"at(metrics.{key}, {step:g}) of run {run_uid} needs the series; use an aggregate")


class Functions:
    """The functions of one connection, with what they found during a transaction.

    Attributes:
        value_at: looks a value up in a series. Called in the thread that executes the statement, once for each run,
            key and step. Its exceptions reach the caller of the query.
        failure: the exception that ended a statement.
    """

    def __init__(self) -> None:
        self.value_at: ValueAt = no_series
        self._values: dict[tuple[str, str, float], float | None] = {}
        self._found: dict[tuple[str, str], bool] = {}
        self.failure: BaseException | None = None

    def begin(self, value_at: ValueAt) -> None:
        """A transaction begins."""
        self.value_at = value_at
        self._values.clear()
        self._found.clear()
        self.failure = None

    def register(self, raw: sqlite3.Connection) -> None:
        """Make the functions known to a connection."""
        raw.create_function("runlore_matches", 2, self._guarded(self._matches), deterministic=True)
        raw.create_function("runlore_value_at", 3, self._guarded(self._lookup), deterministic=True)
        raw.create_function("runlore_has_at", 3, self._guarded(self._has), deterministic=True)

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """SQLite hides exceptions of functions: keep the first one, to raise it where the statement ends."""

        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except BaseException as error:
                self.failure = self.failure or error
                raise

        return call

    def _matches(self, pattern: str, text: str | None) -> int | None:
        if text is None:
            return None
        found = self._found.get((pattern, text))
        if found is None:
            from runlore.query.regex import compile_pattern

            found = compile_pattern(pattern).search(text) is not None
            if len(self._found) < CACHE_SIZE and len(text) <= 200:
                self._found[pattern, text] = found
        return int(found)

    def _lookup(self, run_uid: str, key: str, step: float) -> float | None:
        place = (run_uid, key, step)
        if place not in self._values:
            if len(self._values) >= CACHE_SIZE:
                self._values.clear()
            self._values[place] = self.value_at(run_uid, key, step)
        return self._values[place]

    def _has(self, run_uid: str, key: str, step: float) -> int:
        return int(self._lookup(run_uid, key, step) is not None)
