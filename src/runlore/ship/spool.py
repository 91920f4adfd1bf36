"""The spool: where runs wait that are sent to a server. A directory store of this machine, one for each server.

    <root>/<server>/address                                what the server is called
    <root>/<server>/runs/<experiment path>/<uid>/          as in any directory store, and
        experiment                                         its name, as JSON
        journal/<writer>.rlj                               what is still to be sent
        journal/<writer>.sent                              it was, and is kept because the user wants that
    <root>/<server>/blobs/…                                contents

A journal goes as soon as the server has all of it on its disk, and with the last one the run. Contents go when no
journal is left that is older than they are: only a journal that was there before can name them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile, NotStored, ReadOnlyStore, RunNotFound
from runlore.failures import reason_of
from runlore.files import is_directory, is_regular, read_bytes
from runlore.journal.folder import JOURNAL, journals_in
from runlore.journal.liveness import lock_path
from runlore.model import new_uid, uid_time_ns
from runlore.names import check_path_name, encode, is_uid
from runlore.notices import say_once
from runlore.ship.settings import spool_root
from runlore.store import DirectoryStore, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EXPERIMENT = "experiment"
_ADDRESS = "address"
_SENT = ".sent"
_MOST_BYTES = 64 * 1024


class SpooledJournal(NamedTuple):
    """A journal that waits."""

    uid: str
    experiment: str
    writer: str
    path: str
    run_directory: str


class Spool:
    """What waits for one server.

    Args:
        address: of the server.
        root: its directory.
    """

    def __init__(self, address: str, root: str) -> None:
        self.address = address
        self.root = root
        self.store = DirectoryStore(root)

    # -- runs ---------------------------------------------------------------------------------------------------

    def hold(self, experiment: str, uid: str) -> str:
        """The directory of a run, made if it is not there (any more).

        Raises:
            ReadOnlyStore, OSError: it cannot be made.
        """
        self.store.create_run(experiment, uid)
        directory = self.store.run_directory(experiment, uid)
        os.makedirs(os.path.join(directory, JOURNAL), exist_ok=True)
        place = os.path.join(directory, _EXPERIMENT)
        if not os.path.exists(place):
            _write(place, json.dumps(experiment))
        return directory

    def forget_run(self, experiment: str, uid: str) -> None:
        """Take back `hold`, where nothing was recorded."""
        self._forget(self.store.run_directory(experiment, uid), experiment)

    def experiment_of(self, uid: str, experiment: str | None) -> str | None:
        """The experiment of a run that is here; None: it is not.

        Args:
            uid: of the run.
            experiment: where it is; None: look for it.
        """
        if experiment is not None:
            return experiment if is_directory(self.store.run_directory(experiment, uid)) else None
        try:
            return self._experiment(self.store.find_run(uid))
        except RunNotFound:
            return None

    def journals(self) -> Iterator[SpooledJournal]:
        """All journals that are still to be sent."""
        from runlore.store.listing import run_directories

        for directory in run_directories(self.store.runs_root):
            yield from self.journals_of(directory)

    def journals_of(self, directory: str) -> list[SpooledJournal]:
        """Those of one run that are still to be sent."""
        uid = os.path.basename(directory)
        try:
            found = [item for item in journals_in(os.path.join(directory, JOURNAL)) if is_uid(item[0])]
        except DamagedFile:
            return []
        waiting = [(writer, path) for writer, path in found if not os.path.exists(_sent_mark(path))]
        if not waiting:
            return []
        experiment = self._experiment(directory)
        return [SpooledJournal(uid, experiment, writer, path, directory) for writer, path in waiting]

    def _experiment(self, directory: str) -> str:
        with suppress(OSError, DamagedFile, ValueError):
            return check_path_name(
                json.loads(read_bytes(os.path.join(directory, _EXPERIMENT), _MOST_BYTES)), "experiment"
            )
        from runlore.store.start_event import start_of

        found = start_of(directory).get("experiment")
        if isinstance(found, str):
            return found
        from urllib.parse import unquote

        return unquote(os.path.relpath(os.path.dirname(directory), self.store.runs_root))

    # -- what the server has --------------------------------------------------------------------------------------

    def release(self, journal: SpooledJournal, *, keep: bool) -> None:
        """The server has all of this journal: let go of it, and of the run with its last one.

        Raises:
            OSError: it cannot be removed.
        """
        if keep:
            _write(_sent_mark(journal.path), "")
            return
        for path in (journal.path, lock_path(journal.path)):
            with suppress(FileNotFoundError):
                os.unlink(path)
        self._forget(journal.run_directory, journal.experiment)

    def _forget(self, directory: str, experiment: str) -> None:
        """Remove a run of which nothing is left to be sent."""
        try:
            os.rmdir(os.path.join(directory, JOURNAL))
        except OSError:
            return  # another writer's is there
        place = os.path.join(directory, _EXPERIMENT)
        try:
            with suppress(FileNotFoundError):
                os.unlink(place)
            os.rmdir(directory)
        except OSError:  # somebody joins the run just now, or left something in its directory
            if is_directory(os.path.join(directory, JOURNAL)):
                _write(place, json.dumps(experiment))

    def contents(self) -> list[str]:
        """The digests of all contents."""
        from runlore.store.blobs import is_digest

        found = []
        for folder in _names(self.store.blobs_root):
            if len(folder) == 2:
                found += [name for name in _names(os.path.join(self.store.blobs_root, folder)) if is_digest(name)]
        return found

    def contents_changed_ns(self) -> int:
        """When contents were added last; 0: never."""
        try:
            return os.stat(self.store.blobs_root).st_mtime_ns
        except FileNotFoundError:
            return 0

    def sweep(self, digests: Iterable[str]) -> None:
        """Let go of those of these contents that no journal can name any more.

        Raises:
            OSError: one cannot be removed.
        """
        if not self.contents_changed_ns():
            return
        now_ns = _file_time_ns(self.root)  # by the clock of the files, before looking
        oldest = min((uid_time_ns(journal.writer) for journal in self.journals()), default=now_ns)
        for digest in digests:
            self._sweep_one(self.store.blob_path(digest), min(oldest, now_ns))

    def _sweep_one(self, path: str, before_ns: int) -> None:
        with suppress(FileNotFoundError):
            if os.lstat(path).st_mtime_ns >= before_ns:
                return
            aside = os.path.join(self.store.blobs_root, f"{new_uid()}.tmp")
            os.rename(path, aside)
            if os.lstat(aside).st_mtime_ns >= before_ns:  # somebody logged the same just now
                os.rename(aside, path)
            else:
                os.unlink(aside)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block that no other process has at the same time, of those that ask for it; they are waited for."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say_once(f"another process is sending what waits for {self.address}; it is waited for (Ctrl-C: not)")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def waiting_bytes(self, journals: list[SpooledJournal]) -> int:
        """How large journals are at most; files of writers that live have room reserved."""
        return sum(_size(journal.path) for journal in journals)


def open_spool(address: str) -> Spool:
    """The spool of a server, made if there is none yet.

    Raises:
        InvalidArgument: there is no place for it.
        NotStored: it cannot be made, or is another user's.
        UnsupportedFormat: a newer version of Runlore made it.
    """
    root = os.path.join(spool_root(), encode(address))
    try:
        _make(root, address)
    except OSError as error:
        told = error.__cause__ if isinstance(error, ReadOnlyStore) and error.__cause__ else error
        raise NotStored(
            f"the spool {root!r}, in which runs wait that are sent to {address}, cannot be used: {reason_of(told)}. "
            "Nothing was recorded; name another place with RUNLORE_SPOOL"
        ) from error
    return Spool(address, root)


def _make(root: str, address: str) -> None:
    if not is_regular(os.path.join(root, _ADDRESS)):
        os.makedirs(root, mode=0o700, exist_ok=True)
        open_store(root, create=True)
        _write(os.path.join(root, _ADDRESS), json.dumps(address))
    open_store(root, create=True)
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "it belongs to another user", root)


def every_spool() -> list[Spool]:
    """The spools of all servers, by address.

    Raises:
        InvalidArgument: as `spool_root`.
    """
    root = spool_root()
    found = []
    for name in _names(root):
        with suppress(OSError, DamagedFile, ValueError):
            address = json.loads(read_bytes(os.path.join(root, name, _ADDRESS), _MOST_BYTES))
            if isinstance(address, str) and encode(address) == name:
                found.append(Spool(address, os.path.join(root, name)))
    return sorted(found, key=lambda spool: spool.address)


def _sent_mark(path: str) -> str:
    return path.removesuffix(".rlj") + _SENT


def _names(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if is_directory(directory) else []


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _file_time_ns(directory: str) -> int:
    """What time it is by the clock that stamps the files of this directory."""
    place = os.path.join(directory, f".{new_uid()}")
    _write(place, "")
    try:
        return os.stat(place).st_mtime_ns
    finally:
        os.unlink(place)


def _write(path: str, text: str) -> None:
    """Write a small file as a whole."""
    temporary = f"{path}.{new_uid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
