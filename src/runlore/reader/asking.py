"""Asking a store for runs, and saying what a question names that the store does not have."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import NothingMatches, QuerySyntaxError
from runlore.reader.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Sequence

    from runlore.index.base import Index
    from runlore.index.records import ExperimentRecord, Page, RunRecord
    from runlore.query import Expression, OrderKey
    from runlore.query.ordering import OrderBy
    from runlore.reader.session import Session


@dataclass(frozen=True)
class Question:
    """A query that was read, ready to be asked of a store.

    Attributes:
        session: the store, up to date.
        tree: the query.
        order: its order; empty: the newest first.
        experiment: a name, a glob, a list of those, or None.
        words: what the store has; None where the question names nothing.
    """

    session: Session
    tree: Expression
    order: tuple[OrderKey, ...]
    experiment: str | Sequence[str] | None
    words: Words | None

    def page(self, limit: int | None = None, *, last: bool = False) -> Page:
        """A page of runs with their facts; see `Index.page`."""
        return self.session.page(
            self.tree, list(self.order), limit, experiment=self.experiment, facts=True, last=last
        )  # fmt: skip

    def pages(self, limit: int | None = None) -> Iterator[tuple[RunRecord, ...]]:
        """All runs that it finds, at most so many, with their facts: a few thousand at once."""
        return self.session.all_pages(self.tree, list(self.order), limit, experiment=self.experiment)

    def hints(self, *, found: bool, had: Container[str] = ()) -> tuple[str, ...]:
        """What to say of names that the store does not have.

        Args:
            found: whether any run was found.
            had: what the runs that were found are known to have, such as `metrics.loss`: that need not be asked.
        """
        if self.words is None:
            return ()
        from runlore.query.hints import key_of, missing_names

        named = [(key, key_of(key.field)) for key in self.order]
        in_doubt = [key for key, name in named if name is not None and f"{name[0]}.{name[1]}" not in had]
        return tuple(missing_names(self.tree, in_doubt, self.experiment, self.words, found=found))

    def warn(self, *, found: bool, had: Container[str] = (), stacklevel: int = 3) -> None:
        """Say the hints as one warning, for the line of the caller's caller."""
        hints = self.hints(found=found, had=had)
        if hints:
            warnings.warn("; ".join(hints), NothingMatches, stacklevel=stacklevel)


def ask(
    session: Session, query: str | Expression | None = None, order_by: OrderBy = None, *,
    experiment: str | Sequence[str] | None = None,
) -> Question:  # fmt: skip
    """Read a query and its order.

    Raises:
        QuerySyntaxError: query or order cannot be read; where a word names no field, the message says what the store
            has that is like it.
        InvalidArgument: a status that is written as another tracker writes it, or `best(…)` of a metric of which no run
            says what is best.
    """
    from runlore.query.expression import EVERYTHING

    if query is None and order_by is None and experiment is None:  # nothing is named, and nothing has to be read
        return Question(session, EVERYTHING, (), None, None)
    from runlore.query.expression import uses_best
    from runlore.query.hints import check_statuses, explain
    from runlore.query.parser import parse, parse_order

    words = Words(session.index)
    try:
        tree = parse(query) if query is None or isinstance(query, str) else query
        order = parse_order(order_by)
    except QuerySyntaxError as error:
        explained = explain(error, words)
        if explained is error:
            raise
        raise explained from None
    check_statuses(tree, words)
    if uses_best(tree, order):
        from runlore.reader.goals import resolve

        tree, order = resolve(session, tree, order, experiment)
    return Question(session, tree, tuple(order), experiment, words)


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


def find_runs(
    session: Session, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None, *,
    experiment: str | Sequence[str] | None = None, last: bool = False,
) -> Found:  # fmt: skip
    """A page of runs as `Index.page` gives it, with facts, and with hints. Arguments are of that method."""
    question = ask(session, query, order_by, experiment=experiment)
    page = question.page(limit, last=last)
    facts = [facts_of(run) for run in page.runs] if question.order else []
    kinds = (("params", [known.params for known in facts]), ("metrics", [known.metrics for known in facts]),
             ("tags", [known.tags for known in facts]))  # fmt: skip
    had = {f"{kind}.{key}" for kind, of_runs in kinds for keys in of_runs for key in keys}
    return Found(page, question.tree, question.order, question.hints(found=bool(page.runs), had=had))


class Words:
    """What a store has, looked up when it is asked for.

    Args:
        index: of the store.
        experiment: keys of runs of these experiments only; None: of all.
    """

    def __init__(self, index: Index, experiment: str | Sequence[str] | None = None) -> None:
        self._index = index
        self._experiment = experiment
        self._keys: dict[str, Collection[str]] = {}

    def keys(self, kind: str) -> Collection[str]:
        """Keys of `metrics`, `params` or `tags`."""
        if kind not in self._keys:
            self._keys[kind] = dict.fromkeys(self._index.keys(kind, experiment=self._experiment))
        return self._keys[kind]

    def experiments(self) -> Collection[str]:
        """Names of experiments."""
        return [known.name for known in self._known]

    def statuses(self) -> Collection[str]:
        """Statuses that runs have."""
        return {status for known in self._known for status in known.statuses}

    @cached_property
    def _known(self) -> list[ExperimentRecord]:
        return self._index.experiments()
