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
from time import time_ns
from typing import BinaryIO

from runlore.config import store_path
from runlore.errors import (
    ArtifactNotFound,
    InvalidArgument,
    ReadOnlyStore,
    RunNotFound,
    StoreNotFound,
)
from runlore.files import is_directory, is_regular
from runlore.names import encode_path, is_uid
from runlore.store import blobs, format_file, numbers
from runlore.store.listing import check_directory, check_path, find_directory

JOURNAL = "journal"


def open_store(store: str | os.PathLike[str] | DirectoryStore | None = None, *, create: bool = False) -> DirectoryStore:
    """The store to use; see `runlore.config.store_path` for which one that is.

    Args:
        store: a path, a store that is open already, or None.
        create: make it if it does not exist.

    Raises:
        StoreNotFound: it does not exist, and `create` is false.
        ReadOnlyStore: it does not exist and cannot be created.
        UnsupportedFormat: a newer version of Runlore made it.
    """
    if isinstance(store, DirectoryStore):
        return store
    opened = DirectoryStore(store_path(store))
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


class DirectoryStore:
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
                    from runlore.store.folders import make_folders

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
        unread: list[str] = []
        found = find_directory(self.runs_root, uid, unread) if is_uid(uid) else None
        if found is not None:
            return found
        where = f" as far as it can be read; {unread[0]!r} cannot" if unread else "; `runlore ls` lists what is there"
        raise RunNotFound(f"no run has the uid {uid!r} in the store {self.root!r}{where}")

    def touch_run(self, directory: str) -> None:
        """Let readers know that something was added to a run that existed before."""
        now = time_ns()
        os.utime(directory, ns=(now, now))
        os.utime(os.path.dirname(directory), ns=(now, now))

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

    # -- contents -----------------------------------------------------------------------------------------------

    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Keep contents; returns their SHA-256 in hex and their size in bytes."""
        return blobs.put_bytes(self.blobs_root, content)

    def put_file(self, path: str) -> tuple[str, int]:
        """Keep a copy of a file, streamed; returns its SHA-256 in hex and its size in bytes."""
        return blobs.put_file(self.blobs_root, path)

    def blob_path(self, digest: str) -> str:
        """Where contents with this SHA-256 are, or would be."""
        return blobs.path_of(self.blobs_root, digest)

    def open_content(self, digest: str) -> BinaryIO:
        """Contents by their SHA-256, as a binary file for reading, which can be sought.

        Raises:
            ArtifactNotFound: the store has none of this digest.
            DamagedFile: something else is in their place: a link, which is not followed, or no file.
        """
        try:
            return blobs.open_blob(self.blobs_root, digest)
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"the store {self.root!r} has no contents with the SHA-256 {digest}") from error

    def has_content(self, digest: str) -> bool:
        """Whether the store has contents of this digest, or something in their place."""
        return os.path.lexists(self.blob_path(digest))

    def content_path(self, digest: str) -> str:
        """A file that holds the contents. It belongs to the store: read it, do not change it.

        Raises:
            ArtifactNotFound, DamagedFile: as for `open_content`.
        """
        self.open_content(digest).close()
        return self.blob_path(digest)
