"""Contents that others send piece by piece: kept aside until they are whole and match their SHA-256.

    incoming/<sha256>              what has arrived of contents so far
    incoming/<sha256>-<sender>     the same, where what one sender sent must not help another

What arrived survives the server: a sender asks how much there is, and goes on from there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from time import time
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, NotStored
from runlore.files import check_path, open_regular
from runlore.store import blobs

if TYPE_CHECKING:
    from types import TracebackType

    from runlore.store.directory import DirectoryStore

INCOMING = "incoming"
_PIECE_BYTES = 1 << 20
_FORGOTTEN_S = 3 * 24 * 3600
"""Of contents of which nothing arrived for so long, the rest does not come any more."""


def arrived_bytes(store: DirectoryStore, digest: str, sender: str = "") -> int:
    """How much of these contents has arrived, as long as they are not whole."""
    try:
        return os.lstat(_place(store, digest, sender)).st_size
    except FileNotFoundError:
        return 0


class BeingSent(NotStored):
    """Somebody else is just sending the same contents."""


class Arriving:
    """Contents that arrive; one sender at a time.

    Args:
        store: the store.
        digest: their SHA-256.
        sender: who sends them; empty: whoever does goes on where the last one stopped.

    Attributes:
        digest: as it was given.
        size: how many bytes have arrived.

    Raises:
        InvalidArgument: it is none.
        BeingSent: somebody else is just sending them.

    Example:
        >>> from runlore.store import open_store
        >>> store = open_store("store", create=True)
        >>> digest = hashlib.sha256(b"weights").hexdigest()
        >>> with Arriving(store, digest) as arriving:
        ...     arriving.write(b"weights")
        ...     arriving.keep()
        >>> store.has_content(digest)
        True
    """

    def __init__(self, store: DirectoryStore, digest: str, sender: str = "") -> None:
        self._store = store
        self.digest = digest
        self._target = store.blob_path(digest)  # refuses what is no digest
        self._path = _place(store, digest, sender)
        check_path(store.root, INCOMING)
        folder = os.path.dirname(self._path)
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
        if not os.path.lexists(self._path):
            _forget_old(folder)
        self._descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise BeingSent(f"contents {digest} are just being sent by somebody else; try again") from None
        self.size = os.fstat(self._descriptor).st_size

    def __enter__(self) -> Arriving:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """What has arrived, open for more."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it; what arrived stays."""
        os.close(self._descriptor)

    def rewind(self, offset: int) -> None:
        """Go on from here, which is not behind what has arrived."""
        os.ftruncate(self._descriptor, offset)
        self.size = offset

    def forget(self) -> None:
        """Throw away what has arrived."""
        os.unlink(self._path)

    def write(self, content: bytes) -> None:
        """Append bytes.

        Raises:
            OSError: there is no room for them.
        """
        view = memoryview(content)
        while view:
            written = os.pwrite(self._descriptor, view, self.size)
            view, self.size = view[written:], self.size + written

    def keep(self) -> None:
        """All of it arrived: make it contents of the store, on the disk.

        Raises:
            InvalidArgument: it does not match its SHA-256. It was thrown away.
        """
        digest = hashlib.sha256()
        at = 0
        while piece := os.pread(self._descriptor, _PIECE_BYTES, at):
            digest.update(piece)
            at += len(piece)
        if digest.hexdigest() != self.digest:
            os.unlink(self._path)
            raise InvalidArgument(
                f"digest={self.digest!r}: what was sent has the SHA-256 {digest.hexdigest()}; send it again from its "
                "beginning"
            )
        os.fsync(self._descriptor)
        check_path(self._store.root, f"blobs/{self.digest[:2]}")
        os.makedirs(os.path.dirname(self._target), exist_ok=True)
        os.rename(self._path, self._target)
        _sync(os.path.dirname(self._target))


def _place(store: DirectoryStore, digest: str, sender: str) -> str:
    if not blobs.is_digest(digest):
        raise InvalidArgument(f"digest={digest!r} is no SHA-256 in hexadecimal")
    if sender and not (sender.isascii() and sender.isalnum()):
        raise InvalidArgument(f"sender={sender!r} should be letters and digits")
    return os.path.join(store.root, INCOMING, f"{digest}-{sender}" if sender else digest)


def _forget_old(folder: str) -> None:
    before = time() - _FORGOTTEN_S
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.stat(follow_symlinks=False).st_mtime < before and entry.is_file(follow_symlinks=False):
                    os.unlink(entry.path)
            except FileNotFoundError:  # noqa: PERF203 - somebody else was faster
                continue


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
