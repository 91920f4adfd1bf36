"""The contract of an index: what readers ask of a store, whatever answers.

A directory's index is the catalog (SQLite), a server's client asks the server, a store for tests keeps lists. Nothing
above knows which one it has. `runlore.testing` has the suite that says what an index is, as tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from runlore.errors import RunNotFound
from runlore.index.lineage import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from runlore.index.records import (
        ArtifactRecord,
        CardFilter,
        CardRecord,
        ExperimentRecord,
        HolderRecord,
        Lineage,
        LinkRecord,
        Page,
        RunRecord,
        SeriesRecord,
    )
    from runlore.index.reference import RunReference
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.query.values import Clock

DEFAULT_TIME_LIMIT_S = 30.0
"""For one page of a query."""


class Index(ABC):
    """What is known of the runs and cards of one store.

    **Derived.** An index holds nothing that the store does not; it may be thrown away at any time.

    **Fresh when told.** Answers are of the moment of the last `refresh`, or later. Before the first one they may be of
    any earlier moment, or empty.

    **Atomic.** Each call answers from one snapshot. Two calls may see different ones; a run that is gone meanwhile is
    left out of what a batch returns.

    **Threads.** All methods may be called from several threads at once, and after `fork` from the child.

    **Ownership.** Records are frozen and belong to the caller. Mappings in them are not to be changed.

    **Batches.** Whatever is asked of runs is asked of any number of them at once, by uid. No method needs more than one
    round trip to wherever the index is.

    **Errors.** `InvalidArgument` and `WrongType` before anything is asked; `QueryTimeout`; `NotReachable` where an
    index is elsewhere and does not answer.

    Attributes:
        location: where the store is, for messages: a path or an address.
    """

    location: str

    # -- keeping up ---------------------------------------------------------------------------------------------

    @abstractmethod
    def refresh(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Bring the index up to date with the store. Safe to call at once from threads and processes.

        Args:
            progress: called with (runs looked at, runs to look at), now and then.

        Returns:
            How many runs were looked at; 0 where an index keeps itself up to date.
        """

    def refresh_open(self, uids: Collection[str]) -> bool:  # noqa: ARG002 - for those that can
        """Bring the index up to date with some runs alone that go on recording: far less work than `refresh`.

        Args:
            uids: of runs that the index has and that have not ended.

        Returns:
            Whether it did; False where it cannot, or where one of them is another sort of run: `refresh` does then.
        """
        return False

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. The index opens them again when it is used."""

    # -- runs ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def page(
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None,
        cursor: str | None = None, *, experiment: str | Sequence[str] | None = None, include_deleted: bool = False,
        facts: bool = False, clock: Clock | None = None, time_limit_s: float = DEFAULT_TIME_LIMIT_S,
        last: bool = False,
    ) -> Page:  # fmt: skip
        """One page of the runs that a query finds.

        Paging to the end visits every run that matches all the while exactly once, also when sort keys of running runs
        change between two pages. A run that was started after the first page is visited at most once.

        Args:
            query: text or tree; None finds every run.
            order_by: as `"-metrics.acc, started"`; None: the newest first. Missing values come last in either
                direction; ties are broken by the start and then the uid, in the direction of the last key.
            limit: at most so many runs; None: all of them.
            cursor: `next_cursor` of the page before, with the same query, order and experiments.
            experiment: name, glob (`vision/*`, `vision/**`) or list of those; None: all.
            include_deleted: also runs in the trash. A query that names `deleted` decides for itself.
            facts: whether the records have their facts.
            clock: what `now` and local time are.
            time_limit_s: seconds after which the search is given up.
            last: no further page will be asked for; there is no cursor then.

        Raises:
            QuerySyntaxError, InvalidArgument, WrongType: query, order, limit or cursor cannot be understood.
            QueryTimeout: the time is up.
        """

    @abstractmethod
    def find(self, reference: RunReference, *, facts: bool = True) -> tuple[RunRecord, ...]:
        """The runs that a reference could mean, at most three; none: no run. Deleted runs are among them.

        A uid names one run; its beginning may name several. A number names a run of its experiment; several have it
        only where stores were merged by hand, and then runs that are not deleted come first. A negative number counts
        from the experiment's latest run back, without deleted ones.
        """

    @abstractmethod
    def runs(self, uids: Sequence[str], *, facts: bool = True) -> list[RunRecord]:
        """The runs with these uids, in this order, deleted ones included; those that are gone are left out."""

    @abstractmethod
    def series(self, uids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, SeriesRecord]]:
        """Each series of these runs in numbers: uid → key → record, keys sorted.

        Args:
            uids: of the runs.
            keys: only these series; None: all.
        """

    @abstractmethod
    def artifacts(self, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:
        """Every version of every artifact of these runs, in the order of name, step (none first) and time."""

    @abstractmethod
    def experiments(self, pattern: str | Sequence[str] | None = None) -> list[ExperimentRecord]:
        """The experiments that have runs which are not deleted, by name.

        Args:
            pattern: a name, a glob, or a list of those; None: all.
        """

    @abstractmethod
    def keys(self, kind: str, *, experiment: str | Sequence[str] | None = None) -> list[str]:
        """All keys of `params`, `metrics` or `tags` that runs have which are not deleted, sorted.

        Args:
            kind: one of the three.
            experiment: only of runs of these experiments: as for `page`.
        """

    # -- cards --------------------------------------------------------------------------------------------------

    @abstractmethod
    def cards(self, wanted: CardFilter) -> list[CardRecord]:
        """The cards that a filter asks for, in its order."""

    @abstractmethod
    def links(self, uids: Sequence[str]) -> list[LinkRecord]:
        """Every link at these cards and runs, on either side, oldest card first."""

    # -- made of the above --------------------------------------------------------------------------------------

    def latest(self, limit: int, *, facts: bool = False) -> list[RunRecord]:
        """The runs that changed last, the latest first, deleted ones included.

        Here those whose own records are the latest. An index that also knows when something was said of a run from
        outside of it, such as a tag, counts that too.

        Args:
            limit: at most so many.
            facts: whether the records have their facts.
        """
        return list(self.page(None, "-updated", limit, include_deleted=True, facts=facts, last=True).runs)

    def arrivals(self, limit: int, *, facts: bool = False) -> list[RunRecord]:
        """The runs that this index learnt of last, the latest first, deleted ones included, however old they are.

        A run that was recorded elsewhere may arrive long after its last record: it is not among the `latest`. Here
        nothing is known of when a run arrived, and these are the `latest`; an index that numbers its runs as it takes
        them in goes by that.

        Args:
            limit: at most so many.
            facts: whether the records have their facts.
        """
        return self.latest(limit, facts=facts)

    def holders(self, digests: Sequence[str]) -> list[HolderRecord]:
        """Every run and card that has contents with one of these SHA-256 as an artifact, by digest, kind and uid.

        Those in the trash are among them. Here all artifacts are looked through; an index that has them by digest looks
        there.
        """
        from runlore.index.records import CardFilter, HolderRecord

        wanted = set(digests)
        found: set[HolderRecord] = set()
        for page in self.pages(include_deleted=True):
            for uid, known in self.artifacts([run.uid for run in page.runs]).items():
                found.update(HolderRecord(one.digest, "run", uid) for one in known if one.digest in wanted)
        for card in self.cards(CardFilter(deleted=True)):
            held = {str(one.get("digest")) for one in card.artifacts} & wanted
            found.update(HolderRecord(digest, "card", card.uid) for digest in held)
        return sorted(found, key=lambda one: (one.digest, one.target, one.uid))

    def lineage(self, uid: str) -> Lineage:
        """What a card or run came of, and what came of it, over any number of links."""
        return walk(uid, self.links)

    def pages(
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int = 1_000, *,
        experiment: str | Sequence[str] | None = None, include_deleted: bool = False, facts: bool = False,
        clock: Clock | None = None,
    ) -> Iterator[Page]:  # fmt: skip
        """All pages of a query, one after the other; arguments as of `page`. Nothing stays open between two pages."""
        cursor: str | None = None
        while True:
            page = self.page(
                query, order_by, limit, cursor, experiment=experiment, include_deleted=include_deleted, facts=facts,
                clock=clock,
            )  # fmt: skip
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    def one(self, reference: RunReference, *, facts: bool = True) -> RunRecord:
        """The run that a reference means.

        Raises:
            RunNotFound: there is none, or several could be meant.
        """
        return self.settled(reference, self.find(reference, facts=facts))

    def settled(self, reference: RunReference, found: Sequence[RunRecord]) -> RunRecord:
        """Which of the runs that `find` gave a reference means.

        Raises:
            RunNotFound: as for `one`.
        """
        if not found:
            raise RunNotFound(
                f"no run {reference.text!r} in the store {self.location!r}; `runlore ls` lists experiments, "
                "`runlore runs` lists runs"
            )
        if len(found) > 1 and not reference.settles(found[0].deleted, found[1].deleted):
            raise RunNotFound(reference.ambiguous(found[0].uid, found[1].uid))
        return found[0]

    def each(self, references: Sequence[RunReference], *, facts: bool = True) -> list[RunRecord]:
        """The run that each reference means, in this order. An index that is elsewhere asks for all of them at once.

        Raises:
            RunNotFound: as for `one`.
        """
        whole = [reference.uid for reference in references if reference.uid is not None]
        known = {run.uid: run for run in self.runs(whole, facts=facts)} if whole else {}
        return [known.get(reference.uid or "") or self.one(reference, facts=facts) for reference in references]
