"""A store as one caller sees it: what it may not read is not there, and what it may not change stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import ArtifactNotFound, NotAllowed, RunNotFound
from runlore.index.store import IndexedStore
from runlore.model import ARTIFACT, ATTRIBUTE, START
from runlore.names import PRIVATE
from runlore.reader.session import Session
from runlore.server.accounts.seen_index import SeenIndex, card_places, places_of
from runlore.server.endpoint import ADMIN, READ, WRITE
from runlore.store.base import RecordedRun
from runlore.store.blobs import is_digest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from runlore.index.base import Index
    from runlore.recorder import Recorder
    from runlore.server.accounts.book import Book
    from runlore.server.caller import Caller
    from runlore.store.base import Fact, Follower, Store
    from runlore.store.cards import CardName
    from runlore.store.content import RunPoints, StoredEvent
    from runlore.versions import Version


class SeenSession(Session):
    """A store and its index, as one caller sees both."""

    def __init__(self, session: Session, caller: Caller, book: Book) -> None:
        seen = SeenIndex(session.index, caller)
        self.index = seen
        self.store = self.seen = SeenStore(session.store, seen, caller, book)


class SeenRun(RecordedRun):
    """A run that the caller sees. It may be written to where its experiment says so."""

    def __init__(self, run: RecordedRun, experiment: str, store: SeenStore, caller: Caller) -> None:
        self.raw = run
        self.uid, self.location = run.uid, run.location
        self._home, self._store, self._caller = experiment, store, caller

    @property
    def experiment(self) -> str:  # noqa: D102 - as of the contract
        return self._home

    @property
    def directory(self) -> str:  # noqa: D102
        return self.raw.directory

    def points(self, keys: Collection[str] | None = None) -> RunPoints:  # noqa: D102
        return self.raw.points(keys)

    def events(self, kinds: Collection[str] | None = None) -> list[StoredEvent]:  # noqa: D102
        return self.raw.events(kinds)

    def follow(self, kinds: Collection[str] | None = None) -> Follower:  # noqa: D102
        return self.raw.follow(kinds)

    def start(self) -> dict[str, Any]:  # noqa: D102
        return self.raw.start()

    def is_alive(self) -> tuple[bool, str]:  # noqa: D102
        return self.raw.is_alive()

    def record(self, *, first: bool = False, lazily: bool = False) -> Recorder:  # noqa: D102
        require(self._caller, WRITE, [self._home])
        return self.raw.record(first=first, lazily=lazily)

    def annotate(self, facts: Iterable[Fact], *, after_ns: int = 0) -> int:  # noqa: D102
        require(self._caller, WRITE, [self._home])
        said = list(facts)
        self._store.vet(self.uid, said)
        return self.raw.annotate(said, after_ns=after_ns)


class SeenStore(IndexedStore):
    """See the module. Contents are there for who may read something that has them, and who showed them."""

    def __init__(self, store: Store, index: SeenIndex, caller: Caller, book: Book) -> None:
        self._store, self._index, self._caller = store, index, caller
        self._proofs, self._quotas = book.proofs, book.quotas
        self.owner = caller.user

    @property
    def location(self) -> str:  # noqa: D102 - as of the contract
        return self._store.location

    def index(self) -> Index:  # noqa: D102
        return self._index

    # -- runs ---------------------------------------------------------------------------------------------------

    def create_run(self, experiment: str, uid: str) -> bool:  # noqa: D102
        require(self._caller, WRITE, [experiment])
        self.make_room(experiment, runs=1)
        return self._store.create_run(experiment, uid)

    def abandon_run(self, experiment: str, uid: str) -> None:  # noqa: D102
        require(self._caller, WRITE, [experiment])
        self._store.abandon_run(experiment, uid)

    def open_run(self, uid: str, *, experiment: str | None = None) -> SeenRun:  # noqa: D102
        run = self._store.open_run(uid, experiment=experiment)
        home = self.home_of(run)
        if not self._caller.sees(home):
            raise RunNotFound(f"no run has the uid {uid!r} in the store {self.location!r}")
        return SeenRun(run, home, self, self._caller)

    def home_of(self, run: RecordedRun) -> str:
        """The experiment that counts: where the index has the run, or else where it was made."""
        return self._index.homes([run.uid]).get(run.uid, run.experiment)

    def points(  # noqa: D102
        self, uids: Sequence[str], keys: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, RunPoints]]:
        return self._store.points(self._seen(uids, experiment), keys, experiment=experiment)

    def events(  # noqa: D102
        self, uids: Sequence[str], kinds: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, list[StoredEvent]]]:
        return self._store.events(self._seen(uids, experiment), kinds, experiment=experiment)

    def _seen(self, uids: Sequence[str], experiment: str | None) -> list[str]:
        homes = self._index.homes(uids)
        return [uid for uid in uids if self._is_seen(uid, homes.get(uid), experiment)]

    def _is_seen(self, uid: str, home: str | None, experiment: str | None) -> bool:
        if home is not None:
            return self._caller.sees(home)
        try:  # the index does not know it yet
            self.open_run(uid, experiment=experiment)
        except RunNotFound:
            return False
        return True

    def delete_experiment(self, experiment: str) -> int:  # noqa: D102
        require(self._caller, ADMIN, [experiment])
        return self._store.delete_experiment(experiment)

    # -- claims -------------------------------------------------------------------------------------------------

    def claim_number(self, experiment: str, uid: str) -> int:  # noqa: D102
        require(self._caller, WRITE, [experiment])
        return self._store.claim_number(experiment, uid)

    def claim(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        self._check_private(namespace)
        require(self._caller, WRITE, self._places(name, about))
        return self._store.claim(namespace, name, about)

    def claimed(self, namespace: str, name: str) -> dict[str, Any] | None:  # noqa: D102
        found = self._store.claimed(namespace, name) if self._sees_namespace(namespace) else None
        return found if found is not None and self._sees_claim(found) else None

    def claims(self, namespace: str) -> list[dict[str, Any]]:  # noqa: D102
        if not self._sees_namespace(namespace):
            return []
        return list(filter(self._sees_claim, self._store.claims(namespace)))

    def release(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        self._check_private(namespace)
        require(self._caller, WRITE, self._places(name, about))
        return self._store.release(namespace, name, about)

    def reclaim(  # noqa: D102
        self, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]
    ) -> bool:
        self._check_private(namespace)
        for what in (about, instead):
            require(self._caller, WRITE, self._places(name, what))
        return self._store.reclaim(namespace, name, about, instead)

    def _sees_namespace(self, namespace: str) -> bool:
        """What is the server's own is seen by admins of everything."""
        return not namespace.startswith(PRIVATE) or self._caller.may_everywhere(ADMIN)

    def _check_private(self, namespace: str) -> None:
        if not self._sees_namespace(namespace):
            raise NotAllowed(f"claims of {namespace[:100]!r} are the server's own; ask an admin")

    def _sees_claim(self, about: Mapping[str, Any]) -> bool:
        """One that says that it belongs to no experiment, such as a view of all, is seen by all."""
        if "experiment" in about and about["experiment"] is None:
            return True
        return any(map(self._caller.sees, self._places(str(about["name"]), about)))

    def _places(self, name: str, about: Mapping[str, Any]) -> list[str]:
        """The experiments of which one has to be the caller's, so that the claim is.

        The one that it names, or that of the run that it names, or its own name, as if that were an experiment.
        """
        if "experiment" in about:
            return [] if about["experiment"] is None else [str(about["experiment"])]
        uids = [str(about[key]) for key in ("run", "uid") if key in about]
        homes = self._index.homes(uids)
        for uid in uids:
            if uid in homes:
                return [homes[uid]]
        return [name]

    # -- contents -----------------------------------------------------------------------------------------------

    def put_bytes(self, content: bytes) -> tuple[str, int]:  # noqa: D102
        self.make_room(None)
        kept = self._store.put_bytes(content)
        self.showed(kept[0])
        return kept

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:  # noqa: D102
        self.make_room(None)
        kept = self._store.put_file(path)
        self.showed(kept[0])
        return kept

    def open_content(self, digest: str) -> BinaryIO:  # noqa: D102
        self._require_content(digest)
        return self._store.open_content(digest)

    def has_content(self, digest: str) -> bool:  # noqa: D102
        return self._store.has_content(digest) and digest in self.reached([digest])

    def content_path(self, digest: str) -> str:  # noqa: D102
        self._require_content(digest)
        return self._store.content_path(digest)

    def make_room(self, experiment: str | None, *, runs: int = 0) -> None:
        """See `runlore.server.context.Sight`."""
        if experiment is None:
            self._quotas.check_caller(self._caller)
        else:
            self._quotas.check(experiment, runs=runs)

    def showed(self, digest: str) -> None:
        """See `runlore.server.context.Sight`."""
        self._proofs.show(self.owner, digest)

    def _require_content(self, digest: str) -> None:
        if digest not in self.reached([digest]):
            raise ArtifactNotFound(f"the store has no contents with the SHA-256 {digest[:64]!r}")

    def reached(self, digests: Collection[str], *, fresh: bool = True) -> set[str]:
        """Those of some contents that the caller may read: something that it sees has them, or it showed them.

        Args:
            digests: SHA-256 of them, whether the store has them or not.
            fresh: look again, where the index may not have yet what refers to them.
        """
        if self._caller.may_everywhere(READ):
            return set(digests)
        found = self._proofs.shown(self.owner, digests)
        for attempt in range(2 if fresh else 1):
            left = set(digests) - found
            if not left:
                break
            if attempt:
                self._index.refresh()
            found |= {one.digest for one in self._proofs.undoubted(self._index.holders(list(left)))}
        return found

    def vet(self, uid: str, facts: Iterable[Fact]) -> None:
        """See that the caller may have a run say something, before it is recorded.

        References to contents that it may not read are noted: they give nobody those contents.

        Raises:
            NotAllowed: the run would belong to an experiment in which the caller may not write.
        """
        digests = set()
        for kind, key, value in facts:
            home = home_in(kind, key, value)
            if home is not None:
                require(self._caller, WRITE, [home])
            if kind == ARTIFACT and isinstance(value, dict) and isinstance(value.get("digest"), str):
                digests.add(value["digest"])
        self._refer(uid, digests)

    def _refer(self, holder: str, digests: set[str]) -> None:
        digests = set(filter(is_digest, digests))
        if not digests:
            return
        known = self.reached(digests, fresh=False)
        unknown = digests - known
        if unknown:  # what somebody had it say before is not this caller's to doubt
            unknown -= {one.digest for one in self._index.all_holders(list(unknown)) if one.uid == holder}
        self._proofs.refer(self.owner, holder, known=known, unknown=unknown)

    # -- cards --------------------------------------------------------------------------------------------------

    def versions_taken(self, card: CardName) -> list[Version]:  # noqa: D102
        return self._store.versions_taken(card)

    def claim_version(self, card: CardName, choose: Callable[[Sequence[Version]], Version]) -> Version:  # noqa: D102
        return self._store.claim_version(card, choose)  # it is no card yet: `complete_card` is asked

    def complete_card(self, card: CardName, version: Version, about: Mapping[str, Any]) -> None:  # noqa: D102
        said = about.get("metadata")
        run = str(about.get("run"))
        home = self._index.homes([run]).get(run) or self._made_in(run)
        described = said.get("experiment") if isinstance(said, dict) else None
        require(self._caller, WRITE, places_of(card.space, card.name, described, home))
        items = about.get("artifacts") or ()
        self._refer(str(about.get("uid")), {str(item.get("digest")) for item in items if isinstance(item, dict)})
        self._store.complete_card(card, version, about)

    def _made_in(self, uid: str) -> str | None:
        try:
            return self._store.open_run(uid).experiment
        except RunNotFound:
            return None

    def annotate_card(  # noqa: D102
        self, card: CardName, version: str, uid: str, facts: Iterable[Fact], *, after_ns: int = 0
    ) -> int:
        record = self._index.card(uid)
        if record is None or (record.kind, record.space, record.name) != tuple(card):
            places = [f"{card.space}/{card.name}"]
        else:
            places = card_places(record, self._index.homes([record.run] if record.run else []))
        require(self._caller, WRITE, places)
        return self._store.annotate_card(card, version, uid, facts, after_ns=after_ns)


def home_in(kind: str, key: str, value: Any) -> str | None:
    """The experiment to which a run belongs that says this; None: it says nothing of that."""
    if kind == ATTRIBUTE and key == "experiment":
        found = value
    else:
        found = value.get("experiment") if kind == START and isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def require(caller: Caller, needs: str, places: Sequence[str]) -> None:
    """See that the caller may do something in one of some experiments; none of them: in all.

    Raises:
        NotAllowed: it may not.
    """
    if any(caller.may(needs, place) for place in places) or caller.may_everywhere(needs):
        return
    where = " or ".join(repr(place[:200]) for place in places) or "all experiments"
    raise NotAllowed(f"{caller.name!r} may not {needs} in {where}; ask an admin for a role there")
