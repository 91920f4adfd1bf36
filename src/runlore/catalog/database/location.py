"""Where the file of a store's catalog is."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from runlore.config import cache_directory
from runlore.journal import liveness
from runlore.names import encode

if TYPE_CHECKING:
    from runlore.store import DirectoryStore


def location(store: DirectoryStore) -> str:
    """The file of the store's catalog.

    It is in the store, or in the user's cache directory where the store is read-only or on a mount whose locks cannot
    be trusted. (`SqliteDatabase` moves there too when the store's disk is full.)
    """
    if os.access(store.root, os.W_OK) and not _is_read_only(store.root) and liveness.trusts_locks(store.root):
        return os.path.join(store.root, "catalog.sqlite")
    return cache_location(store)


def cache_location(store: DirectoryStore) -> str:
    """Where the store's catalog is if it cannot be in the store."""
    identity = hashlib.sha256(os.path.realpath(store.root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    name = encode(os.path.basename(os.path.dirname(store.root)) or "store")
    return os.path.join(cache_directory(), "catalogs", f"{name}-{identity}.sqlite")


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
