"""A store in a directory: its layout, and how runs are created and found in it.

    format                          version of this layout
    runs/<experiment path>/<uid>/   journal/<writer>.rlj, later metrics.parquet and events.parquet
    numbers/<experiment path>/<n>   claims of run numbers
    blobs/<ab>/<sha256>             artifact contents
    catalog.sqlite                  derived

Whoever opens a journal in a run that existed before touches the run's directory and its experiment's, so that readers
find it by comparing directory times. Both are safe to call from several processes at once.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from time import time_ns

from runlore.config import store_address
from runlore.errors import (
    ArtifactNotFound,
    InvalidArgument,
    NotLocal,
    ReadOnlyStore,
    RunNotFound,
    StoreNotFound,
)
from runlore.files import check_directory, check_path, is_directory, is_regular, make_folders
from runlore.journal.folder import JOURNAL
from runlore.names import encode, encode_path, is_uid
from runlore.store import blobs, format_file, numbers
from runlore.store.base import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, BinaryIO, overload

    from runlore.store.base import Fact
    from runlore.store.cards import CardName
    from runlore.store.content import RunPoints, StoredEvent
    from runlore.store.directory_run import DirectoryRun
    from runlore.versions import Version


if TYPE_CHECKING:

    @overload
    def open_store(
        store: str | os.PathLike[str] | DirectoryStore | None = None, *, create: bool = False
    ) -> DirectoryStore: ...
    @overload
    def open_store(store: str | os.PathLike[str] | Store | None = None, *, create: bool = False) -> Store: ...


def open_store(store: str | os.PathLike[str] | Store | None = None, *, create: bool = False) -> Store:
    """The directory to use as a store. `runlore.opening.open_store` opens stores of every kind.

    Args:
        store: a path, a store that is open already, or None; see `runlore.config.store_address` for which one that
            is.
        create: make it if it does not exist.

    Raises:
        StoreNotFound: it does not exist, and `create` is false.
        ReadOnlyStore: it does not exist and cannot be created.
        UnsupportedFormat: a newer version of Runlore made it.
        InvalidArgument: it is the address of a server.
    """
    if isinstance(store, Store):
        return store
    address = store_address(store)
    if "://" in address:
        raise InvalidArgument(
            f"store={address!r} is the address of a server, and a directory of this machine is needed here"
        )
    opened = DirectoryStore(address)
    if format_file.is_current(opened.root):
        return opened
    if not opened.exists():
        if not create:
            raise StoreNotFound(
                f"there is no store at {opened.root!r}. Record a run first (runlore.start), "
                "or name another store with RUNLORE_STORE or --store"
            )
        opened.create()
    format_file.check(opened.root)
    return opened


def in_files(store: Store, purpose: str) -> DirectoryStore:
    """The store as files of this machine, for what works on those.

    Args:
        store: any.
        purpose: what is to be done, for the message.

    Raises:
        NotLocal: it keeps no files here.
    """
    if isinstance(store, DirectoryStore):
        return store
    raise NotLocal(f"{purpose} works on the files of a store, and {store.location!r} keeps none on this machine")


class DirectoryStore(Store):
    """A store in a directory.

    Attributes:
        root: its absolute path.
    """

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"DirectoryStore({self.root!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DirectoryStore) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    @property
    def location(self) -> str:
        """Its absolute path."""
        return self.root

    # -- the store itself ---------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether something that looks like a store is there, even if it lost its file `format`."""
        return is_regular(os.path.join(self.root, "format")) or (
            is_directory(self.runs_root) and is_directory(os.path.join(self.root, "numbers"))
        )

    def create(self) -> None:
        """Make the store; harmless if another process does the same.

        Raises:
            ReadOnlyStore: the place cannot be written to.
            InvalidArgument: something that is no store is in the way.
        """
        try:
            os.makedirs(self.runs_root, exist_ok=True)
            format_file.write_once(os.path.join(self.root, ".gitignore"), "*\n")
            format_file.write(self.root)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise ReadOnlyStore(
                    f"the store {self.root!r} cannot be created: {error.strerror}. "
                    "Name a place that you can write to with store= or RUNLORE_STORE"
                ) from error
            if error.errno in (errno.EEXIST, errno.ENOTDIR):
                raise InvalidArgument(
                    f"store={self.root!r} cannot be a store: a file is in the way ({error.filename!r})"
                ) from error
            raise

    @property
    def runs_root(self) -> str:
        """The directory under which experiments are."""
        return os.path.join(self.root, "runs")

    @property
    def cards_root(self) -> str:
        """The directory under which cards are."""
        return os.path.join(self.root, "cards")

    @property
    def blobs_root(self) -> str:
        """The directory of artifact contents."""
        return os.path.join(self.root, "blobs")

    # -- runs ---------------------------------------------------------------------------------------------------

    def run_directory(self, experiment: str, uid: str) -> str:
        """Where a run of this experiment is, or would be."""
        return f"{self.root}/runs/{encode_path(experiment)}/{uid}"

    def create_run(self, experiment: str, uid: str) -> bool:
        """Make the directory of a run. Returns whether it is new: of several processes, exactly one is told so.

        Raises:
            ReadOnlyStore: the store cannot be written to.
            DamagedFile: a link, or a file, is in the place of a directory.
        """
        directory = self.run_directory(experiment, uid)
        check_path(self.root, f"runs/{encode_path(experiment)}")
        try:
            while True:
                try:
                    os.mkdir(directory)
                except FileNotFoundError:  # noqa: PERF203 - the first run of its experiment, or the last one just goes
                    make_folders(os.path.dirname(directory))
                else:
                    break
            try:
                os.mkdir(f"{directory}/{JOURNAL}")
            except (FileExistsError, FileNotFoundError):  # a process that joins made it; the experiment is removed
                os.makedirs(f"{directory}/{JOURNAL}", exist_ok=True)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise ReadOnlyStore(
                    f"the store {self.root!r} cannot be written to: {error.strerror} ({error.filename!r}). "
                    "Nothing was recorded. Name another store with store= or RUNLORE_STORE"
                ) from error
            raise
        return True

    def find_run(self, uid: str) -> str:
        """The directory of the run with this uid, whatever its experiment.

        Raises:
            RunNotFound: no run of the store has it.
        """
        from runlore.store.listing import find_directory

        unread: list[str] = []
        found = find_directory(self.runs_root, uid, unread) if is_uid(uid) else None
        if found is not None:
            return found
        where = f" as far as it can be read; {unread[0]!r} cannot" if unread else "; `runlore ls` lists what is there"
        raise RunNotFound(f"no run has the uid {uid!r} in the store {self.root!r}{where}")

    def abandon_run(self, experiment: str, uid: str) -> None:  # noqa: D102 - described by the contract
        directory = self.run_directory(experiment, uid)
        with suppress(OSError):  # somebody joined it meanwhile, or the disk does not even let go
            os.rmdir(f"{directory}/{JOURNAL}")
            os.rmdir(directory)

    def open_run(self, uid: str, *, experiment: str | None = None) -> DirectoryRun:  # noqa: D102
        from runlore.store.directory_run import DirectoryRun

        if experiment is None:
            return DirectoryRun(self, uid, self.find_run(uid))
        directory = self.run_directory(experiment, uid) if is_uid(uid) else ""
        if not is_directory(directory):
            raise RunNotFound(f"experiment {experiment!r} has no run with the uid {uid!r} in the store {self.root!r}")
        return DirectoryRun(self, uid, directory)

    def points(  # noqa: D102
        self, uids: Sequence[str], keys: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, RunPoints]]:
        from runlore.store.content import read_points

        for uid, directory in self._directories(uids, experiment):
            try:
                yield uid, read_points(directory, keys)
            except RunNotFound:  # noqa: PERF203 - one that was deleted since must not hide the others
                continue

    def events(  # noqa: D102
        self, uids: Sequence[str], kinds: Collection[str] | None = None, *, experiment: str | None = None
    ) -> Iterator[tuple[str, list[StoredEvent]]]:
        from runlore.store.content import read_events

        for uid, directory in self._directories(uids, experiment):
            try:
                yield uid, read_events(directory, kinds)
            except RunNotFound:  # noqa: PERF203 - one that was deleted since must not hide the others
                continue

    def _directories(self, uids: Sequence[str], experiment: str | None) -> list[tuple[str, str]]:
        """(uid, directory) of the runs that are there, in order: where they should be, or else anywhere."""
        known = {uid: self.run_directory(experiment, uid) for uid in uids if is_uid(uid)} if experiment else {}
        found = {uid: directory for uid, directory in known.items() if is_directory(directory)}
        missing = {uid for uid in uids if is_uid(uid) and uid not in found}
        if missing:
            from runlore.store.listing import run_directories

            for directory in run_directories(self.runs_root):
                uid = os.path.basename(directory)
                if uid in missing:
                    found[uid] = directory
        return [(uid, found[uid]) for uid in dict.fromkeys(uids) if uid in found]

    def delete_experiment(self, experiment: str) -> int:  # noqa: D102
        from runlore.store.deletion import delete_experiment

        return delete_experiment(self, experiment)

    def touch_run(self, directory: str) -> None:
        """Let readers know that something was added to a run that existed before."""
        now = time_ns()
        for path in (directory, os.path.dirname(directory)):
            _touch(path, now)

    def journal_directory(self, run_directory: str) -> str:
        """The directory of a run's live journals; made if a sealed run has none.

        Raises:
            DamagedFile: a link, or a file, is in its place.
        """
        path = os.path.join(run_directory, JOURNAL)
        check_directory(path)
        os.makedirs(path, exist_ok=True)
        return path

    def claim_number(self, experiment: str, uid: str) -> int:
        """The next number of the experiment, for this run alone. See `runlore.store.numbers`.

        Raises:
            DamagedFile: a link, or a file, is in the place of a directory.
        """
        place = numbers.place_of(self.root, experiment)
        check_path(self.root, place)
        return numbers.claim(f"{self.root}/{place}", uid)

    # -- claims -------------------------------------------------------------------------------------------------

    def claim(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        from runlore.store import claims

        return claims.claim(self.root, namespace, name, about)

    def claimed(self, namespace: str, name: str) -> dict[str, Any] | None:  # noqa: D102
        from runlore.store import claims

        return claims.claimed(self.root, namespace, name)

    def claims(self, namespace: str) -> list[dict[str, Any]]:  # noqa: D102
        from runlore.store import claims

        return claims.claims(self.root, namespace)

    def release(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        from runlore.store import claims

        return claims.release(self.root, namespace, name, about)

    def reclaim(  # noqa: D102
        self, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]
    ) -> bool:
        from runlore.store import claims

        return claims.reclaim(self.root, namespace, name, about, instead)

    # -- contents -----------------------------------------------------------------------------------------------

    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Keep contents; returns their SHA-256 in hex and their size in bytes."""
        return blobs.put_bytes(self.blobs_root, content)

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:
        """Keep a copy of a file, streamed; returns its SHA-256 in hex and its size in bytes."""
        return blobs.put_file(self.blobs_root, os.fspath(path))

    def open_content(self, digest: str) -> BinaryIO:  # noqa: D102
        try:
            return blobs.open_blob(self.blobs_root, digest)
        except (FileNotFoundError, InvalidArgument) as error:
            raise _missing(digest) from error

    def has_content(self, digest: str) -> bool:  # noqa: D102
        return blobs.is_digest(digest) and is_regular(self.blob_path(digest))

    def content_path(self, digest: str) -> str:  # noqa: D102
        self.open_content(digest).close()
        return self.blob_path(digest)

    def blob_path(self, digest: str) -> str:
        """Where contents with this SHA-256 are, or would be."""
        return blobs.path_of(self.blobs_root, digest)

    # -- cards --------------------------------------------------------------------------------------------------

    def versions_taken(self, card: CardName) -> list[Version]:  # noqa: D102
        from runlore.store import cards

        return cards.versions_taken(self._card_directory(card))

    def claim_version(self, card: CardName, choose: Callable[[Sequence[Version]], Version]) -> Version:  # noqa: D102
        from runlore.store import cards

        directory = self._card_directory(card)
        check_path(self.root, os.path.relpath(directory, self.root))
        return cards.claim(directory, choose)

    def complete_card(self, card: CardName, version: Version, about: Mapping[str, Any]) -> None:  # noqa: D102
        from runlore.store import cards

        cards.complete(self.card_directory(card, str(version)), about)

    def annotate_card(  # noqa: D102
        self, card: CardName, version: str, uid: str, facts: Iterable[Fact], *, after_ns: int = 0
    ) -> int:
        from runlore.store import cards

        directory = self.card_directory(card, version)
        check_path(self.root, os.path.relpath(directory, self.root))
        return cards.append(directory, uid, facts, after_ns=after_ns)

    def card_directory(self, card: CardName, version: str) -> str:
        """The directory of one version of a card."""
        return os.path.join(self._card_directory(card), encode(version))

    def _card_directory(self, card: CardName) -> str:
        return card.directory(os.path.join(self.root, "cards"))


def _missing(digest: str) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"contents with the SHA-256 {digest!r} are not in the store. Either they were removed by a retention rule (the "
        "run's `removed` events say so), or `runlore doctor` lists the damage"
    )


def _touch(path: str, time_ns: int) -> None:
    try:
        os.utime(path, ns=(time_ns, time_ns))
    except PermissionError:  # somebody else's directory, in which we may write all the same: the kernel's time, then
        os.utime(path)
