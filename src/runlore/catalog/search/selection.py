"""Select runs: a filter, an order, a scope and a position, as one SQL statement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from runlore.catalog.schema import runs
from runlore.catalog.search.experiments import experiment_condition
from runlore.catalog.search.filters import compile_filter, compile_listings
from runlore.catalog.search.functions import QueryFunctions, SqliteFunctions
from runlore.catalog.search.order import Front, Order, SortTerm, compile_order
from runlore.index.limits import check_limit
from runlore.query import cursor as cursors
from runlore.query.checks import check_expression
from runlore.query.expression import Expression, uses_attribute
from runlore.query.parser import parse
from runlore.query.values import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.query.cursor import Position
    from runlore.query.ordering import OrderBy

OPEN = "open"
"""`runs.state` of a run that may still change."""

_TYPES: dict[type, sa.types.TypeEngine[Any]] = {int: sa.BigInteger(), float: sa.Float(), str: sa.Text()}

Truth: TypeAlias = "sa.ColumnElement[bool]"


@dataclass(frozen=True, slots=True)
class Selection:
    """A query that was read and checked, ready to become SQL.

    Attributes:
        tree: the filter.
        scope: conditions over `runs` beside it: experiments, and no deleted runs unless they were asked for.
        listings: for each condition that an index serves, the ids of the runs for which it holds, in parts.
        order: how runs are sorted.
        position: where the last page ended, or None.
        clock: what `now` is, the same on all pages.
        belongs_to: fingerprint that cursors of this query carry.
        functions: of the database.
        limit: runs in a page, or None for all.
    """

    tree: Expression
    scope: tuple[Truth, ...]
    listings: list[list[sa.Select[Any]]]
    order: Order
    position: Position | None
    clock: Clock
    belongs_to: bytes
    functions: QueryFunctions
    limit: int | None

    def statement(self, extra: int = 0) -> sa.Select[Any]:
        """The page: columns `id`, `uid`, `state` and `sort_0` … ; `extra` more runs than the limit, to look ahead."""
        terms = self.order.terms
        chosen = self._columns().where(compile_filter(self.tree, self.functions, clock=self.clock), *self.scope)
        if self.position is not None:
            chosen = chosen.where(_onward(terms, self.position))
        chosen = chosen.order_by(*(term.ordered() for term in terms))
        return chosen if self.limit is None else chosen.limit(self.limit + extra)

    def near_front(self, front: Front, last: float | str, count: int) -> sa.Select[Any]:
        """The first `count` runs, with the columns of the page, of those up to the value `last` in an index.

        Conditions are tried on one run after the other. No index of theirs is to be used: it has another order.
        """
        column, bound = front.term.expression, sa.literal(last, _TYPES[front.term.type])
        tried = compile_filter(self.tree, self.functions, clock=self.clock, few=True)
        scope = (Grouping(condition).is_(sa.true()) for condition in self.scope)
        chosen = self._columns().where(column >= bound if front.term.descending else column <= bound, tried, *scope)
        return chosen.order_by(*(term.ordered() for term in (front.term, *front.rest))).limit(count)

    def _columns(self) -> sa.Select[Any]:
        sort = [term.expression.label(f"sort_{index}") for index, term in enumerate(self.order.terms)]
        return sa.select(runs.c.id, runs.c.uid, runs.c.state, *sort).select_from(self.order.source)

    def live(self, at_most: int) -> sa.Select[tuple[str]]:
        """Uids of runs that the query finds and that may still change, the newest first."""
        found = compile_filter(self.tree, self.functions, clock=self.clock, few=True)
        chosen = sa.select(runs.c.uid).where(runs.c.state == OPEN, found, *self.scope)
        return chosen.order_by(runs.c.uid.desc()).limit(at_most)


def select_runs(
    query: str | Expression | None = None,
    order_by: OrderBy = None,
    limit: int | None = None,
    cursor: str | None = None,
    *,
    experiment: str | Sequence[str] | None = None,
    include_deleted: bool = False,
    functions: QueryFunctions | None = None,
    clock: Clock | None = None,
) -> sa.Select[Any]:
    """The runs that a query finds, in order, as a statement with the columns `id`, `uid`, `state`, `sort_0` ….

    Execute it within `functions.session(connection, time_limit_s)`; `fetch_page` does, and makes cursors.

    Args:
        query: text or tree; None finds every run.
        order_by: as `"-metrics.acc, started"`; the newest first unless given.
        limit: at most so many runs.
        cursor: of the page before, from `fetch_page` with the same query, order and experiments.
        experiment: name, glob (`vision/*`, `vision/**`) or list of those.
        include_deleted: also runs in the trash. A query that names `deleted` decides for itself.
        functions: of the database; SQLite without series unless given.
        clock: what `now` and local time are. With a cursor, `now` stays what it was on the first page.

    Raises:
        QuerySyntaxError: query or order cannot be read.
        InvalidArgument: a limit below 1, a foreign or damaged cursor, too large a query.

    Example:
        >>> print(select_runs("points > 10", "number", 5).whereclause)
        runs.points > :param_1 AND runs.deleted = :deleted_1
    """
    return make_selection(
        query,
        order_by,
        limit,
        cursor,
        experiment=experiment,
        include_deleted=include_deleted,
        functions=functions,
        clock=clock,
    ).statement()


def make_selection(
    query: str | Expression | None,
    order_by: OrderBy,
    limit: int | None,
    cursor: str | None,
    *,
    experiment: str | Sequence[str] | None,
    include_deleted: bool,
    functions: QueryFunctions | None,
    clock: Clock | None,
) -> Selection:
    """Read and check everything; see `select_runs`."""
    check_limit(limit)
    functions = functions or SqliteFunctions()
    clock = clock or Clock()
    tree = parse(query) if query is None or isinstance(query, str) else query
    order = compile_order(order_by, functions)
    belongs_to = cursors.fingerprint(tree, order.keys, experiment, include_deleted)
    position = None
    if cursor is not None:
        position = cursors.decode(cursor, belongs_to, [term.type for term in order.terms])
        clock = replace(clock, now_ns=position.now_ns)
    check_expression(tree, clock)
    scope: list[Truth] = []
    listings = compile_listings(tree, functions, clock)
    if experiment is not None:
        scope.append(experiment_condition(experiment, functions))
        listings.append([sa.select(runs.c.id).where(scope[0])])
    if not include_deleted and not uses_attribute(tree, "deleted"):
        scope.append(runs.c.deleted == 0)
    return Selection(tree, tuple(scope), listings, order, position, clock, belongs_to, functions, limit)


def _onward(terms: Sequence[SortTerm], position: Position) -> Truth:
    """Runs after the position that were not seen, and those that were still pending wherever they are now."""
    onward = _after(terms, position)
    if position.seen:
        onward = sa.and_(onward, runs.c.uid.not_in(sorted(position.seen)))
    return sa.or_(onward, runs.c.uid.in_(sorted(position.pending))) if position.pending else onward


def _after(terms: Sequence[SortTerm], position: Position) -> Truth:
    """Lexicographic comparison, flat: a > x, or a = x and b > y, or … ; with `a >= x` so that an index can be used."""
    alternatives: list[Truth] = []
    equal: list[Truth] = []
    for term, value in zip(terms, position.values, strict=True):
        bound = sa.literal(value, _TYPES[term.type])
        beyond = term.expression < bound if term.descending else term.expression > bound
        alternatives.append(sa.and_(*equal, beyond))
        equal.append(term.expression == bound)
    first, start = terms[0], position.values[0]
    reach = first.expression <= start if first.descending else first.expression >= start
    return sa.and_(reach, sa.or_(*alternatives))
