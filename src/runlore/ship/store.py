"""A server as a store to record into: runs and contents go to the spool, everything else is asked of the server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore import config
from runlore.errors import NotReachable, RunNotFound
from runlore.index.store import IndexedStore
from runlore.journal.folder import JOURNAL
from runlore.names import is_uid
from runlore.notices import say_once
from runlore.remote.address import Address
from runlore.ship.settings import is_offline, sync_timeout_s
from runlore.ship.shipper import amount, shipper_of
from runlore.ship.spool import open_spool
from runlore.store.base import RecordedRun
from runlore.store.directory_run import DirectoryRun

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from runlore.index.base import Index
    from runlore.recorder import Recorder
    from runlore.remote.store import ServerStore
    from runlore.ship.client import SentRun
    from runlore.ship.shipper import Shipper
    from runlore.ship.spool import Spool
    from runlore.store.base import Fact, Follower
    from runlore.store.cards import CardName
    from runlore.store.content import RunPoints, StoredEvent
    from runlore.versions import Version

_ASK_S = 5.0
"""What a question at the start of a run may take: whether the server knows it."""
_NUMBER_S = 5.0
_TRIES = 10


def open_spooled(address: str) -> SpooledStore:
    """The server at an address, to record into. Whether it answers does not matter.

    Raises:
        InvalidArgument: there is no kind of store with such an address, or no place for a spool.
        NotStored: the spool cannot be used.
    """
    is_offline()
    sync_timeout_s()
    return SpooledStore(str(Address.parse(address)))


class SpooledStore(IndexedStore):
    """See the module.

    Args:
        address: of the server.

    Raises:
        As `open_spooled`.
    """

    __slots__ = ("_address", "_server", "_spool")

    def __init__(self, address: str) -> None:
        self._address = address
        self._spool = open_spool(address)
        self._server: ServerStore | None = None

    def __repr__(self) -> str:
        return f"SpooledStore({self._address!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpooledStore) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def __reduce__(self) -> tuple[type[SpooledStore], tuple[str]]:
        return type(self), (self._address,)

    @property
    def location(self) -> str:
        """The address of the server."""
        return self._address

    @property
    def spool(self) -> Spool:
        """Where what is recorded waits."""
        return self._spool

    @property
    def server(self) -> ServerStore:
        """The server's store, for reading."""
        if self._server is None:
            from runlore.remote.store import open_server

            self._server = open_server(self._address)
        return self._server

    def index(self) -> Index:  # noqa: D102 - described by the contract
        return self.server.index()

    # -- recording: the spool ---------------------------------------------------------------------------------------

    def create_run(self, experiment: str, uid: str) -> bool:  # noqa: D102 - described by the contract
        directory = self._spool.store.run_directory(experiment, uid)
        if os.path.isdir(directory):
            return False
        if uid == config.joined_run() and not self._is_new_there(experiment, uid):
            return False
        is_new = self._spool.store.create_run(experiment, uid)
        self._spool.hold(experiment, uid)
        return is_new

    def _is_new_there(self, experiment: str, uid: str) -> bool:
        """Whether this process is the first of those that were told to record into the run."""
        from runlore.ship.client import Refused
        from runlore.ship.connection import Unreachable

        if is_offline():
            return True
        try:
            return self._asked(lambda client: client.announce(experiment, uid)).is_new
        except (Unreachable, Refused):
            return False  # whoever set the variables has begun it

    def abandon_run(self, experiment: str, uid: str) -> None:  # noqa: D102
        self._spool.forget_run(experiment, uid)

    def open_run(self, uid: str, *, experiment: str | None = None) -> SpooledRun:  # noqa: D102
        if not is_uid(uid):
            raise RunNotFound(f"uid={uid!r} is no uid: 32 hexadecimal digits")
        known = self._spool.experiment_of(uid, experiment)
        if known is not None:
            return SpooledRun(self, uid, known)
        there = self._look(uid, experiment)
        return SpooledRun(self, uid, there.experiment, there)

    def _look(self, uid: str, experiment: str | None) -> SentRun:
        """What the server says of a run that is not in the spool; where it does not, the experiment that was given."""
        from runlore.ship.client import Gone, Refused, SentRun
        from runlore.ship.connection import Unreachable

        given = None if experiment is None else SentRun(uid, experiment, None, None, is_new=False)
        if is_offline():
            if given is not None:
                return given
            raise NotReachable(f"run {uid} is not on this machine, and RUNLORE_OFFLINE=1 keeps us from asking for it")
        try:
            return self._asked(lambda client: client.look(uid))
        except Gone as error:
            raise RunNotFound(f"no run has the uid {uid!r} at {self._address}") from error
        except (Unreachable, Refused) as error:
            if given is not None:
                return given  # it will turn out when it is sent
            raise NotReachable(
                f"run {uid} is not on this machine, and {self._address} does not tell of it: {error}. Nothing was "
                "recorded; try again, or start a new run"
            ) from error

    def _asked(self, question: Callable[[Any], SentRun]) -> SentRun:
        """An answer of the server's, at once."""
        from contextlib import closing

        from runlore.ship.client import Client

        with closing(Client(self._address, _ASK_S)) as client:
            return question(client)

    def claim_number(self, experiment: str, uid: str) -> int:  # noqa: ARG002 - the server gives it
        """0: the server gives the number when the run arrives."""
        return 0

    def put_bytes(self, content: bytes) -> tuple[str, int]:  # noqa: D102
        return self._spool.store.put_bytes(content)

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:  # noqa: D102
        return self._spool.store.put_file(path)

    def has_content(self, digest: str) -> bool:  # noqa: D102
        return self._spool.store.has_content(digest) or self.server.has_content(digest)

    def open_content(self, digest: str) -> BinaryIO:  # noqa: D102
        here = self._spool.store.has_content(digest)
        return (self._spool.store if here else self.server).open_content(digest)

    def content_path(self, digest: str) -> str:  # noqa: D102
        here = self._spool.store.has_content(digest)
        return (self._spool.store if here else self.server).content_path(digest)

    # -- everything else: the server --------------------------------------------------------------------------------

    def points(  # noqa: D102
        self, uids: Sequence[str], keys: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, RunPoints]]:
        return self.server.points(uids, keys, experiment=experiment)

    def events(  # noqa: D102
        self, uids: Sequence[str], kinds: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, list[StoredEvent]]]:
        return self.server.events(uids, kinds, experiment=experiment)

    def delete_experiment(self, experiment: str) -> int:  # noqa: D102
        return self.server.delete_experiment(experiment)

    def claim(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        return self.server.claim(namespace, name, about)

    def claimed(self, namespace: str, name: str) -> dict[str, Any] | None:  # noqa: D102
        return self.server.claimed(namespace, name)

    def claims(self, namespace: str) -> list[dict[str, Any]]:  # noqa: D102
        return self.server.claims(namespace)

    def release(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        return self.server.release(namespace, name, about)

    def reclaim(  # noqa: D102
        self, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]
    ) -> bool:
        return self.server.reclaim(namespace, name, about, instead)

    def versions_taken(self, card: CardName) -> list[Version]:  # noqa: D102
        return self.server.versions_taken(card)

    def claim_version(self, card: CardName, choose: Callable[[Sequence[Version]], Version]) -> Version:  # noqa: D102
        return self.server.claim_version(card, choose)

    def complete_card(self, card: CardName, version: Version, about: Mapping[str, Any]) -> None:  # noqa: D102
        self.server.complete_card(card, version, about)

    def annotate_card(  # noqa: D102
        self, card: CardName, version: str, uid: str, facts: Iterable[Fact], *, after_ns: int = 0
    ) -> int:
        return self.server.annotate_card(card, version, uid, facts, after_ns=after_ns)


class SpooledRun(RecordedRun):
    """A run that is recorded here and sent to a server.

    Args:
        store: the server.
        uid: of the run.
        experiment: its experiment.
        known: what the server said of it, if it was asked.
    """

    def __init__(self, store: SpooledStore, uid: str, experiment: str, known: SentRun | None = None) -> None:
        self._store = store
        self._experiment = experiment
        self._known = known
        self.uid = uid
        self.location = f"{store.location}/{experiment}/{uid}"

    def __repr__(self) -> str:
        return f"SpooledRun({self.location!r})"

    @property
    def experiment(self) -> str:  # noqa: D102 - described by the contract
        return self._experiment

    @property
    def journal_directory(self) -> str:  # noqa: D102
        return f"{self._spool_directory}/{JOURNAL}"

    @property
    def outputs(self) -> str:
        """A directory of the spool. What is in it becomes artifacts when the run ends: at the server it has none."""
        return f"{self._store.spool.root}/outputs/{self.uid}"

    keeps_outputs = False

    @property
    def _spool_directory(self) -> str:
        return self._store.spool.store.run_directory(self._experiment, self.uid)

    @property
    def _shipper(self) -> Shipper:
        return shipper_of(self._store.spool)

    def record(self, *, first: bool = False, lazily: bool = False) -> Recorder:  # noqa: ARG002, D102
        spool = self._store.spool
        for last in (*[False] * _TRIES, True):
            directory = spool.hold(self._experiment, self.uid)
            try:
                recorder = DirectoryRun(spool.store, self.uid, directory).record(first=True, lazily=lazily)
            except FileNotFoundError:  # what was there before was sent just now, and its directory went with it
                if last:
                    raise
            else:
                break
        spool.hold(self._experiment, self.uid)
        if not is_offline():
            self._shipper.watch(self.uid, directory)
        return recorder

    def start(self) -> dict[str, Any]:
        """What its start event says, and the number that the server gave it, waiting for that a moment."""
        from runlore.store.start_event import start_of

        about = start_of(self._spool_directory)
        sent = self._known
        if (sent is None or sent.number is None) and not is_offline():
            sent = self._shipper.sent_run(self.uid, _NUMBER_S)
        if sent is None:
            return about
        told = {"experiment": sent.experiment, "number": sent.number, "name": sent.name}
        return {**{name: value for name, value in told.items() if value is not None}, **about}

    def sync(self) -> None:  # noqa: D102
        spool = self._store.spool
        if is_offline():
            say_once(
                f"RUNLORE_OFFLINE=1: nothing is sent to {spool.address}. What is recorded waits in {spool.root!r}; "
                f"`runlore sync --store {spool.address}` sends it"
            )
            return
        self._shipper.watch(self.uid, self._spool_directory)
        timeout_s = sync_timeout_s()
        left = self._shipper.wait(self.uid, timeout_s)
        if left:
            say_once(
                f"{amount(spool.waiting_bytes(left))} of run {self._experiment} {self.uid} are still to be sent "
                f"to {spool.address}: {self._shipper.reason(left)}. They are kept; `runlore sync --store "
                f"{spool.address}` sends them"
            )

    def is_alive(self) -> tuple[bool, str]:  # noqa: D102
        directory = self._spool_directory
        if os.path.isdir(directory):
            return DirectoryRun(self._store.spool.store, self.uid, directory).is_alive()
        return self._there().is_alive()

    # -- reading: the server ------------------------------------------------------------------------------------------

    def _there(self) -> RecordedRun:
        return self._store.server.open_run(self.uid, experiment=self._experiment)

    def points(self, keys: Collection[str] | None = None) -> RunPoints:  # noqa: D102
        return self._there().points(keys)

    def events(self, kinds: Collection[str] | None = None) -> list[StoredEvent]:  # noqa: D102
        return self._there().events(kinds)

    def follow(self, kinds: Collection[str] | None = None) -> Follower:  # noqa: D102
        return self._there().follow(kinds)

    def annotate(self, facts: Iterable[Fact], *, after_ns: int = 0) -> int:  # noqa: D102
        return self._there().annotate(facts, after_ns=after_ns)
