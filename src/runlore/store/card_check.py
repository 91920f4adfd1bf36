"""Whether the cards on disk are whole, and which contents they need."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import InvalidArgument, RunloreError
from runlore.files import kind_of
from runlore.names import encode
from runlore.store import cards as files
from runlore.store.listing import survey_cards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.store import DirectoryStore


class Problem(NamedTuple):
    """Something about one version of a card that is not as it should be.

    Attributes:
        where: its directory, relative to the store.
        problem: in words.
        contents: whether contents of it are missing or cut off; else its own files are damaged.
        harmless: whether nothing was lost: a claim that no registration completed.
    """

    where: str
    problem: str
    contents: bool = False
    harmless: bool = False


def find_problems(place: DirectoryStore) -> Iterator[Problem]:
    """What is not as it should be, card by card. One that cannot be read does not hide the others.

    A claim without a card is named too: a registration that is under way, or that died.
    """
    for directory in survey_cards(files.cards_root(place)).directories:
        where = os.path.relpath(directory, place.root)
        try:
            state = files.read_card(directory)
        except (RunloreError, OSError) as error:
            yield Problem(where, f"cannot be read: {error}")
            continue
        if state is None:
            yield Problem(where, "claimed, and never registered; its version stays taken", harmless=True)
            continue
        yield from (Problem(where, item) for item in state.damage)
        if state.about:
            yield from _misplaced(place, directory, where, state.about)
        for item in state.about.get("artifacts") or ():
            problem = _content_problem(place.blob_path, item.get("digest"), item.get("size"))
            if problem:
                yield Problem(where, f"the contents of {item['name']!r} {problem}", contents=True)


def _misplaced(place: DirectoryStore, directory: str, where: str, about: dict[str, str]) -> Iterator[Problem]:
    """A card that was copied or moved by hand to where another one belongs."""
    name = files.CardName(about["kind"], about["space"], about["name"])
    own = os.path.join(name.directory(files.cards_root(place)), encode(about["version"]))
    if own != directory:
        yield Problem(where, f"says that it is {name}@{about['version']}, whose place is another directory")


def _content_problem(blob_path: object, digest: object, size: object) -> str | None:
    if not isinstance(digest, str) or not callable(blob_path):
        return None
    try:
        status = os.lstat(blob_path(digest))
    except InvalidArgument:
        return f"have no SHA-256: {digest!r}"
    except (FileNotFoundError, NotADirectoryError):
        return f"(sha256 {digest}) are missing"
    if not stat.S_ISREG(status.st_mode):
        return f"(sha256 {digest}) are missing: {kind_of(status.st_mode)} is in their place"
    found = status.st_size
    return None if found == size else f"(sha256 {digest}) have {found:,} bytes instead of {size}"


def referenced_digests(place: DirectoryStore) -> set[str]:
    """SHA-256 of all contents that cards refer to, deleted cards included. Read from the cards themselves."""
    states = (files.read_card(directory) for directory in survey_cards(files.cards_root(place)).directories)
    return {
        str(item["digest"])
        for state in states
        if state is not None
        for item in state.about.get("artifacts") or ()
        if item.get("digest")
    }
