"""The index of a store: the catalog of a directory, or the one that a store of another kind brings with it.

Where the catalog of a directory is kept is for the reader to say, not for the store (`RUNLORE_CATALOG`): an address
that lay in a directory would be followed by whoever was given that directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.config import catalog_address
from runlore.errors import WrongType
from runlore.index.store import IndexedStore
from runlore.store import DirectoryStore

if TYPE_CHECKING:
    from runlore.catalog import Catalog
    from runlore.index.base import Index
    from runlore.store.base import Store


def open_index(store: Store) -> Index:
    """The index of a store. Nothing above this knows which kind it is.

    Raises:
        WrongType: it is of a kind that brings none.
        InvalidArgument: `RUNLORE_CATALOG` is no address of a database.
        MissingDependency: it is one, and psycopg is not installed.
    """
    if isinstance(store, IndexedStore):
        return store.index()
    if isinstance(store, DirectoryStore):
        return directory_catalog(store)
    raise WrongType(f"store={store!r} is a {type(store).__name__}, which has no index; make it an IndexedStore")


def directory_catalog(store: DirectoryStore) -> Catalog:
    """The catalog of a directory, in the file or the database that the environment names. Raises as `open_index`."""
    from runlore.catalog import open_catalog

    return open_catalog(store, catalog_address())
