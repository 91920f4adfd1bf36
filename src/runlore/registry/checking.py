"""Whether the registry is whole, and which contents it needs: for `runlore doctor` and `runlore gc`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument
from runlore.store import cards as files
from runlore.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.registry.registering import Store


def check(store: Store | None = None) -> list[str]:
    """What is not as it should be, in words; empty when all is well. Nothing is changed.

    A claim without a card is named too: a registration that is under way, or that died. It does no harm, and its
    version stays taken.
    """
    place = open_store(store)
    problems = []
    for directory in _versions(files.cards_root(place)):
        label = os.path.relpath(directory, place.root)
        state = files.read_card(directory)
        if state is None:
            problems.append(f"{label}: claimed, and never registered; its version stays taken")
            continue
        problems.extend(f"{label}: {item}" for item in state.damage)
        for item in state.about.get("artifacts", ()):
            problem = _content_problem(place.blob_path, item.get("digest"), item.get("size"))
            if problem:
                problems.append(f"{label}: the contents of {item['name']!r} {problem}")
    return problems


def _content_problem(blob_path: object, digest: object, size: object) -> str | None:
    if not isinstance(digest, str) or not callable(blob_path):
        return None
    try:
        found = os.stat(blob_path(digest)).st_size
    except InvalidArgument:
        return f"have no SHA-256: {digest!r}"
    except FileNotFoundError:
        return f"(sha256 {digest}) are missing"
    return None if found == size else f"(sha256 {digest}) have {found:,} bytes instead of {size}"


def referenced_digests(store: Store | None = None) -> set[str]:
    """SHA-256 of all contents that cards refer to, deleted cards included: what must stay in the store.

    Read from the cards themselves, not from the catalog.
    """
    place = open_store(store)
    states = (files.read_card(directory) for directory in _versions(files.cards_root(place)))
    return {
        str(item["digest"])
        for state in states
        if state is not None
        for item in state.about.get("artifacts", ())
        if item.get("digest")
    }


def _versions(root: str) -> Iterator[str]:
    """Every version's directory under cards/."""
    level = [root] if os.path.isdir(root) else []
    for _ in range(4):
        level = [
            entry.path for path in level for entry in sorted(os.scandir(path), key=lambda e: e.name) if entry.is_dir()
        ]
    yield from level
