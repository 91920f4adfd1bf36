"""One sealer a run: a lock that two processes, or two threads, cannot both hold. Deletions take turns with it, too.

Where record locks can be trusted it is one, on a file in the directory at stake that goes with it. On network mounts
the file itself is the lock: created exclusively, it names its owner, and is taken over once the owner is known to be
gone. Before a sealing is committed, `Lock.held` tells whether nobody took it over.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore.files import open_regular, read_bytes
from runlore.journal import liveness
from runlore.json_files import parse_json
from runlore.model import new_uid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

NAME = "seal.lock"
_MOST_BYTES = 4096
_ABANDONED_NS = 6 * 3600 * 1_000_000_000
"""A lock of another host on a network mount, this old, belongs to nobody."""

_guard = threading.Lock()
_held: set[str] = set()
"""Lock files of this process: a record lock would not stop another thread, and closing the file would drop it."""


class Lock:
    """A lock that is held."""

    def __init__(self, path: str, descriptor: int | None, owner: str) -> None:
        self._path = path
        self._descriptor = descriptor
        self._owner = owner

    def held(self) -> bool:
        """Whether it is still this one's."""
        return self._descriptor is not None or _content(self._path) == self._owner

    def release(self) -> None:
        """Let go of it."""
        if self.held():
            os.unlink(self._path)
        if self._descriptor is not None:
            os.close(self._descriptor)


def sealing(directory: str) -> AbstractContextManager[Lock | None]:
    """Hold the lock of a run's directory; None: somebody else does.

    Raises:
        DamagedFile: something that is no file is in the lock's place.
        OSError: the directory cannot be written to.
    """
    return exclusive(directory, NAME)


@contextmanager
def exclusive(directory: str, name: str) -> Iterator[Lock | None]:
    """Hold a lock in a directory; None: somebody else does. A lock of a process that died is free.

    Args:
        directory: where its file is, as long as it is held.
        name: of the file.

    Raises:
        DamagedFile: something that is no file is in the lock's place.
        OSError: the directory cannot be written to.
    """
    path = os.path.join(os.path.realpath(directory), name)
    with _guard:
        if path in _held:
            yield None
            return
        _held.add(path)
    try:
        lock = _record_lock(path) if liveness.trusts_locks(directory) else _exclusive_file(path)
        try:
            yield lock
        finally:
            if lock is not None:
                lock.release()
    finally:
        with _guard:
            _held.discard(path)


def _record_lock(path: str) -> Lock | None:
    while True:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return Lock(path, descriptor, "")
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        os.close(descriptor)  # its holder removed the file before it let go of it


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _exclusive_file(path: str) -> Lock | None:
    owner = json.dumps(
        {
            "host": os.uname().nodename,
            "boot": liveness.boot_id(),
            "pid": os.getpid(),
            "pid_started": liveness.own_start(),
            "lock": new_uid(),
        }
    )
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if not _remove_abandoned(path):
                return None
            continue
        try:
            os.write(descriptor, owner.encode("ascii"))
        finally:
            os.close(descriptor)
        return Lock(path, None, owner)
    return None


def _remove_abandoned(path: str) -> bool:
    """Take away a lock whose owner is gone. Of several that try, one succeeds."""
    content = _content(path)
    if content is None:
        return True
    if not _is_abandoned(path, content):
        return False
    aside = f"{path}.{new_uid()}"
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return True
    taken = _content(aside)
    if taken != content and not os.path.exists(path):  # somebody was faster, and this lock is theirs
        os.rename(aside, path)
        return False
    os.unlink(aside)
    return True


def _is_abandoned(path: str, content: str) -> bool:
    try:
        age_ns = time_ns() - os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return True
    owner = _owner(content)
    if owner.get("host") == os.uname().nodename and isinstance(owner.get("pid"), int):
        same = owner.get("boot") == liveness.boot_id()
        return not (same and liveness.process_started(owner["pid"]) == owner.get("pid_started"))
    return age_ns > _ABANDONED_NS  # of another host; or its owner is about to write, or died before it could


def _owner(content: str) -> dict[str, Any]:
    """Who wrote the lock; empty where it does not say."""
    try:
        owner = parse_json(content)
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _content(path: str) -> str | None:
    try:
        return read_bytes(path, _MOST_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return None
