"""The index of a server's store: each question is one request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from runlore.errors import NotReachable, WrongType
from runlore.index.base import DEFAULT_TIME_LIMIT_S, Index
from runlore.index.limits import check_limit, check_time_limit
from runlore.index.records import CardRecord, ExperimentRecord, LinkRecord, RunRecord
from runlore.query.globs import split_experiments
from runlore.query.ordering import order_keys
from runlore.query.parser import tree_of
from runlore.query.values import Clock
from runlore.wire import questions, records, text, zones
from runlore.wire.text import Garbled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.index.records import ArtifactRecord, CardFilter, Lineage, Page, SeriesRecord
    from runlore.index.reference import RunReference
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.remote.connection import Server
    from runlore.remote.known import KnownRuns

_ANSWER_S = 30.0
"""For a page, beyond the time that its search may take."""


class ServerIndex(Index):
    """Asks a server. Threads may share it.

    To refresh it costs nothing by itself: the next question says that its answer is to be fresh.

    Args:
        server: whom to ask.
        known: told of the runs that answers name.
    """

    def __init__(self, server: Server, known: KnownRuns) -> None:
        self.location = str(server.address)
        self._server = server
        self._known = known
        self._lock = threading.Lock()
        self._wanted = 0
        self._done = 0

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> int:  # noqa: ARG002, D102 - see the class
        with self._lock:
            self._wanted += 1
        return 0

    def close(self) -> None:  # noqa: D102 - described by the contract
        self._server.close()

    def _ask(self, method: str, arguments: dict[str, Any], read: Callable[[Any], Any], *, limit_s: float = 60.0) -> Any:
        """The answer to a question; a fresh one where the index was to be refreshed since the last fresh one."""
        wanted = self._wanted
        fresh = {"Runlore-Fresh": "1"} if self._done < wanted else {}
        answer = self._server.ask(f"index/{method}", arguments, limit_s=limit_s, headers=fresh)
        with self._lock:
            self._done = max(self._done, wanted)
        try:
            return read(answer)
        except Garbled as error:
            raise NotReachable(f"what {self.location} answers cannot be understood: {error}") from None

    def _runs(self, table: Any) -> list[RunRecord]:
        found = records.unpack(RunRecord, table)
        self._known.add((run.uid, run.experiment) for run in found)
        return found

    # -- runs ---------------------------------------------------------------------------------------------------

    def page(  # noqa: D102
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None,
        cursor: str | None = None, *, experiment: str | Sequence[str] | None = None, include_deleted: bool = False,
        facts: bool = False, clock: Clock | None = None, time_limit_s: float = DEFAULT_TIME_LIMIT_S,
        last: bool = False,
    ) -> Page:  # fmt: skip
        check_limit(limit)
        if cursor is not None and not isinstance(cursor, str):
            raise WrongType(f"cursor={cursor!r} must be text, not {type(cursor).__name__}")
        check_time_limit(time_limit_s)
        tree_of(query)
        order_keys(order_by)
        arguments = {
            "query": questions.pack_query(query), "order_by": questions.pack_order(order_by), "limit": limit,
            "cursor": cursor, "experiment": _names(experiment), "include_deleted": bool(include_deleted),
            "facts": bool(facts), "time_limit_s": time_limit_s, "last": bool(last),
            "clock": None if query is None else zones.pack_clock(clock or Clock()),
        }  # fmt: skip
        page: Page = self._ask("page", arguments, records.unpack_page, limit_s=time_limit_s + _ANSWER_S)
        self._known.add((run.uid, run.experiment) for run in page.runs)
        return page

    def find(self, reference: RunReference, *, facts: bool = True) -> tuple[RunRecord, ...]:  # noqa: D102
        arguments = {"reference": questions.pack_reference(reference), "facts": bool(facts)}
        return tuple(self._ask("find", arguments, self._runs))

    def runs(self, uids: Sequence[str], *, facts: bool = True) -> list[RunRecord]:  # noqa: D102
        found: list[RunRecord] = self._ask("runs", {"uids": list(uids), "facts": bool(facts)}, self._runs)
        return found

    def series(self, uids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, SeriesRecord]]:  # noqa: D102
        arguments = {"uids": list(uids), "keys": None if keys is None else list(keys)}
        found: dict[str, dict[str, SeriesRecord]] = self._ask("series", arguments, records.unpack_series)
        return found

    def artifacts(self, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:  # noqa: D102
        found: dict[str, list[ArtifactRecord]] = self._ask(
            "artifacts", {"uids": list(uids)}, records.unpack_artifacts
        )  # fmt: skip
        return found

    def experiments(self, pattern: str | Sequence[str] | None = None) -> list[ExperimentRecord]:  # noqa: D102
        return self._records("experiments", {"pattern": _names(pattern)}, ExperimentRecord)

    def keys(self, kind: str, *, experiment: str | Sequence[str] | None = None) -> list[str]:  # noqa: D102
        found: list[str] = self._ask(
            "keys", {"kind": kind, "experiment": _names(experiment)}, lambda answer: text.texts(answer, "keys")
        )
        return found

    # -- cards --------------------------------------------------------------------------------------------------

    def cards(self, wanted: CardFilter) -> list[CardRecord]:  # noqa: D102
        return self._records("cards", {"wanted": questions.pack_filter(wanted)}, CardRecord)

    def links(self, uids: Sequence[str]) -> list[LinkRecord]:  # noqa: D102
        return self._records("links", {"uids": list(uids)}, LinkRecord)

    def _records(self, method: str, arguments: dict[str, Any], kind: type) -> list[Any]:
        found: list[Any] = self._ask(method, arguments, lambda answer: records.unpack(kind, answer))
        return found

    # -- several questions of the contract as one ---------------------------------------------------------------

    def lineage(self, uid: str) -> Lineage:  # noqa: D102
        found: Lineage = self._ask("lineage", {"uid": uid}, records.unpack_lineage)
        return found

    def each(self, references: Sequence[RunReference], *, facts: bool = True) -> list[RunRecord]:  # noqa: D102
        arguments = {"references": [questions.pack_reference(one) for one in references], "facts": bool(facts)}
        tables = self._ask("find_each", arguments, lambda answer: text.expect(answer, list, "the answer"))
        try:
            found = [self._runs(table) for table in tables]
        except Garbled as error:
            raise NotReachable(f"what {self.location} answers cannot be understood: {error}") from None
        return [self.settled(reference, runs) for reference, runs in zip(references, found, strict=True)]


def _names(experiment: str | Sequence[str] | None) -> str | list[str] | None:
    """Names or globs of experiments.

    Raises:
        WrongType, InvalidArgument: they are none.
    """
    if experiment is None:
        return None
    split_experiments(experiment)
    return experiment if isinstance(experiment, str) else list(experiment)
