"""The index of a store: the catalog of a directory, or the one that a store of another kind brings with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import WrongType
from runlore.index.store import IndexedStore
from runlore.store import DirectoryStore

if TYPE_CHECKING:
    from runlore.index.base import Index
    from runlore.store.base import Store


def open_index(store: Store) -> Index:
    """The index of a store. Nothing above this knows which kind it is.

    Raises:
        WrongType: it is of a kind that brings none.
    """
    if isinstance(store, IndexedStore):
        return store.index()
    if isinstance(store, DirectoryStore):
        from runlore.catalog import open_catalog

        return open_catalog(store)
    raise WrongType(f"store={store!r} is a {type(store).__name__}, which has no index; make it an IndexedStore")
