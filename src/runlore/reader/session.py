"""One store as readers see it: where its runs are, and what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import RunNotFound
from runlore.index.reference import RunReference
from runlore.opening import open_index, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runlore.index.base import Index
    from runlore.index.records import Page, RunRecord
    from runlore.store.base import RecordedRun, Store, StoreLike


AT_ONCE = 4_096
"""Runs that are asked for at once, where all that were found are wanted with their facts."""


class Session:
    """A store and its index. Cheap to make; brings the index up to date when asked to.

    Attributes:
        store: the store.
        index: what answers questions about its runs and cards.
    """

    store: Store
    index: Index

    def __init__(self, store: StoreLike | None = None) -> None:
        self.store = open_store(store)
        self.index = open_index(self.store)

    def __reduce__(self) -> tuple[type[Session], tuple[str]]:
        """As the address of its store, which is opened again: so whatever holds a session can be copied and sent."""
        return Session, (self.store.location,)

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> Session:
        """Bring the index up to date; returns the session itself."""
        self.index.refresh(progress)
        return self

    def page(self, query: Any = None, order_by: Any = None, limit: int | None = None, **options: Any) -> Page:
        """Runs that a query finds, in order; see `Index.page`."""
        return self.index.page(query, order_by, limit, **options)

    def all_pages(
        self, query: Any = None, order_by: Any = None, limit: int | None = None, *, experiment: Any = None
    ) -> Iterator[tuple[RunRecord, ...]]:
        """The runs that a query finds, at most so many, with their facts: a few thousand at once."""
        if limit is not None and (not isinstance(limit, int) or limit <= AT_ONCE):
            yield self.page(query, order_by, limit, experiment=experiment, facts=True, last=True).runs
            return
        cursor, left = None, limit
        while left is None or left > 0:
            size = AT_ONCE if left is None else min(left, AT_ONCE)
            page = self.page(query, order_by, size, cursor=cursor, experiment=experiment, facts=True, last=size == left)
            yield page.runs
            cursor, left = page.next_cursor, None if left is None else left - len(page.runs)
            if cursor is None:
                return

    def find(self, run: str | RunReference, argument: str = "run") -> RunRecord:
        """The run that a text means, with its facts: a uid, its beginning, or `experiment#number`. Also deleted ones.

        Raises:
            WrongType: it is no text.
            RunNotFound: there is none, or several could be meant.
        """
        return self.index.one(run if isinstance(run, RunReference) else RunReference.parse(run, argument))

    def find_all(self, runs: Sequence[str], argument: str = "runs") -> list[RunRecord]:
        """The runs that texts mean, each as for `find`, asked for at once."""
        return self.index.each([RunReference.parse(run, argument) for run in runs])

    def open_run(self, run: RunRecord) -> RecordedRun:
        """What a run recorded.

        Raises:
            RunNotFound: it was deleted since.
        """
        try:
            return self.store.open_run(run.uid, experiment=run.experiment)
        except RunNotFound:
            return self.store.open_run(run.uid)  # somebody moved it to where another experiment's runs are
