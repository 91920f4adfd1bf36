"""The contract of a store: where runs, contents and cards are kept, whatever keeps them.

`DirectoryStore` keeps them as files. A server's client sends them, a store for tests keeps them in memory. Nothing
above knows which one it has. `runlore.testing` has the suite that says what a store is, as tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from runlore.errors import NotLocal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, BinaryIO, TypeAlias

    from runlore.recorder import Recorder
    from runlore.store.cards import CardName
    from runlore.store.content import RunPoints, StoredEvent
    from runlore.versions import Version

    StoreLike: TypeAlias = "str | os.PathLike[str] | Store"
    """A store, or its address."""

    Fact: TypeAlias = tuple[str, str, Any]
    """(kind, key, value) of an event that is added to a run or card."""


class RecordedRun(ABC):
    """One run of a store, for reading and for adding facts to it.

    **Consistent.** Each call sees the run as it is at one moment, while it is written and while it is sealed.

    **Threads.** All methods may be called from several threads at once.

    Attributes:
        uid: 32 hexadecimal digits.
        location: where it is, for messages: a path or an address.
    """

    uid: str
    location: str

    @property
    @abstractmethod
    def experiment(self) -> str:
        """The experiment in which it was made, as far as the store tells without looking into the run."""

    @property
    def directory(self) -> str:
        """The directory of this machine in which it lies.

        Raises:
            NotLocal: its store keeps it elsewhere; `location` says where.
        """
        raise NotLocal(f"run {self.uid} lies in no directory of this machine: it is at {self.location}")

    @property
    def outputs(self) -> str:
        """Where a program of this machine puts files of its own that belong to the run; not made here.

        Raises:
            NotLocal: there is no such place.
        """
        return f"{self.directory}/outputs"

    keeps_outputs = True
    """Whether what is there stays with the run; where not, it is made artifacts of when the run ends."""

    @property
    def journal_directory(self) -> str | None:
        """Where processes of this machine write journals of the run; None: nowhere, what is recorded goes elsewhere."""
        return None

    @abstractmethod
    def points(self, keys: Collection[str] | None = None) -> RunPoints:
        """The points of its series, as far as they are committed. Those with extra columns of their own are events.

        Args:
            keys: the series wanted; None: all. Only these are read, and sent.

        Raises:
            RunNotFound: it was deleted meanwhile.
            UnsupportedFormat, DamagedFile: it cannot be read.
        """

    @abstractmethod
    def events(self, kinds: Collection[str] | None = None) -> list[StoredEvent]:
        """Its events, in the order (time, writer, sequence).

        Args:
            kinds: the kinds wanted; None: all.

        Raises:
            RunNotFound, UnsupportedFormat, DamagedFile: as for `points`.
        """

    @abstractmethod
    def follow(self, kinds: Collection[str] | None = None) -> Follower:
        """Its events as they are recorded, beginning with those that are there."""

    @abstractmethod
    def start(self) -> dict[str, Any]:
        """What its start event says: experiment, number, name … Empty where that was not written yet, or is lost."""

    @abstractmethod
    def record(self, *, first: bool = False, lazily: bool = False) -> Recorder:
        """A new writer of the run, beside those that it has. Readers learn of it by themselves.

        Args:
            first: the caller made the run just now, so that readers will look at it in any case.
            lazily: make it with the first record, so that one through which nothing is recorded leaves no trace. What
                goes wrong then is counted as lost.

        Raises:
            ReadOnlyStore: the store cannot be written to.
            OSError: there is no room for a writer. The run is as it was.
        """

    @abstractmethod
    def annotate(self, facts: Iterable[Fact], *, after_ns: int = 0) -> int:
        """Record facts of the run from outside of it, all at one time. Its status stays; it may have ended.

        What a returned call recorded is on the disk.

        Args:
            facts: what to record; values as JSON.
            after_ns: they get a later time than this one, so that they win over what the caller has read.

        Returns:
            The time that they got, in ns.

        Raises:
            WrongType, InvalidArgument: a value cannot be stored. Nothing was recorded.
            NotStored: they could not be kept.
            ReadOnlyStore: the store cannot be written to.
        """

    @abstractmethod
    def is_alive(self) -> tuple[bool, str]:
        """Whether some writer lives, and how that was found: `lock`, `process`, `age` or `closed`."""

    def sync(self) -> None:  # noqa: B027 - most stores have nothing to do
        """Wait, for a bounded time, until what this process recorded is where others read it; say what is not.

        In most stores it always is.
        """


class Follower(ABC):
    """Gives each event of a run once, also across sealing and writers that join later."""

    @abstractmethod
    def poll(self) -> list[StoredEvent]:
        """The events that were recorded since the last call, in time order.

        Raises:
            RunNotFound: the run was deleted meanwhile.
        """


class Store(ABC):
    """Where runs, contents and cards are kept.

    **Durable.** What a returned call wrote survives the death of the process. Contents, claims and cards are on the
    disk.

    **Atomic.** Creating a run, claiming and putting contents happen as a whole or not at all; of processes that do the
    same at once, exactly one is told that it was the one.

    **Idempotent.** Contents that are there are not kept twice.

    **Threads and processes** may use one store, or several of the same address, at once; also after `fork`.

    **Errors.** `ReadOnlyStore` where it cannot be written to, `NotReachable` where it is elsewhere and does not answer.

    Attributes:
        location: where it is, for messages: a path or an address.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def location(self) -> str:
        """Where it is, for messages: a path or an address."""

    # -- runs ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_run(self, experiment: str, uid: str) -> bool:
        """Make a run. Returns whether it is new: of several that make the same at once, exactly one is told so.

        Raises:
            ReadOnlyStore: the store cannot be written to.
        """

    @abstractmethod
    def abandon_run(self, experiment: str, uid: str) -> None:
        """Take back `create_run`, where nothing could be recorded. A run that somebody else joined meanwhile stays."""

    @abstractmethod
    def open_run(self, uid: str, *, experiment: str | None = None) -> RecordedRun:
        """A run of the store.

        Args:
            uid: of the run.
            experiment: where it is; None: look for it.

        Raises:
            RunNotFound: no run of the store, or of the experiment, has this uid.
        """

    @abstractmethod
    def points(
        self, uids: Sequence[str], keys: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, RunPoints]]:  # fmt: skip
        """The points of several runs, one after the other: (uid, points). Runs that are gone are left out.

        Args:
            uids: of the runs.
            keys: the series wanted; None: all.
            experiment: where to look for them first; None: nowhere in particular.
        """

    @abstractmethod
    def events(
        self, uids: Sequence[str], kinds: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, list[StoredEvent]]]:  # fmt: skip
        """The events of several runs, one after the other: (uid, events). Runs that are gone are left out.

        Args:
            uids: of the runs.
            kinds: the kinds wanted; None: all.
            experiment: as for `points`.
        """

    @abstractmethod
    def delete_experiment(self, experiment: str) -> int:
        """Remove an experiment: its runs, and the claims of their numbers. At once and for good.

        Returns:
            How many runs were removed.
        """

    # -- claims -------------------------------------------------------------------------------------------------

    @abstractmethod
    def claim_number(self, experiment: str, uid: str) -> int:
        """The next number of the experiment, counted from 1, for this run alone. It is never given out again.

        0 where numbers are given elsewhere, and later: `RecordedRun.start` tells it then.
        """

    @abstractmethod
    def claim(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
        """Claim a name that only one may have. Returns whether it was free; if not, nothing was changed.

        Args:
            namespace: names of different namespaces do not meet.
            name: any text.
            about: what to remember of it, as JSON; of a run its `uid` and the `time_ns` of the claim.
        """

    @abstractmethod
    def claimed(self, namespace: str, name: str) -> dict[str, Any] | None:
        """What was said when the name was claimed, with the `name`; None where it is free.

        Raises:
            DamagedFile: the claim cannot be read.
        """

    @abstractmethod
    def claims(self, namespace: str) -> list[dict[str, Any]]:
        """All claims of a namespace, each with its `name`, sorted by it.

        One that cannot be read is left out, which is said on stderr once: it must not hide the others. `claimed` raises
        for it.
        """

    @abstractmethod
    def release(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
        """Give a name back, if it is still claimed with exactly this. Returns whether it was."""

    @abstractmethod
    def reclaim(self, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]) -> bool:
        """Remember something else of a name, if it is still claimed with exactly this. Returns whether it was.

        It is claimed all the time: whoever looks finds the one or the other.
        """

    # -- contents -----------------------------------------------------------------------------------------------

    @abstractmethod
    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Keep contents; returns their SHA-256 in hex and their size in bytes."""

    @abstractmethod
    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:
        """Keep a copy of a file, streamed; returns its SHA-256 in hex and its size in bytes."""

    @abstractmethod
    def open_content(self, digest: str) -> BinaryIO:
        """Contents by their SHA-256, as a binary file for reading, which can be sought.

        Raises:
            ArtifactNotFound: the store has none of this digest.
        """

    @abstractmethod
    def has_content(self, digest: str) -> bool:
        """Whether the store has contents of this digest."""

    @abstractmethod
    def content_path(self, digest: str) -> str:
        """A file of this machine that holds the contents. It belongs to the store: read it, do not change it.

        A store that keeps no files fetches them into a cache of the user's first.

        Raises:
            ArtifactNotFound: the store has none of this digest.
        """

    # -- cards --------------------------------------------------------------------------------------------------

    @abstractmethod
    def versions_taken(self, card: CardName) -> list[Version]:
        """Every version of a name that was ever claimed, also by registrations that died and by deleted cards."""

    @abstractmethod
    def claim_version(self, card: CardName, choose: Callable[[Sequence[Version]], Version]) -> Version:
        """Claim a version of a name for one registration. Of several that claim at once, each gets another one.

        Args:
            card: kind, space and name.
            choose: gets all versions that are taken; gives the one to claim. Called again when another was faster.

        Raises:
            AlreadyExists: it chose one that is taken.
        """

    @abstractmethod
    def complete_card(self, card: CardName, version: Version, about: Mapping[str, Any]) -> None:
        """Make a claimed version a card: all that is said of it is there, or nothing."""

    @abstractmethod
    def annotate_card(
        self, card: CardName, version: str, uid: str, facts: Iterable[Fact], *, after_ns: int = 0
    ) -> int:  # fmt: skip
        """Record facts of a card, all at one time, which is returned in ns; see `RecordedRun.annotate`."""

    def card_directory(self, card: CardName, version: str) -> str:
        """The directory of this machine in which one version of a card lies.

        Raises:
            NotLocal: the store keeps it elsewhere.
        """
        raise NotLocal(f"card {card}@{version} lies in no directory of this machine: it is at {self.location}")
