"""The first page from the front of an index, where that is quicker than to sort all runs that match.

The statement of a selection lists the runs that match, sorts them and keeps a page: the more match, the longer it
takes. An index that has them in the order of the first key can be walked from its front until the page is full, trying
one run after the other: the more match, the sooner it is. Nobody knows beforehand how far that is. So the walk may take
a quarter of the steps of the list, is begun only if a page is to be expected within them, and where it did not fill
the page, the list is made after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.catalog.database.sql import Sql, join, sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.database.base import Connection, Row
    from runlore.catalog.search.order import Front
    from runlore.catalog.search.selection import Selection

_CONDITIONS = 4
"""Conditions whose matches are counted,"""

_MANY = 20_000
"""up to here."""

_SHARE = 4
"""The walk may take one step where the list takes so many."""


def fetch_front(connection: Connection, selection: Selection, count: int) -> list[Row] | None:
    """The first `count` rows of a selection's statement, where an index finds them quickly; else None."""
    front = selection.order.front
    if front is None or selection.position is not None:
        return None
    if front.source == "runs" and not selection.listings:
        return None  # the database walks that index by itself
    counts = [_TOTAL, *map(_count, selection.listings[:_CONDITIONS])]
    ((total, *found),) = connection.rows(join(f"SELECT {', '.join(['{}'] * len(counts))}", *counts))
    listed = min([total, *found])
    reach = listed // _SHARE
    if reach * listed < count * total:
        return None
    last = connection.rows(_value_at(front, reach))
    if not last:
        return None
    rows = connection.rows(selection.near_front(front, last[0][0], count))
    return rows if len(rows) == count else None


_TOTAL = sql("(SELECT coalesce(max(runs.id), 0) FROM runs)")


def _value_at(front: Front, reach: int) -> Sql:
    """The value of the index that many steps behind its front."""
    column = front.term.expression.text
    direction = "DESC" if front.term.descending else "ASC"
    found = join(f"SELECT {column} FROM {front.source} WHERE {{}} AND {column} IS NOT NULL", front.rows)
    return Sql(f"{found.text} ORDER BY {column} {direction} LIMIT 1 OFFSET ?", (*found.values, reach))


def _count(parts: Sequence[Sql]) -> Sql:
    """How many runs a condition holds for, up to `_MANY` a part."""
    counts = [join(f"(SELECT count(*) FROM ({{}} LIMIT {_MANY}) AS part)", part) for part in parts]
    return join(" + ".join(["{}"] * len(counts)), *counts)
