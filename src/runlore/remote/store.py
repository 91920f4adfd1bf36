"""A store that a server keeps."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from runlore.errors import AlreadyExists, NotReachable, RunNotFound
from runlore.index.store import IndexedStore
from runlore.model import new_uid
from runlore.names import check_path_name, is_uid
from runlore.remote import contents
from runlore.remote.address import Address
from runlore.remote.connection import Server
from runlore.remote.index import ServerIndex
from runlore.remote.known import KnownRuns
from runlore.remote.run import ServerRun, checked_facts
from runlore.store.content import StoredEvent
from runlore.store.keeping import SelfKeeping
from runlore.versions import Version
from runlore.wire import points, problems, records, text
from runlore.wire.text import Garbled

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from runlore.index.base import Index
    from runlore.store.base import Fact
    from runlore.store.cards import CardName
    from runlore.store.points import RunPoints
    from runlore.wire.points import Part

_T = TypeVar("_T")

_KEEPING_S = 3600.0
"""For a task of housekeeping."""

_RUNS_AT_ONCE = 1_000
"""In one stream."""

_SERVERS = 16
"""Whose connections are kept."""

_RESUMPTIONS = 3
"""How often a stream that breaks off without a further run is asked for anew."""


def open_server(address: str) -> ServerStore:
    """The store of the server at an address. Nothing is asked of it yet. For one address it is always the same store,
    so that connections are kept from one call to the next.

    Raises:
        InvalidArgument: it is no address of a server.
    """  # noqa: D205 - one sentence would say less
    return _store_at(Address.parse(address))


@lru_cache(_SERVERS)
def _store_at(address: Address) -> ServerStore:
    return ServerStore(Server(address))


class ServerStore(IndexedStore, SelfKeeping):
    """See the contract. Threads and processes may share it, also after `fork`.

    Attributes:
        server: the server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._known = KnownRuns()
        self._index = ServerIndex(server, self._known)
        self._cache = contents.Cache()

    def __repr__(self) -> str:
        return f"ServerStore({self.location!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServerStore) and self.server.address == other.server.address

    def __hash__(self) -> int:
        return hash(self.server.address)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_server, (self.location,)

    @property
    def location(self) -> str:
        """The address of the server."""
        return str(self.server.address)

    def index(self) -> Index:  # noqa: D102 - described by the contract
        return self._index

    # -- runs ---------------------------------------------------------------------------------------------------

    def create_run(self, experiment: str, uid: str) -> bool:  # noqa: D102
        is_new = bool(self.server.change("store/create_run", {"experiment": experiment, "uid": uid}, bool))
        self._known.add([(uid, experiment)])
        return is_new

    def abandon_run(self, experiment: str, uid: str) -> None:  # noqa: D102
        self._known.forget(uid)
        self.server.change("store/abandon_run", {"experiment": experiment, "uid": uid})

    def open_run(self, uid: str, *, experiment: str | None = None) -> ServerRun:  # noqa: D102
        if not is_uid(uid):
            raise RunNotFound(
                f"no run has the uid {uid!r} in the store {self.location!r}; `runlore ls` lists what is there"
            )
        known = self._known.experiment(uid)
        if known is not None and experiment in (None, known):
            return ServerRun(self, uid, known)
        answer = self.server.ask("store/open_run", {"uid": uid, "experiment": experiment}, dict)
        found = str(experiment if experiment is not None else answer.get("experiment"))
        self._known.add([(uid, found)])
        return ServerRun(self, uid, found)

    def points(  # noqa: D102
        self, uids: Sequence[str], keys: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, RunPoints]]:  # fmt: skip
        arguments = {"keys": None if keys is None else sorted(keys), "experiment": experiment}
        yield from self._stream("store/points", uids, arguments, points.unpack_points)

    def events(  # noqa: D102
        self, uids: Sequence[str], kinds: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, list[StoredEvent]]]:  # fmt: skip
        arguments = {"kinds": None if kinds is None else sorted(kinds), "experiment": experiment}
        yield from self._stream("store/events", uids, arguments, _unpack_events)

    def _stream(
        self, path: str, uids: Sequence[str], arguments: dict[str, Any],
        read: Callable[[Iterator[Part]], Iterator[tuple[str, _T]]],
    ) -> Iterator[tuple[str, _T]]:  # fmt: skip
        """What a stream gives of each run. One that breaks off is asked for what is missing."""
        left, failures = list(dict.fromkeys(uids)), 0
        while left:
            asked, rest = left[:_RUNS_AT_ONCE], left[_RUNS_AT_ONCE:]
            try:
                with self.server.stream(path, {**arguments, "uids": asked}) as take:
                    for uid, found in read(_parts(self.location, take)):
                        asked, failures = asked[asked.index(uid) + 1 :] if uid in asked else asked, 0
                        yield uid, found
            except NotReachable:
                failures += 1
                if failures > _RESUMPTIONS:
                    raise
                left = asked + rest
            else:
                left = rest

    def delete_experiment(self, experiment: str) -> int:  # noqa: D102
        self._known.forget_experiment(experiment)
        return int(
            self.server.change(
                "store/delete_experiment", {"experiment": check_path_name(experiment, "experiment")}, int
            )
        )

    # -- claims -------------------------------------------------------------------------------------------------

    def claim_number(self, experiment: str, uid: str) -> int:  # noqa: D102
        return int(self.server.change("store/claim_number", {"experiment": experiment, "uid": uid}, int))

    def claim(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        return bool(
            self.server.change("store/claim", {"namespace": namespace, "name": name, "about": dict(about)}, bool)
        )

    def claimed(self, namespace: str, name: str) -> dict[str, Any] | None:  # noqa: D102
        found: dict[str, Any] | None = self.server.ask(
            "store/claimed", {"namespace": namespace, "name": name}, (dict, type(None))
        )
        return found

    def claims(self, namespace: str) -> list[dict[str, Any]]:  # noqa: D102
        found: list[dict[str, Any]] = self.server.ask("store/claims", {"namespace": namespace}, list)
        return found

    def release(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        return bool(
            self.server.change("store/release", {"namespace": namespace, "name": name, "about": dict(about)}, bool)
        )

    def reclaim(  # noqa: D102
        self, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]
    ) -> bool:
        arguments = {"namespace": namespace, "name": name, "about": dict(about), "instead": dict(instead)}
        return bool(self.server.change("store/reclaim", arguments, bool))

    # -- contents -----------------------------------------------------------------------------------------------

    def put_bytes(self, content: bytes) -> tuple[str, int]:  # noqa: D102
        return contents.put_bytes(self.server, content)

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:  # noqa: D102
        return contents.put_file(self.server, path)

    def open_content(self, digest: str) -> BinaryIO:  # noqa: D102
        return open(self.content_path(digest), "rb")

    def has_content(self, digest: str) -> bool:  # noqa: D102
        return contents.has_content(self.server, digest)

    def content_path(self, digest: str) -> str:  # noqa: D102
        return self._cache.fetch(self.server, digest)

    # -- cards --------------------------------------------------------------------------------------------------

    def versions_taken(self, card: CardName) -> list[Version]:  # noqa: D102
        return [
            Version.parse(version) for version in self.server.ask("store/versions_taken", {"card": list(card)}, list)
        ]

    def claim_version(self, card: CardName, choose: Callable[[Sequence[Version]], Version]) -> Version:  # noqa: D102
        while True:
            taken = self.versions_taken(card)
            version = choose(taken)
            try:
                self.server.change("store/claim_version", {"card": list(card), "version": str(version)})
            except AlreadyExists:
                if version in taken:
                    raise
            else:
                return version

    def complete_card(self, card: CardName, version: Version, about: Mapping[str, Any]) -> None:  # noqa: D102
        arguments = {"card": list(card), "version": str(version), "about": dict(about)}
        self.server.change("store/complete_card", arguments)

    def annotate_card(  # noqa: D102
        self, card: CardName, version: str, uid: str, facts: Iterable[Fact], *, after_ns: int = 0
    ) -> int:  # fmt: skip
        arguments = {
            "card": list(card), "version": version, "uid": uid, "facts": checked_facts(facts), "after_ns": after_ns,
        }  # fmt: skip
        return int(self.server.change("store/annotate_card", arguments, int))

    # -- housekeeping -------------------------------------------------------------------------------------------

    def keep(  # noqa: D102
        self, task: str, progress: Callable[[int, int], None] | None = None, **arguments: Any
    ) -> dict[str, Any]:  # fmt: skip
        sent, headers = {"task": task, "arguments": arguments}, {text.KEY_HEADER: new_uid()}
        found: dict[str, Any] | None = None
        with self.server.stream("store/keep", sent, limit_s=_KEEPING_S, headers=headers) as take:
            for part in _parts(self.location, take):
                found = part.header.get("done", found)
                if progress is not None and len(part.header.get("progress", ())) == 2:
                    progress(*part.header["progress"])
        if not isinstance(found, dict):
            raise NotReachable(f"{self.location} does not say what came of the task {task!r}; ask again")
        return found

    def pack(self, uids: Sequence[str], file: BinaryIO) -> list[tuple[str, str]]:  # noqa: D102
        damaged: list[tuple[str, str]] = []
        with self.server.stream("store/pack", {"uids": list(uids)}, limit_s=_KEEPING_S) as take:
            for part in _parts(self.location, take):
                file.write(part.body)
                damaged += [(str(uid), str(why)) for uid, why in part.header.get("damaged", [])]
        return damaged

    def take_in(  # noqa: D102
        self, file: BinaryIO, limits: Sequence[int | None], progress: Callable[[int, int], None] | None
    ) -> dict[str, Any]:
        return contents.put_archive(self.server, file, limits, progress, _KEEPING_S)


def _parts(location: str, take: Callable[[int], bytes]) -> Iterator[Part]:
    """The parts of a stream.

    Raises:
        NotReachable: they cannot be understood.
        RunloreError: the stream ends with that.
    """
    try:
        for part in points.read_parts(take):
            if "problem" in part.header:
                raise problems.unpack(text.expect(part.header["problem"], dict, "problem")) or Garbled("a problem")
            yield part
    except Garbled as error:
        raise NotReachable(f"what {location} answers cannot be understood: {error}") from None


def _unpack_events(parts: Iterator[Part]) -> Iterator[tuple[str, list[StoredEvent]]]:
    for part in parts:
        yield str(part.header.get("uid")), records.unpack(StoredEvent, part.header.get("events"))
