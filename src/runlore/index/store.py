"""The contract of a store that brings its own index."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from runlore.store.base import Store

if TYPE_CHECKING:
    from runlore.index.base import Index


class IndexedStore(Store):
    """A store that answers questions about its runs by itself: a server's, or one in memory."""

    __slots__ = ()

    @abstractmethod
    def index(self) -> Index:
        """Its index. Cheap to call; several calls may give the same one."""
