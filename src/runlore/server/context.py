"""What a server works on, and for whom: one for each process of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from starlette.requests import ClientDisconnect

from runlore.errors import NotAllowed
from runlore.reader.console_pages import ConsoleReader
from runlore.reader.series_cache import SeriesCache
from runlore.reader.session import Session
from runlore.server.caller import ANYBODY, Caller
from runlore.server.changes import Changes
from runlore.server.freshness import Freshness
from runlore.server.measures import Measures
from runlore.server.problems import Problem
from runlore.server.recorders import Recorders
from runlore.server.sharing import SharedAnswers
from runlore.server.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from starlette.requests import Request

    from runlore.index.base import Index
    from runlore.server.endpoint import Call
    from runlore.server.settings import Settings
    from runlore.store.base import Fact, Store


_Part = TypeVar("_Part")


class Access(Protocol):
    """Who may do what. Accounts are a room of their own; without one, everybody who reaches the server may do all."""

    has_accounts: bool

    async def admit(self, request: Request, needs: str, context: Context) -> Context:
        """Let the request pass; gives what its caller may work on.

        Raises:
            Problem: its caller is not known (401), or may not do this (403).
        """

    def begin(self, context: Context) -> None:
        """The server answers from now on."""

    def record(self, call: Call, target: str) -> None:
        """Record that something was done, for who looks after the server."""

    def close(self) -> None:
        """Let go of what it keeps."""


class Sight(Protocol):
    """What a caller may read of a store, and record in it, for the rooms that work on the store itself."""

    owner: int
    """The id of the caller's user."""

    def reached(self, digests: Collection[str]) -> set[str]:
        """Those of some contents that the caller may read, or has shown, whether the store has them or not."""

    def showed(self, digest: str) -> None:
        """The caller sent these contents, whole."""

    def make_room(self, experiment: str | None, *, runs: int = 0) -> None:
        """See that something may be added, as quotas go.

        Args:
            experiment: to which; None: that is not known yet.
            runs: how many runs are about to be made.

        Raises:
            NotAllowed: there is as much as there may be.
        """

    def vet(self, uid: str, facts: Iterable[Fact]) -> None:
        """See that the caller may have a run say something, before it is recorded.

        Raises:
            NotAllowed: the run would belong to an experiment in which the caller may not write.
        """


class Everybody:
    """No accounts: whoever can reach the server may do all."""

    has_accounts = False

    async def admit(self, request: Request, needs: str, context: Context) -> Context:  # noqa: ARG002 - as above
        """Let it pass."""
        return context

    def begin(self, context: Context) -> None:
        """There is nothing to do by itself."""

    def record(self, call: Call, target: str) -> None:
        """Nobody has a name that could be recorded."""

    def close(self) -> None:
        """There is nothing to let go of."""


@dataclass
class Context:
    """See the module.

    Attributes:
        settings: what the server was told.
        session: the store and its index.
        access: who may do what.
        caller: for whom.
        freshness: what keeps the index up to date.
        series: series that were read, as far as the settings give them room.
        consoles: the same of consoles.
        changes: which runs changed, for those who watch.
        measures: what was done.
        shared: answers that several callers ask for at once.
        recorders: of the runs that others send piecemeal.
        threads: in which endpoints answer.
        served: the store and its index themselves, for who checks by itself what the caller may do.
        sight: what of them the caller sees; None: all, and it may do all.
    """

    settings: Settings
    session: Session
    access: Access = field(default_factory=Everybody)
    caller: Caller = ANYBODY
    _parts: dict[Callable[[], Any], Any] = field(default_factory=dict)
    _making: RLock = field(default_factory=RLock)
    freshness: Freshness = field(init=False)
    series: SeriesCache = field(init=False)
    consoles: ConsoleReader = field(init=False)
    changes: Changes = field(init=False)
    measures: Measures = field(default_factory=Measures)
    shared: SharedAnswers = field(default_factory=SharedAnswers)
    recorders: Recorders = field(init=False)
    threads: Threads = field(default_factory=Threads)
    served: Session = field(init=False)
    sight: Sight | None = None

    def __post_init__(self) -> None:
        self.served = self.session
        self.freshness = Freshness(self.session.index, self.settings.index_age_s)
        self.series = SeriesCache(self.session, self.settings.series_cache_bytes)
        self.consoles = ConsoleReader(self.session, self.settings.console_cache_bytes)
        self.changes = Changes(self.session, self.freshness)
        self.recorders = Recorders(self.session.store, self.session.index)

    def part(self, kind: Callable[[], _Part]) -> _Part:
        """What a room keeps between requests: one of each kind, made when it is first asked for.

        Args:
            kind: a class whose objects threads may share; one with a method `close` is closed with the server.
        """
        with self._making:
            if kind not in self._parts:
                self._parts[kind] = kind()
            return self._parts[kind]  # type: ignore[no-any-return]

    @classmethod
    def open(cls, settings: Settings) -> Context:
        """Open the store that the settings name.

        Raises:
            StoreNotFound, UnsupportedFormat, ReadOnlyStore: it cannot be served.
        """
        return cls(settings, Session(settings.store))

    def limited(
        self, caller: Caller, session: Session, changes: Changes, recorders: Recorders, sight: Sight | None
    ) -> Context:  # fmt: skip
        """The same for one caller, who sees and changes of it what those let through."""
        found = copy.copy(self)
        found.caller, found.session, found.changes, found.recorders = caller, session, changes, recorders
        found.sight = sight
        return found

    def check(self, needs: str, experiment: str) -> None:
        """See that the caller may do something in an experiment.

        Raises:
            NotAllowed: it may not.
        """
        if not self.caller.may(needs, experiment):
            raise NotAllowed(
                f"{self.caller.name!r} may not {needs} in the experiment {experiment[:200]!r}; ask an admin for a role "
                "there"
            )

    def check_everywhere(self, needs: str) -> None:
        """See that the caller may do something in all experiments.

        Raises:
            NotAllowed: it may not.
        """
        if not self.caller.may_everywhere(needs):
            raise NotAllowed(f"{self.caller.name!r} may not {needs} everywhere, which this takes; ask an admin")

    @property
    def store(self) -> Store:
        """The store that is served, as the caller sees it."""
        return self.session.store

    @property
    def store_name(self) -> str:
        """What the store is called; its whole location is nobody's business who only reads from it."""
        return self.served.store.location.rstrip("/").rpartition("/")[2]

    def without_place(self, text: str) -> str:
        """A message for a caller: where the store is on this machine is left out, and its name said instead."""
        location = self.served.store.location
        return text.replace(location, self.store_name) if self.store_name else text

    @property
    def index(self) -> Index:
        """Its index, as it is; see `fresh`."""
        return self.session.index

    def fresh(self) -> Session:
        """The store and its index, which is as fresh as the settings ask for."""
        self.freshness.wait()
        return self.session

    def fresh_now(self) -> Session:
        """The store and its index, which has all that was recorded before this call."""
        self.freshness.wait_for_now()
        return self.session

    def fresh_written(self) -> Session:
        """The store and its index, which has all that this server took before this call.

        What was recorded beside it is there as after `fresh`. One of several processes does not know what the others
        took, and waits as `fresh_now` does.
        """
        if self.settings.workers > 1:
            self.freshness.wait_for_now()
        else:
            self.freshness.wait_for_written()
        return self.session

    async def read_body(self, request: Request) -> bytes:
        """A body as a whole.

        Raises:
            Problem: it is larger than the settings allow (413), or was not sent to its end (400).
        """
        limit = self.settings.max_body_bytes
        pieces, size = [], 0
        try:
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise Problem(413, f"the body has more than {limit} bytes; send less at once", limit=limit)
                pieces.append(piece)
        except ClientDisconnect:
            raise Problem(400, "the request broke off before its end") from None
        return b"".join(pieces)

    def warm_up(self) -> None:
        """Do once what the first answers would wait for: bring the index up to date, load what reads series."""
        self.freshness.wait_for_now()
        import numpy as np  # noqa: F401 - to be there
        import pyarrow.parquet  # noqa: F401 - as above

    def close(self) -> None:
        """Let go of what the rooms keep, and of the store."""
        self.threads.close()
        for part in self._parts.values():
            if hasattr(part, "close"):
                part.close()
        self.access.close()
        self.recorders.close()
        self.freshness.close()
        self.session.index.close()
