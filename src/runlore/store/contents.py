"""Contents of artifacts, checked: what is read whole is what its SHA-256 says, or it is damage.

A blob may have been overwritten, cut, or replaced by somebody with access to the store. The digest is what the run, or
the card, recorded: nothing else is given for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.store.base import Store

_PIECE_BYTES = 1024 * 1024


def read_content(store: Store, digest: str) -> bytes:
    """The contents with this SHA-256.

    Raises:
        ArtifactNotFound: the store has none.
        DamagedFile: what the store has is something else.

    Example:
        >>> from runlore.store import open_store
        >>> store = open_store(create=True)
        >>> digest, size = store.put_bytes(b"weights")
        >>> read_content(store, digest)
        b'weights'
    """
    return b"".join(_checked(store, digest))


def copy_content(store: Store, digest: str, path: str) -> None:
    """Copy contents into a new file, which appears only once all of them are there and right.

    Raises:
        ArtifactNotFound, DamagedFile: as for `read_content`. No file was made.
        OSError: the file cannot be written.
    """
    temporary = f"{path}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as file:
            file.writelines(_checked(store, digest))
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def checked_path(store: Store, digest: str) -> str:
    """A file of this machine that holds the contents, as `Store.content_path` gives it, after it was checked.

    Raises:
        ArtifactNotFound, DamagedFile: as for `read_content`.
    """
    path = store.content_path(digest)
    for _ in _checked(store, digest):
        pass
    return path


def _checked(store: Store, digest: str) -> Iterator[bytes]:
    """The contents piece by piece. What was given is right once the iteration ended."""
    import hashlib

    found = hashlib.sha256()
    with store.open_content(digest) as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
            yield piece
    if found.hexdigest() != digest:
        raise DamagedFile(
            f"the contents with the SHA-256 {digest} are not what they were: those in the store {store.location!r} "
            f"have {found.hexdigest()}. They were not given out; put them back from a copy of the store"
        )
