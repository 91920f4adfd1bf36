"""`PolyaxonClient`: which store experiments are recorded in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from runlore.store.base import StoreLike

    Store: TypeAlias = "StoreLike | None"


class PolyaxonClient:
    """Where experiments are recorded. Made by scripts that configure a server; there is none here.

    Args:
        host: of a Polyaxon server. Kept, and not used.
        token: likewise.
        store: of Runlore; as for `runlore.start`.
        settings: what else the original takes. Kept, and not used.

    Example:
        >>> PolyaxonClient(host="polyaxon.example.org", token="t", store="runs").store
        'runs'
    """

    def __init__(
        self, host: str | None = None, token: str | None = None, *, store: Store = None, **settings: Any
    ) -> None:
        self.host = host
        self.token = token
        self.store = store
        self.settings = settings


def store_of(client: Any) -> Store:
    """The store that a `client` argument names: a `PolyaxonClient`'s, or the argument itself where it is a path.

    Any other object, such as a client of the original, names none.
    """
    if isinstance(client, (str, os.PathLike)):
        return client
    return client.store if isinstance(client, PolyaxonClient) else None
