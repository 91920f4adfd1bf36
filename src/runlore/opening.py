"""From an address to a store, and from a store to its index: the one place that knows every kind of both.

    a path               a directory; its index is the catalog
    http://… https://…   what a server keeps; its index is the server's

A training process imports this: whatever a directory does not need is imported when it is used.

Where the catalog of a directory is kept is for the reader to say, not for the store (`RUNLORE_CATALOG`): an address
that lay in a directory would be followed by whoever was given that directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore import config
from runlore.errors import WrongType
from runlore.store import DirectoryStore
from runlore.store import open_store as open_directory
from runlore.store.base import Store

if TYPE_CHECKING:
    import os

    from runlore.catalog import Catalog
    from runlore.index.base import Index


def open_store(store: str | os.PathLike[str] | Store | None = None, *, create: bool = False) -> Store:
    """The store to use.

    Args:
        store: an address, a store that is open already, or None; see `runlore.config.store_address` for which one that
            is.
        create: make it if it is a directory that does not exist.

    Raises:
        StoreNotFound: it is a directory that does not exist, and `create` is false. A server is not asked yet.
        ReadOnlyStore: it does not exist and cannot be created.
        UnsupportedFormat: a newer version of Runlore made it.
        InvalidArgument: there is no kind of store with such an address.
    """
    if isinstance(store, Store):
        return store
    address = config.store_address(store)
    if "://" not in address:
        return open_directory(address, create=create)
    from runlore.remote.store import open_server

    return open_server(address)


def open_index(store: Store) -> Index:
    """The index of a store. Nothing above this knows which kind it is.

    Raises:
        WrongType: it is of a kind that brings none.
        InvalidArgument: `RUNLORE_CATALOG` is no address of a database.
        MissingDependency: it is one, and psycopg is not installed.
    """
    from runlore.index.store import IndexedStore

    if isinstance(store, IndexedStore):
        return store.index()
    if isinstance(store, DirectoryStore):
        return directory_catalog(store)
    raise WrongType(f"store={store!r} is a {type(store).__name__}, which has no index; make it an IndexedStore")


def directory_catalog(store: DirectoryStore) -> Catalog:
    """The catalog of a directory, in the file or the database that the environment names. Raises as `open_index`."""
    from runlore.catalog import open_catalog

    return open_catalog(store, config.catalog_address())
