"""Whether the registry is whole, and which contents it needs: for `runlore doctor` and `runlore gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.opening import open_store
from runlore.store import card_check
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from runlore.store.base import StoreLike


def check(store: StoreLike | None = None) -> list[str]:
    """What is not as it should be, in words; empty when all is well. Nothing is changed.

    A claim without a card is named too: a registration that is under way, or that died. It does no harm, and its
    version stays taken.

    Raises:
        NotLocal: the store keeps no files on this machine.
    """
    place = in_files(open_store(store), "checking the registry")
    return [f"{item.where}: {item.problem}" for item in card_check.find_problems(place)]


def referenced_digests(store: StoreLike | None = None) -> set[str]:
    """SHA-256 of all contents that cards refer to, deleted cards included: what must stay in the store.

    Read from the cards themselves, not from the catalog.

    Raises:
        NotLocal: the store keeps no files on this machine.
    """
    return card_check.referenced_digests(in_files(open_store(store), "looking through the cards"))
