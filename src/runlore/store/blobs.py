"""Artifact contents, addressed by their SHA-256 and stored once.

Contents are written beside their place and renamed into it, so a blob that exists is whole.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from runlore.errors import InvalidArgument
from runlore.files import check_path, open_binary
from runlore.model import new_uid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

_PIECE_BYTES = 1024 * 1024
_HEX = frozenset("0123456789abcdef")
_MOST_UNSIZED_BYTES = 64 * _PIECE_BYTES
"""As much is read of a file that says that it is empty, as those in /proc and /sys do."""


def is_digest(text: str) -> bool:
    """Whether the text is a SHA-256 in hexadecimal."""
    return len(text) == 64 and _HEX.issuperset(text)


def path_of(root: str, digest: str) -> str:
    """Where contents with this SHA-256 (64 hex digits) are, or would be.

    Raises:
        InvalidArgument: it is no such digest.
    """
    if not is_digest(digest):
        raise InvalidArgument(f"digest={digest!r} is no SHA-256 in hexadecimal")
    return os.path.join(root, digest[:2], digest)


def put_bytes(root: str, content: bytes) -> tuple[str, int]:
    """Keep the bytes. Returns (SHA-256, size)."""
    return _put(root, (content,))


def put_file(root: str, path: str) -> tuple[str, int]:
    """Keep a copy of a regular file, also where a link leads to it; larger than memory is fine.

    A file that grows meanwhile is copied as far as it was when the copying began.

    Returns:
        (SHA-256, size).

    Raises:
        InvalidArgument: it is a directory, a pipe, a socket or a device. Nothing was waited for.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer would block
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidArgument(f"{path!r} is {kind_of(found.st_mode)}, not a file that could be copied")
        return _put(root, _pieces(file, found.st_size or _MOST_UNSIZED_BYTES))


def kind_of(mode: int) -> str:
    """What a file is that is no regular one, in words.

    Example:
        >>> kind_of(stat.S_IFIFO)
        'a pipe'
    """
    kinds = {
        stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device", stat.S_IFLNK: "a link",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "no regular file")


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = file.read(min(_PIECE_BYTES, size))
        if not piece:
            return  # it was cut meanwhile
        size -= len(piece)
        yield piece


def _put(root: str, pieces: Iterable[bytes]) -> tuple[str, int]:
    import hashlib

    if not os.path.isdir(root):
        _make_root(root)
    temporary = os.path.join(root, f"{new_uid()}.tmp")
    digest = hashlib.sha256()
    size = 0
    try:
        with open(temporary, "wb", buffering=0) as file:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
        name = digest.hexdigest()
        place = path_of(root, name)
        if not _renew(place, size):
            _check_folders(root, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.rename(temporary, place)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return name, size


def _make_root(root: str) -> None:
    """Make the directory of contents in a store that has none yet. A store that was deleted does not come back."""
    with suppress(FileExistsError):
        os.mkdir(root)


def _renew(place: str, size: int) -> bool:
    """Make contents that are there already as young as new ones, which housekeeping leaves alone; whether they are.

    What is there and cannot be them, a link or a file of another size, is replaced.
    """
    try:
        found = os.lstat(place)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            return False
        os.utime(place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except PermissionError:
        return os.path.exists(place)  # somebody else's file in a shared store: it stays as old as it is
    return True


def open_blob(root: str, digest: str) -> BinaryIO:
    """Contents by their SHA-256, open for reading. No link is followed, nothing is waited for.

    Raises:
        InvalidArgument: it is no such digest.
        FileNotFoundError: they are not there.
        DamagedFile: something else is in their place.
    """
    place = path_of(root, digest)
    _check_folders(root, digest)
    return open_binary(place)


def _check_folders(root: str, digest: str) -> None:
    """Raise `DamagedFile` where a link would lead out of the store."""
    check_path(os.path.dirname(root), f"{os.path.basename(root)}/{digest[:2]}")
