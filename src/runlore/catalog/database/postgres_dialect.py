"""PostgreSQL's words. It has no regular expressions of ours and cannot look into series: Python decides those."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.catalog.database.base import Dialect
from runlore.catalog.database.sql import sql

if TYPE_CHECKING:
    from runlore.catalog.database.sql import Sql


class PostgresDialect(Dialect):
    """Texts are compared by their bytes: all columns are of the collation "C"."""

    def like(self, column: str, pattern: str) -> Sql:  # noqa: D102 - described by the contract
        return sql(f"{column} LIKE ? ESCAPE '\\'", _escaped(pattern))

    def ilike(self, column: str, pattern: str) -> Sql | None:  # noqa: D102
        return sql(f"{column} ILIKE ? ESCAPE '\\'", _escaped(pattern)) if pattern.isascii() else None

    def contains(self, column: str, text: str) -> Sql:  # noqa: D102
        return sql(f"strpos({column}, ?) > 0", text)

    def matches(self, column: str, pattern: str) -> None:  # noqa: ARG002, D102
        return None

    def value_at(self, run_uid: str, key: str, step: float) -> None:  # noqa: ARG002, D102
        return None


def _escaped(pattern: str) -> str:
    """The pattern with a backslash only where it takes a meaning away; a last lone one is itself."""
    from runlore.query.regex import like_parts

    shapes = {"any": "%", "one": "_"}
    parts = [shapes.get(kind) or (f"\\{text}" if text in "%_\\" else text) for kind, text in like_parts(pattern)]
    return "".join(parts)
