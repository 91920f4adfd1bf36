"""The registry: named, semantically versioned cards of data, models, runs and anything else, and what came of what.

A card has a kind, a name within a space, a version that nobody else ever gets, contents that are stored once by their
hash, and links to the run that made it and the cards that it was made from. What was registered never changes; aliases,
tags, notes, the stage and deletion are events that are added to it.

Example:
    >>> from runlore import registry
    >>> card = registry.register("model", "nlp", "sentiment", artifacts={"weights": b"..."})
    >>> registry.alias(card, "champion").version
    '0.1.0'
    >>> registry.get("model", "nlp", "sentiment", "champion").artifact("weights").read_bytes()
    b'...'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlore.registry.ancestry import Lineage, lineage
    from runlore.registry.card import Card
    from runlore.registry.checking import check, referenced_digests
    from runlore.registry.editing import alias, delete, note, remove_alias, restore, stage, tag, use
    from runlore.registry.finding import find, get, get_uid, list_cards, load
    from runlore.registry.registering import register
    from runlore.versions import Version

_HOMES = {
    "Card": "runlore.registry.card",
    "Lineage": "runlore.registry.ancestry",
    "Version": "runlore.versions",
    "alias": "runlore.registry.editing",
    "check": "runlore.registry.checking",
    "delete": "runlore.registry.editing",
    "find": "runlore.registry.finding",
    "get": "runlore.registry.finding",
    "get_uid": "runlore.registry.finding",
    "lineage": "runlore.registry.ancestry",
    "list_cards": "runlore.registry.finding",
    "load": "runlore.registry.finding",
    "note": "runlore.registry.editing",
    "referenced_digests": "runlore.registry.checking",
    "register": "runlore.registry.registering",
    "remove_alias": "runlore.registry.editing",
    "restore": "runlore.registry.editing",
    "stage": "runlore.registry.editing",
    "tag": "runlore.registry.editing",
    "use": "runlore.registry.editing",
}

__all__ = [
    "Card",
    "Lineage",
    "Version",
    "alias",
    "check",
    "delete",
    "find",
    "get",
    "get_uid",
    "lineage",
    "list_cards",
    "load",
    "note",
    "referenced_digests",
    "register",
    "remove_alias",
    "restore",
    "stage",
    "tag",
    "use",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and not before: registering needs no database, reading does."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, also those that are not imported yet."""
    return sorted(__all__)
