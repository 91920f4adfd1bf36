"""The index of a store: the catalog of a directory, or the one that a store of another kind brings with it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from runlore.errors import WrongType
from runlore.store import DirectoryStore
from runlore.store.base import Store

if TYPE_CHECKING:
    from runlore.index.base import Index


class IndexedStore(Store):
    """A store that answers questions about its runs by itself: a server's, or one in memory."""

    __slots__ = ()

    @abstractmethod
    def index(self) -> Index:
        """Its index. Cheap to call; several calls may give the same one."""


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
