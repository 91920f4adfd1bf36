"""A run of a server's store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import NotReachable, RunNotFound
from runlore.journal.values import to_bytes
from runlore.model import EVENT_KINDS, new_uid
from runlore.names import check_key
from runlore.remote.recorder import ServerRecorder
from runlore.store.base import Follower, RecordedRun
from runlore.store.content import StoredEvent
from runlore.wire import records, text
from runlore.wire.text import Garbled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from runlore.remote.store import ServerStore
    from runlore.store.base import Fact
    from runlore.store.points import RunPoints


class ServerRun(RecordedRun):
    """See the contract.

    Args:
        store: the store that it belongs to.
        uid: of the run.
        experiment: that of the run.
    """

    def __init__(self, store: ServerStore, uid: str, experiment: str) -> None:
        self.uid = uid
        self.location = f"{store.location}/runs/{uid}"
        self._store = store
        self._experiment = experiment

    def __repr__(self) -> str:
        return f"ServerRun({self.location!r})"

    @property
    def experiment(self) -> str:  # noqa: D102 - described by the contract
        return self._experiment

    @property
    def _named(self) -> dict[str, Any]:
        return {"uid": self.uid, "experiment": self._experiment, "anywhere": True}

    def points(self, keys: Collection[str] | None = None) -> RunPoints:  # noqa: D102
        for _, found in self._store.points([self.uid], keys, experiment=self._experiment):
            return found
        raise self._gone()

    def events(self, kinds: Collection[str] | None = None) -> list[StoredEvent]:  # noqa: D102
        for _, found in self._store.events([self.uid], kinds, experiment=self._experiment):
            return found
        raise self._gone()

    def _gone(self) -> RunNotFound:
        return RunNotFound(
            f"there is no run {self.uid} in the store {self._store.location!r}; it may have been deleted"
        )

    def follow(self, kinds: Collection[str] | None = None) -> Follower:  # noqa: D102
        return ServerFollower(self._store, self._named, kinds)

    def start(self) -> dict[str, Any]:  # noqa: D102
        found: dict[str, Any] = self._store.server.ask("store/start", self._named, dict)
        return found

    def record(self, *, first: bool = False, lazily: bool = False) -> ServerRecorder:  # noqa: D102
        return ServerRecorder(self._store.server, self.uid, self._experiment, first=first, lazily=lazily)

    def annotate(self, facts: Iterable[Fact], *, after_ns: int = 0) -> int:  # noqa: D102
        arguments = {**self._named, "facts": checked_facts(facts), "after_ns": after_ns}
        time_ns: int = self._store.server.change("store/annotate", arguments, int)
        return time_ns

    def is_alive(self) -> tuple[bool, str]:  # noqa: D102
        found = self._store.server.ask("store/is_alive", self._named, list)
        return bool(found[:1] == [True]), str(found[-1])


def checked_facts(facts: Iterable[Fact]) -> list[list[Any]]:
    """Facts as they are sent.

    Raises:
        WrongType, InvalidArgument: one of them cannot be stored.
    """
    sent = []
    for kind, key, value in facts:
        check_key(key, kind if kind in EVENT_KINDS else "key")
        sent.append([kind, key, text.loads(to_bytes(value, f"{kind} {key!r}"))])
    return sent


class ServerFollower(Follower):
    """Remembers how far it has read; where an answer is lost, the next one has its events too."""

    def __init__(self, store: ServerStore, named: dict[str, Any], kinds: Collection[str] | None) -> None:
        self._store = store
        self._arguments = {**named, "follower": new_uid(), "kinds": None if kinds is None else sorted(kinds)}
        self._cursor: dict[str, int] = {}

    def poll(self) -> list[StoredEvent]:  # noqa: D102 - described by the contract
        answer = self._store.server.ask("store/follow", {**self._arguments, "cursor": self._cursor})
        try:
            events = records.unpack(StoredEvent, text.expect(answer, dict, "the answer").get("events"))
            self._cursor = text.expect(answer.get("cursor"), dict, "cursor")
        except Garbled as error:
            raise NotReachable(f"what {self._store.location} answers cannot be understood: {error}") from None
        return events
