"""Asking a store for runs, and saying what a question names that the store does not have."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import NothingMatches, QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runlore.index.base import Index
    from runlore.index.records import ExperimentRecord, Page, RunRecord
    from runlore.query import Expression, OrderKey
    from runlore.query.ordering import OrderBy
    from runlore.reader.session import Session


class Found(NamedTuple):
    """Runs that a query found.

    Attributes:
        page: the runs with their facts, and where the next page begins.
        tree: the query.
        order: its order.
        hints: what to say of names that the store does not have.
    """

    page: Page
    tree: Expression
    order: tuple[OrderKey, ...]
    hints: tuple[str, ...]

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """The runs of the page."""
        return self.page.runs

    def warn(self, stacklevel: int = 3) -> None:
        """Say the hints as one warning, for the line of the caller's caller."""
        if self.hints:
            warnings.warn("; ".join(self.hints), NothingMatches, stacklevel=stacklevel)


def find_runs(
    session: Session, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None, *,
    experiment: str | Sequence[str] | None = None, last: bool = False,
) -> Found:  # fmt: skip
    """A page of runs as `Index.page` gives it, with facts, and with hints. Arguments are of that method.

    Raises:
        QuerySyntaxError: query or order cannot be read; where a word names no field, the message says what the store
            has that is like it.
        InvalidArgument: as `Index.page`; a status that is written as another tracker writes it.
    """
    from runlore.query.expression import EVERYTHING

    if query is None and order_by is None and experiment is None:  # nothing is named, and nothing has to be read
        return Found(session.page(None, None, limit, facts=True, last=last), EVERYTHING, (), ())
    from runlore.query.hints import check_statuses, explain, missing_names
    from runlore.query.parser import parse, parse_order

    words = _Words(session.index)
    try:
        tree = parse(query) if query is None or isinstance(query, str) else query
        order = parse_order(order_by)
    except QuerySyntaxError as error:
        explained = explain(error, words)
        if explained is error:
            raise
        raise explained from None
    check_statuses(tree, words)
    page = session.page(tree, list(order), limit, experiment=experiment, facts=True, last=last)
    hints = missing_names(tree, order, experiment, words, found=bool(page.runs))
    return Found(page, tree, order, tuple(hints))


class _Words:
    """What a store has, looked up when it is asked for."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._keys: dict[str, Collection[str]] = {}

    def keys(self, kind: str) -> Collection[str]:
        if kind not in self._keys:
            self._keys[kind] = set(self._index.keys(kind))
        return self._keys[kind]

    def experiments(self) -> Collection[str]:
        return [known.name for known in self._known]

    def statuses(self) -> Collection[str]:
        return {status for known in self._known for status in known.statuses}

    @cached_property
    def _known(self) -> list[ExperimentRecord]:
        return self._index.experiments()
