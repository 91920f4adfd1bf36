"""What the server is."""

from __future__ import annotations

import os
import zoneinfo
from typing import TYPE_CHECKING

import msgspec

from runlore._version import __version__
from runlore.server.endpoint import ADMIN, WRITE, Endpoint

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

API_VERSION = 1
FEATURES = ("edit", "groups", "live", "views", "export")
"""What a page may offer."""
ZONE_FILE = "/etc/localtime"


class StoreInfo(msgspec.Struct):
    """The store that is served: its name, and where it is, which only who may do everything is told."""

    location: str
    name: str


class User(msgspec.Struct):
    """Who asks; null where there are no accounts."""

    name: str


class Info(msgspec.Struct):
    """What the server is."""

    name: str
    version: str
    api: int
    store: StoreInfo
    accounts: bool
    user: User | None
    read_only: bool
    time_zone: str
    features: list[str]


def info(call: Call) -> Info:
    """What the server is, and what it can do."""
    context, caller = call.context, call.context.caller
    name = context.store_name
    return Info(
        name="runlore", version=__version__, api=API_VERSION,
        store=StoreInfo(context.store.location if caller.may_everywhere(ADMIN) else name, name),
        accounts=context.access.has_accounts, user=None if caller.name is None else User(caller.name),
        read_only=not (caller.may(WRITE) and is_writable(context.store.location)), time_zone=zone_of_machine(),
        features=list(FEATURES),
    )  # fmt: skip


def is_writable(location: str) -> bool:
    """Whether runs can be recorded in a store; of one that is no directory it is not known before."""
    return not os.path.isdir(location) or os.access(os.path.join(location, "runs"), os.W_OK)


def zone_of_machine() -> str:
    """The name of this machine's time zone, such as `Europe/Berlin`; `UTC` where it says none."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named:
        path = os.path.realpath(ZONE_FILE)
        named = path.partition("/zoneinfo/")[2]
    try:
        return zoneinfo.ZoneInfo(named).key
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return "UTC"


ENDPOINTS = (Endpoint("GET", "/info", info, "What the server is: version, store, features.", answer=Info),)
