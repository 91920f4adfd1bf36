"""Where the file of a store's catalog is."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from runlore.config import lasting_cache_directory
from runlore.errors import DamagedFile
from runlore.files import refuse_others
from runlore.journal import liveness
from runlore.names import encode
from runlore.notices import say_once
from runlore.scratch import scratch_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.store import DirectoryStore

SUFFIXES = ("", "-wal", "-shm", "-journal")
"""Of the files that a database consists of."""


def places(store: DirectoryStore) -> Iterator[str]:
    """Files that the store's catalog can be, the best one first.

    In the store; where that is read-only, on a mount whose locks cannot be trusted, or something else is in the way, in
    the user's cache directory; else in one that goes when the process ends, which is said.

    Raises:
        NotStored: nothing at all can be written to.
    """
    own = os.path.join(store.root, "catalog.sqlite")
    lasting = lasting_cache_directory()
    if os.access(store.root, os.W_OK) and not _is_read_only(store.root) and liveness.trusts_locks(store.root):
        problem = _obstacle(own)
        if problem is None:
            yield own
        else:
            say_once(f"{problem}; the catalog of this store is kept elsewhere until that is removed")
    if lasting is not None:
        cache = _place_in(lasting, store)
        if _obstacle(cache) is None:
            yield cache
    last = _place_in(scratch_directory(), store)
    said = "no directory for it is known" if lasting is None else f"{lasting} cannot be written to"
    say_once(
        f"the catalog of the store {store.root} cannot be kept in it, and {said}: it is made anew by each process. "
        "Name a directory for it with RUNLORE_CACHE"
    )
    yield last


def identity(store: DirectoryStore) -> str:
    """16 hexadecimal digits that stand for the place where the store is."""
    return hashlib.sha256(os.path.realpath(store.root).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _place_in(directory: str, store: DirectoryStore) -> str:
    name = encode(os.path.basename(os.path.dirname(store.root)) or "store")
    return os.path.join(directory, "catalogs", f"{name}-{identity(store)}.sqlite")


def _obstacle(path: str) -> str | None:
    """What is in the place of one of the catalog's files and is no file, in words; SQLite would follow or await it."""
    for suffix in SUFFIXES:
        try:
            refuse_others(path + suffix)
        except DamagedFile as error:  # noqa: PERF203 - it ends the loop
            return str(error).partition(". ")[0]
    return None


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
