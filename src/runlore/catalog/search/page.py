"""Execute a query: one page at a time, with a time limit, read-only, each run once while runs are being written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runlore.catalog.schema import runs
from runlore.catalog.search.front import fetch_front
from runlore.catalog.search.selection import OPEN, Selection, make_selection
from runlore.index.limits import check_time_limit
from runlore.query import cursor as cursors
from runlore.query.cursor import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.catalog.search.functions import QueryFunctions
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.query.values import Clock

MAX_LIVE = 2_000
"""Runs that may still change which a cursor can remember (29 characters each)."""

DEFAULT_TIME_LIMIT_S = 30.0

_OPEN_RUN = sa.select(runs.c.id).where(runs.c.state == OPEN).limit(1)


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which run: its row in the catalog, and its uid for ever."""

    id: int
    uid: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs of a query, in order.

    Attributes:
        runs: at most as many as the limit.
        next_cursor: give it to the next call; None when this was the last page.
    """

    runs: tuple[RunKey, ...]
    next_cursor: str | None


def fetch_page(
    connection: sa.Connection,
    query: str | Expression | None = None,
    order_by: OrderBy = None,
    limit: int | None = 100,
    cursor: str | None = None,
    *,
    experiment: str | Sequence[str] | None = None,
    include_deleted: bool = False,
    functions: QueryFunctions | None = None,
    clock: Clock | None = None,
    time_limit_s: float = DEFAULT_TIME_LIMIT_S,
    last: bool = False,
) -> Page:
    """One page of the runs that a query finds; arguments as of `select_runs`.

    With `last`, no further page will be asked for: there is no cursor, and no time is taken to make one.

    Paging to the end visits every run that matches all the while exactly once, also when sort keys of running runs
    change between two pages, for up to `MAX_LIVE` running runs. A run that was started after the first page is
    visited at most once. What was edited by hand in an *ended* run between two pages (its name, its tags) can move
    that run only in an order by what was edited. Within one page, and without a limit, the answer is one consistent
    snapshot. The catalog may be rebuilt between two pages.

    Raises:
        QuerySyntaxError, InvalidArgument: as `select_runs`.
        QueryTimeout: it took longer than `time_limit_s`.

    Example:
        >>> import sqlalchemy as sa
        >>> from runlore.catalog.schema import metadata
        >>> engine = sa.create_engine("sqlite://")
        >>> metadata.create_all(engine)
        >>> with engine.connect() as connection:
        ...     fetch_page(connection, "metrics.loss < 0.1", "-metrics.acc")
        Page(runs=(), next_cursor=None)
    """
    check_time_limit(time_limit_s)
    selection = make_selection(
        query,
        order_by,
        limit,
        cursor,
        experiment=experiment,
        include_deleted=include_deleted,
        functions=functions,
        clock=clock,
    )
    with selection.functions.session(connection, time_limit_s):
        return _fetch(connection, selection, last=last)


def iterate_pages(
    connection: sa.Connection, query: str | Expression | None = None, order_by: OrderBy = None, **options: Any
) -> Iterator[Page]:
    """All pages, one after the other; arguments as of `fetch_page`. Nothing stays open between two pages."""
    page = fetch_page(connection, query, order_by, **options)
    yield page
    while page.next_cursor is not None:
        page = fetch_page(connection, query, order_by, **{**options, "cursor": page.next_cursor})
        yield page


def _fetch(connection: sa.Connection, selection: Selection, *, last: bool) -> Page:
    extra = 0 if last else 1
    rows: Sequence[Any] | None = None
    if selection.limit is not None:
        rows = fetch_front(connection, selection, selection.limit + extra)
    if rows is None:
        rows = connection.execute(selection.statement(extra)).all()
    visited = rows if selection.limit is None else rows[: selection.limit]
    keys = tuple(RunKey(row[0], row[1]) for row in visited)
    if len(visited) == len(rows):
        return Page(keys, None)
    live = _live_before(connection, selection)
    return Page(keys, cursors.encode(_position(selection, live, visited), selection.belongs_to))


def _live_before(connection: sa.Connection, selection: Selection) -> frozenset[str]:
    """Runs whose sort key may change and that were not visited before this page, in the snapshot of the page."""
    if selection.order.fixed:
        return frozenset()
    if selection.position is not None:
        return selection.position.pending
    if connection.execute(_OPEN_RUN).first() is None:
        return frozenset()  # as in a store where nothing runs, and quicker to find out
    return frozenset(row.uid for row in connection.execute(selection.live(MAX_LIVE)))


def _position(selection: Selection, live: frozenset[str], visited: Sequence[Any]) -> Position:
    """Where the next page goes on: after the last run that was in its place, which a pending one need not be."""
    before = selection.position
    settled = [row for row in visited if row.uid not in live] if before is not None else visited
    if settled or before is None:
        types = [term.type for term in selection.order.terms]
        values = tuple(kind(value) for kind, value in zip(types, tuple(settled[-1])[3:], strict=True))
    else:
        values = before.values
    moved = frozenset(row.uid for row in visited if row.uid in live or row.state == OPEN)
    if selection.order.fixed:
        moved = frozenset()
    return Position(
        values,
        selection.clock.now_ns,
        pending=live - moved,
        seen=(before.seen if before is not None else frozenset()) | moved,
    )
