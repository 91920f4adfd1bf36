"""Execute a query: one page at a time, each run once while runs are being written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from runlore.catalog.database.sql import Sql, all_of, join
from runlore.catalog.database.tables import OPEN
from runlore.catalog.search.filters import compile_filter
from runlore.catalog.search.front import fetch_front
from runlore.catalog.search.selection import IS_OPEN, SETTLED, Selection, make_selection
from runlore.query import cursor as cursors
from runlore.query.cursor import Position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.database.base import Connection, Row
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.query.values import Clock

MAX_LIVE = 2_000
"""Runs that may still change which a cursor can remember (29 characters each)."""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some runs of a query, in order.

    Attributes:
        ids: their rows; at most as many as the limit.
        next_cursor: give it to the next call; None when this was the last page.
    """

    ids: tuple[int, ...]
    next_cursor: str | None


def fetch_page(
    connection: Connection,
    query: str | Expression | None = None,
    order_by: OrderBy = None,
    limit: int | None = 100,
    cursor: str | None = None,
    *,
    experiment: str | Sequence[str] | None = None,
    include_deleted: bool = False,
    clock: Clock | None = None,
    last: bool = False,
) -> FoundPage:
    """One page of the runs that a query finds; arguments as of `runlore.index.Index.page`.

    Paging to the end visits every run that matches all the while exactly once, also when sort keys of running runs
    change between two pages, for up to `MAX_LIVE` running runs. A run that was started after the first page is
    visited at most once. What was edited by hand in an *ended* run between two pages (its name, its tags) can move
    that run only in an order by what was edited. Within one page, and without a limit, the answer is one consistent
    snapshot. The catalog may be rebuilt between two pages.

    Raises:
        QuerySyntaxError, InvalidArgument, WrongType: what is wanted cannot be understood.
        QueryTimeout: the connection's time is up.
    """
    selection = make_selection(
        connection, query, order_by, limit, cursor,
        experiment=experiment, include_deleted=include_deleted, clock=clock,
    )  # fmt: skip
    search = _Search(connection, selection)
    rows = search.rows(0 if last else 1)
    visited = rows if limit is None else rows[:limit]
    ids = tuple(row[0] for row in visited)
    if len(visited) == len(rows):
        return FoundPage(ids, None)
    position = _position(selection, search.live_before(), visited)
    return FoundPage(ids, cursors.encode(position, selection.belongs_to))


class _Search:
    """One page. Rows are (id, uid, state, sort values)."""

    def __init__(self, connection: Connection, selection: Selection) -> None:
        self._connection = connection
        self._selection = selection
        self._filter = selection.filter
        self._open: list[Row] | None = None
        """Runs that are open and that the query finds, where Python decides that."""

    def rows(self, extra: int) -> list[Row]:
        """The first rows, `extra` more than the limit if there are."""
        selection = self._selection
        wanted = None if selection.limit is None else selection.limit + extra
        rows = self._searched(wanted)
        if not selection.asks_facts:
            return rows
        self._open = self._decided(self._may_be_open())
        return self._in_order([*rows, *self._open], wanted) if self._open else rows

    def live_before(self) -> frozenset[str]:
        """Runs whose sort key may change and that were not visited before this page, in the snapshot of the page."""
        selection = self._selection
        if selection.order.fixed:
            return frozenset()
        if selection.position is not None:
            return selection.position.pending
        if self._open is None and self._filter.decides:
            return frozenset(uid for (uid,) in self._connection.rows(selection.live(MAX_LIVE)))
        found = self._decided(self._may_be_open()) if self._open is None else self._open
        return frozenset(sorted((row[1] for row in found), reverse=True)[:MAX_LIVE])

    def _searched(self, wanted: int | None) -> list[Row]:
        """What can be searched: found and sorted by SQL; where it cannot tell, Python is asked until it is full."""
        selection, condition = self._selection, self._filter.condition
        if not selection.order.decides:
            return self._in_order(self._decided(all_of(SETTLED, condition)), wanted)
        if self._filter.decides:
            rows = None if wanted is None else fetch_front(self._connection, selection, wanted)
            return self._connection.rows(selection.page(condition, wanted)) if rows is None else rows
        from runlore.catalog.search.undecided import Decider

        decider = Decider(self._connection, selection)
        candidates = self._connection.stream(selection.page(condition, None, decider.columns, decider.joined))
        found = decider.found(candidates, 3 + len(selection.order.terms))
        return [row for row, _ in islice(found, wanted)]

    def _may_be_open(self) -> Sql:
        """Runs that are open and of which the query may hold, as far as their attributes say."""
        selection = self._selection
        narrowed = compile_filter(selection.tree, selection.dialect, selection.clock, few=True, facts=False)
        return all_of(IS_OPEN, narrowed.condition)

    def _decided(self, condition: Sql) -> list[Row]:
        """What Python finds among the runs of a condition, from the position on, in no order."""
        from runlore.catalog.search.undecided import Decider, is_onward, sort_values

        selection = self._selection
        decider = Decider(self._connection, selection)
        template = f"SELECT runs.id, runs.uid, runs.state, {decider.columns} FROM runs {decider.joined} WHERE {{}}"
        rows = self._connection.stream(join(template, all_of(condition, selection.scope)))
        terms = selection.order.terms
        found = ((*row, *sort_values(terms, subject)) for row, subject in decider.found(rows, 3))
        return [row for row in found if is_onward(row, terms, selection.position)]

    def _in_order(self, rows: list[Row], wanted: int | None) -> list[Row]:
        """The first of these rows."""
        for place, term in reversed(list(enumerate(self._selection.order.terms, start=3))):
            rows.sort(key=itemgetter(place), reverse=term.descending)
        return rows[:wanted]


def _position(selection: Selection, live: frozenset[str], visited: Sequence[Row]) -> Position:
    """Where the next page goes on: after the last run that was in its place, which a pending one need not be."""
    before = selection.position
    settled = [row for row in visited if row[1] not in live] if before is not None else visited
    if settled or before is None:
        types = [term.type for term in selection.order.terms]
        values = tuple(kind(value) for kind, value in zip(types, settled[-1][3:], strict=True))
    else:
        values = before.values
    moved = frozenset(uid for _, uid, state, *_ in visited if uid in live or state == OPEN)
    if selection.order.fixed:
        moved = frozenset()
    return Position(
        values,
        selection.clock.now_ns,
        pending=live - moved,
        seen=(before.seen if before is not None else frozenset()) | moved,
    )
