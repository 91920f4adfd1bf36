"""Select runs: a filter, an order, a scope and a position, as SQL statements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runlore.catalog.database.sql import TRUE, Sql, all_of, any_of, is_true, join, negated, one_of, sql
from runlore.catalog.database.tables import OPEN
from runlore.catalog.search.conditions import compare
from runlore.catalog.search.experiments import experiment_condition
from runlore.catalog.search.filters import Filter, compile_filter, compile_listings
from runlore.catalog.search.order import Front, Order, SortTerm, compile_order
from runlore.index.limits import check_limit
from runlore.query import cursor as cursors
from runlore.query.checks import check_expression
from runlore.query.expression import And, Attribute, Not, Or, uses_attribute
from runlore.query.parser import tree_of
from runlore.query.values import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.database.base import Connection, Dialect
    from runlore.query.cursor import Position
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy


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
        dialect: of the database.
        limit: runs in a page, or None for all.
        asks_facts: the filter or the order is about params, tags or metrics, which are searched of settled runs alone.
    """

    tree: Expression
    scope: Sql
    listings: list[list[Sql]]
    order: Order
    position: Position | None
    clock: Clock
    belongs_to: bytes
    dialect: Dialect
    limit: int | None
    asks_facts: bool

    @property
    def filter(self) -> Filter:
        """The condition on runs whose params, tags and metrics can be searched."""
        return compile_filter(self.tree, self.dialect, self.clock)

    def page(self, condition: Sql, at_most: int | None, columns: str = "", joined: str = "") -> Sql:
        """The runs that a condition finds, from the position on: columns `id`, `uid`, `state` and `sort_0` ….

        At most so many; None: all of them. With other columns behind, and what has to be joined for them.
        """
        where = [condition, self.scope, *([SETTLED] if self.asks_facts else [])]
        if self.position is not None:
            where.append(_onward(self.order.terms, self.position))
        names = [_directed(f"sort_{place}", term) for place, term in enumerate(self.order.terms)]
        return self._page(all_of(*where), names, at_most, columns, joined)

    def near_front(self, front: Front, last: float | str, count: int) -> Sql:
        """The first `count` runs, with the columns of the page, of those up to the value `last` in an index.

        Conditions are tried on one run after the other. No index of theirs is to be used: it has another order.
        """
        up_to = compare(front.term.expression, ">=" if front.term.descending else "<=", last)
        tried = compile_filter(self.tree, self.dialect, self.clock, few=True).condition
        scope = [is_true(part) for part in (self.scope, *([SETTLED] if self.asks_facts else [])) if part != TRUE]
        others = range(len(self.order.terms) - len(front.rest), len(self.order.terms))
        rest = [_directed(f"sort_{place}", term) for place, term in zip(others, front.rest, strict=True)]
        names = [_directed(front.term.expression.text, front.term), *rest]
        return self._page(all_of(up_to, tried, *scope), names, count)

    def live(self, at_most: int) -> Sql:
        """Uids of runs that may still change and that a filter on attributes finds, the newest first."""
        found = compile_filter(self.tree, self.dialect, self.clock, few=True).condition
        chosen = join("SELECT runs.uid FROM runs WHERE {}", all_of(IS_OPEN, found, self.scope))
        return Sql(f"{chosen.text} ORDER BY runs.uid DESC LIMIT ?", (*chosen.values, at_most))

    def _page(
        self, condition: Sql, names: Sequence[str], at_most: int | None, columns: str = "", joined: str = ""
    ) -> Sql:
        terms = [join(f"{{}} AS sort_{place}", term.expression) for place, term in enumerate(self.order.terms)]
        selected = ", ".join(["runs.id, runs.uid, runs.state", *["{}"] * len(terms), *([columns] if columns else [])])
        page = join(
            f"SELECT {selected} FROM {{}} {joined} WHERE {{}} ORDER BY {', '.join(names)}",
            *terms, self.order.source, condition,
        )  # fmt: skip
        return page if at_most is None else Sql(f"{page.text} LIMIT ?", (*page.values, at_most))


IS_OPEN = sql("runs.state = ?", OPEN)
SETTLED = sql("runs.state != ?", OPEN)


def make_selection(
    connection: Connection,
    query: str | Expression | None,
    order_by: OrderBy,
    limit: int | None,
    cursor: str | None,
    *,
    experiment: str | Sequence[str] | None,
    include_deleted: bool,
    clock: Clock | None,
) -> Selection:
    """Read and check everything; see `fetch_page`."""
    check_limit(limit)
    clock = clock or Clock()
    tree = tree_of(query)
    dialect = connection.dialect
    order = compile_order(order_by, dialect)
    belongs_to = cursors.fingerprint(tree, order.keys, experiment, include_deleted)
    position = None
    if cursor is not None:
        position = cursors.decode(cursor, belongs_to, [term.type for term in order.terms])
        clock = replace(clock, now_ns=position.now_ns)
    check_expression(tree, clock)
    scope: list[Sql] = []
    listings = compile_listings(tree, dialect, clock)
    if experiment is not None:
        scope.append(experiment_condition(connection, experiment))
        listings.append([join("SELECT runs.id FROM runs WHERE {}", scope[0])])
    if not include_deleted and not uses_attribute(tree, "deleted"):
        scope.append(sql("runs.deleted = 0"))
    asks_facts = _asks_facts(tree, order)
    return Selection(
        tree, all_of(*scope), listings, order, position, clock, belongs_to, dialect, limit, asks_facts
    )  # fmt: skip


def _asks_facts(tree: Expression, order: Order) -> bool:
    """Whether anything but attributes is asked about."""
    if not all(isinstance(key.field, Attribute) for key in order.keys):
        return True
    pending: list[Expression] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Not):
            pending.append(node.operand)
        elif isinstance(node, (And, Or)):
            pending.extend(node.operands)
        elif not isinstance(node.field, Attribute):
            return True
    return False


def _directed(name: str, term: SortTerm) -> str:
    return f"{name} {'DESC' if term.descending else 'ASC'}"


def _onward(terms: Sequence[SortTerm], position: Position) -> Sql:
    """Runs after the position that were not seen, and those that were still pending wherever they are now."""
    onward = _after(terms, position)
    if position.seen:
        onward = all_of(onward, negated(one_of("runs.uid", sorted(position.seen))))
    return any_of(onward, one_of("runs.uid", sorted(position.pending))) if position.pending else onward


def _after(terms: Sequence[SortTerm], position: Position) -> Sql:
    """Lexicographic comparison, flat: a > x, or a = x and b > y, or … ; with `a >= x` so that an index can be used."""
    alternatives: list[Sql] = []
    equal: list[Sql] = []
    for term, value in zip(terms, position.values, strict=True):
        beyond = compare(term.expression, "<" if term.descending else ">", value)
        alternatives.append(all_of(*equal, beyond))
        equal.append(compare(term.expression, "=", value))
    first, start = terms[0], position.values[0]
    reach = compare(first.expression, "<=" if first.descending else ">=", start)
    return all_of(reach, any_of(*alternatives))
