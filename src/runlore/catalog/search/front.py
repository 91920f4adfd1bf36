"""The first page from the front of an index, where that is quicker than to sort all runs that match.

The statement of a selection lists the runs that match, sorts them and keeps a page: the more match, the longer it
takes. An index that has them in the order of the first key can be walked from its front until the page is full, trying
one run after the other: the more match, the sooner it is. Nobody knows beforehand how far that is. So the walk may take
a quarter of the steps of the list, is begun only if a page is to be expected within them, and where it did not fill
the page, the list is made after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runlore.catalog.schema import runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.search.selection import Selection

_CONDITIONS = 4
"""Conditions whose matches are counted,"""

_MANY = 20_000
"""up to here."""

_SHARE = 4
"""The walk may take one step where the list takes so many."""


def fetch_front(connection: sa.Connection, selection: Selection, count: int) -> Sequence[sa.Row[Any]] | None:
    """The first `count` rows of a selection's statement, where an index finds them quickly; else None."""
    front = selection.order.front
    if front is None or selection.position is not None:
        return None
    if front.term.expression is runs.c.started_ns and not selection.listings:
        return None  # the database walks that index by itself
    counts = map(_count, selection.listings[:_CONDITIONS])
    total, *found = connection.execute(sa.select(_TOTAL, *counts)).one()
    listed = min([total, *found])
    reach = listed // _SHARE
    if reach * listed < count * total:
        return None
    last = connection.execute(front.values.order_by(front.term.ordered()).limit(1).offset(reach)).scalar()
    if last is None:
        return None
    rows = connection.execute(selection.near_front(front, last, count)).all()
    return rows if len(rows) == count else None


_ONE: sa.ColumnElement[int] = sa.literal_column("1")
_TOTAL = sa.func.coalesce(sa.select(sa.func.max(runs.c.id)).scalar_subquery(), 0)


def _count(parts: list[sa.Select[Any]]) -> sa.ColumnElement[int]:
    """How many runs a condition holds for, up to `_MANY` a part."""
    found = [part.with_only_columns(_ONE).limit(_MANY).subquery() for part in parts]
    counts = [sa.select(sa.func.count()).select_from(part).scalar_subquery() for part in found]
    return sum(counts[1:], start=counts[0])
