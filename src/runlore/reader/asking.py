"""Asking a store for runs, and saying what a question names that the store does not have."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import NothingMatches, QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runlore.catalog.search import Page
    from runlore.query import Expression, OrderKey
    from runlore.query.ordering import OrderBy
    from runlore.reader.session import Session


class Found(NamedTuple):
    """Runs that a query found."""

    page: Page
    tree: Expression
    order: tuple[OrderKey, ...]
    hints: tuple[str, ...]
    """What to say of names that the store does not have."""

    def warn(self, stacklevel: int = 3) -> None:
        """Say the hints as one warning, for the line of the caller's caller."""
        if self.hints:
            warnings.warn("; ".join(self.hints), NothingMatches, stacklevel=stacklevel)


def find_runs(
    session: Session, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None, *,
    experiment: str | Sequence[str] | None = None, last: bool = False,
) -> Found:  # fmt: skip
    """A page of runs as `runlore.query.fetch_page` gives it, with hints. Arguments are of that function.

    Raises:
        QuerySyntaxError: query or order cannot be read; where a word names no field, the message says what the store
            has that is like it.
        InvalidArgument: as `fetch_page`; a status that is written as another tracker writes it.
    """
    if query is None and order_by is None and experiment is None:  # nothing is named, and nothing has to be read
        from runlore.query.expression import EVERYTHING

        return Found(session.page(None, None, limit, last=last), EVERYTHING, (), ())
    from runlore.query.hints import check_statuses, explain, missing_names
    from runlore.query.parser import parse, parse_order

    words = _Words(session)
    try:
        tree = parse(query) if query is None or isinstance(query, str) else query
        order = parse_order(order_by)
    except QuerySyntaxError as error:
        explained = explain(error, words)
        if explained is error:
            raise
        raise explained from None
    check_statuses(tree, words)
    page = session.page(tree, list(order), limit, experiment=experiment, last=last)
    hints = missing_names(tree, order, experiment, words, found=bool(page.runs))
    return Found(page, tree, order, tuple(hints))


class _Words:
    """What a store has, looked up when it is asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys: dict[str, Collection[str]] = {}

    def keys(self, kind: str) -> Collection[str]:
        from runlore.reader.records import keys_of

        if kind not in self._keys:
            self._keys[kind] = set(keys_of(self._session, kind))
        return self._keys[kind]

    def experiments(self) -> Collection[str]:
        return [record["experiment"] for record in self._records]

    def statuses(self) -> Collection[str]:
        return {status for record in self._records for status in record["statuses"]}

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        from runlore.reader.records import experiment_records

        return experiment_records(self._session)
