"""What the server is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runlore._version import __version__
from runlore.server.endpoint import Endpoint

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

API_VERSION = 1


class StoreInfo(msgspec.Struct):
    """The store that is served."""

    location: str
    name: str


class Info(msgspec.Struct):
    """What the server is."""

    name: str
    version: str
    api: int
    store: StoreInfo
    accounts: bool
    read_only: bool
    features: list[str]


def info(call: Call) -> Info:
    """What the server is, and what it can do."""
    location = call.context.store.location
    return Info(
        name="runlore", version=__version__, api=API_VERSION,
        store=StoreInfo(location, location.rstrip("/").rpartition("/")[2]),
        accounts=False, read_only=False, features=[],
    )  # fmt: skip


ENDPOINTS = (Endpoint("GET", "/info", info, "What the server is: version, store, features.", answer=Info),)
