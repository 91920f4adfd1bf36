"""Contents by digest: sent as streams, fetched into a cache of the user's, verified on both sides."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.config import cache_bytes, cache_directory
from runlore.errors import ArtifactNotFound, InvalidArgument, NotReachable
from runlore.files import is_regular
from runlore.model import new_uid
from runlore.remote.connection import Request
from runlore.scratch import scratch_directory
from runlore.store.blobs import is_digest, kind_of
from runlore.wire import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runlore.remote.connection import Server

_PATH = "store/contents/"
_PIECE_BYTES = 1 << 20
_SMALL_BYTES = 64 << 10
"""Contents up to here are sent without asking first whether they are there."""

_LIMIT_S = 3600.0
"""For sending one file."""
_ATTEMPTS = 5
_YOUNG_S = 600.0
"""What was used so lately stays in the cache, even where that makes it too large."""


def has_content(server: Server, digest: str) -> bool:
    """Whether the server has contents of this digest."""
    return is_digest(digest) and bool(server.ask("store/has_content", {"digest": digest}, bool))


def put_bytes(server: Server, content: bytes) -> tuple[str, int]:
    """Send contents; their digest and size."""
    digest = hashlib.sha256(content).hexdigest()
    if len(content) <= _SMALL_BYTES or not has_content(server, digest):
        _put(server, digest, len(content), lambda: iter([bytes(content)] if content else []))
    return digest, len(content)


def put_file(server: Server, path: str | os.PathLike[str]) -> tuple[str, int]:
    """Send a regular file; its digest and size. One that changes meanwhile is sent as it is then.

    Raises:
        InvalidArgument: it is a directory, a pipe, a socket or a device.
        OSError: it cannot be read.
    """
    for _ in range(_ATTEMPTS):
        digest, size = _hash(path)
        if has_content(server, digest):
            return digest, size
        sent = hashlib.sha256()

        def pieces(sent: Any = sent, size: int = size) -> Iterator[bytes]:
            yield from _pieces(path, size, sent)

        try:
            _put(server, digest, size, pieces)
        except (NotReachable, OSError):
            if _hash(path) == (digest, size):
                raise
            continue  # somebody wrote to it meanwhile
        return digest, size
    raise NotReachable(f"{os.fspath(path)!r} changes all the while: it was not sent")


def _put(server: Server, digest: str, size: int, pieces: Any) -> None:
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size), text.KEY_HEADER: new_uid()}
    server.exchange(Request("PUT", _PATH + digest, pieces, headers, _LIMIT_S))


def _hash(path: str | os.PathLike[str]) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    for piece in _pieces(path, None, found):
        size += len(piece)
    return found.hexdigest(), size


def _pieces(path: str | os.PathLike[str], size: int | None, digest: Any) -> Iterator[bytes]:
    """A regular file, as far as it was when this began, or as many bytes of it."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):  # a pipe without a writer would block
        raise InvalidArgument(f"{os.fspath(path)!r} is {kind_of(found.st_mode)}, not a file that could be copied")
    with open(path, "rb", buffering=0) as file:
        left = found.st_size if size is None else size
        while left > 0:
            piece = file.read(min(_PIECE_BYTES, left))
            if not piece:
                return
            left -= len(piece)
            digest.update(piece)
            yield piece


def put_archive(
    server: Server, file: BinaryIO, limits: Sequence[int | None],
    progress: Callable[[int, int], None] | None, limit_s: float,
) -> dict[str, Any]:  # fmt: skip
    """Send an archive of runs; what the server did with it.

    Args:
        server: where to.
        file: to read from; need not be able to seek.
        limits: how much to unpack at most: bytes (None: as the archive is large), files, depth.
        progress: called with (bytes sent, bytes to send).
        limit_s: for the whole.
    """
    with tempfile.TemporaryFile(dir=scratch_directory()) as copy:  # it may have to be sent again
        shutil.copyfileobj(file, copy, _PIECE_BYTES)
        size = copy.tell()

        def pieces() -> Iterator[bytes]:
            copy.seek(0)
            while piece := copy.read(_PIECE_BYTES):
                yield piece
                if progress is not None:
                    progress(copy.tell(), size)

        headers = {"Content-Type": "application/gzip", "Content-Length": str(size)}
        size_bytes, files, depth = (0 if limit is None else int(limit) for limit in limits)
        path = f"store/archive?size_bytes={size_bytes}&files={files}&depth={depth}"
        return dict(text.loads(server.exchange(Request("PUT", path, pieces, headers, limit_s)).body))


class Cache:
    """Contents that were fetched, in a directory of the user's, by digest. Processes share it; it is bounded."""

    @property
    def root(self) -> str:
        """The directory; made when it is needed."""
        root = os.path.join(cache_directory(), "contents")
        os.makedirs(root, mode=0o700, exist_ok=True)
        return root

    def fetch(self, server: Server, digest: str) -> str:
        """The file that holds contents, fetched where it is not there.

        Raises:
            ArtifactNotFound: the server has none of this digest.
        """
        if not is_digest(digest):
            raise ArtifactNotFound(f"the store {server.address} has no contents with the sha256 {digest}")
        place = os.path.join(self.root, digest[:2], digest)
        if is_regular(place):
            os.utime(place)  # used just now
            return place
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        part = f"{place}.{new_uid()}"
        try:
            _download(server, digest, part)
            os.rename(part, place)
        finally:
            if os.path.exists(part):
                os.unlink(part)
        self._bound(cache_bytes())
        return place

    def _bound(self, most: int) -> None:
        """Remove what was not used for longest, until the rest is small enough."""
        found = []
        for folder in os.scandir(self.root):
            if folder.is_dir(follow_symlinks=False):
                for entry in os.scandir(folder.path):
                    about = entry.stat(follow_symlinks=False)
                    found.append((about.st_mtime, about.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if total <= most or used > time() - _YOUNG_S:
                return
            with suppress(FileNotFoundError):  # another process bounds it too
                os.unlink(path)
            total -= size


def _download(server: Server, digest: str, path: str) -> None:
    """Contents into a file. Where the connection breaks off, the rest is fetched.

    Raises:
        ArtifactNotFound: there are none.
        NotReachable: they cannot be fetched, or are not what their digest says.
    """
    found, size = hashlib.sha256(), 0
    with open(path, "xb", buffering=0) as file:
        for attempt in range(_ATTEMPTS):
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
            try:
                with server.opened(Request("GET", _PATH + digest, b"", headers)) as response:
                    if size and response.status != 206:
                        raise NotReachable(  # noqa: TRY301 - another attempt may do
                            f"the server {server.address} does not go on where it broke off"
                        )
                    for piece in response.pieces():
                        file.write(piece)
                        found.update(piece)
                        size += len(piece)
                break
            except NotReachable:
                if attempt == _ATTEMPTS - 1 or not size:
                    raise
    if found.hexdigest() != digest:
        raise NotReachable(
            f"the contents {digest} came from {server.address} as others ({found.hexdigest()}); nothing was kept"
        )
