"""Which contents runs and cards refer to, by what they say themselves: what stays in a store, and comes with copies."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import RunloreError, RunNotFound
from runlore.files import is_directory, open_binary
from runlore.store.annotate import REMOVED
from runlore.store.cards import cards_root
from runlore.store.content import journals, read_events
from runlore.store.listing import survey_cards, survey_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runlore.store import DirectoryStore
    from runlore.store.content import StoredEvent

_PIECE_BYTES = 1 << 20
_DIGEST_CHARACTERS = 64
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SILENT_KINDS = frozenset({model.METRIC, model.PARAM, model.TAG, model.LOG, model.SPAN, model.STATUS, model.START})
"""Events that refer to no contents; all others may."""


def references(
    store: DirectoryStore, leaving: set[str], removed: set[tuple[str, str]], progress: Callable[[int, int], None] | None
) -> tuple[set[str], list[str]]:
    """Digests that some run or card refers to, and why that may not be all of them.

    Args:
        store: the store.
        leaving: directories of runs that do not count.
        removed: (uid, digest) of artifacts that do not count.
        progress: called with (runs looked at, runs to look at).
    """
    runs, cards = survey_runs(store.runs_root), survey_cards(cards_root(store))
    found: set[str] = set()
    doubts = [f"{where} {problem}" for where, problem in (*runs.strangers, *cards.strangers)]
    directories = [directory for directory in runs.directories if directory not in leaving]
    for index, directory in enumerate(directories):
        uid = os.path.basename(directory)
        try:
            doubts += [f"run {uid}: {item}" for item in _damage(directory)]
            found |= {digest for digest in referred(read_events(directory)) if (uid, digest) not in removed}
        except RunNotFound:
            continue  # deleted meanwhile
        except (RunloreError, OSError) as error:
            doubts.append(f"run {uid}: {error}")
        if progress is not None:
            progress(index + 1, len(directories))
    for directory in cards.directories:
        try:
            found |= digests_in(directory)
        except (RunloreError, OSError) as error:  # noqa: PERF203 - one must not hide the others
            doubts.append(f"card {os.path.relpath(directory, store.root)}: {error}")
    return found, doubts


def _damage(directory: str) -> list[str]:
    return [f"{item.reason}, at {item.offset:,}" for state in journals(directory) for item in state.damage]


def referred(events: Iterable[StoredEvent]) -> set[str]:
    """Digests that the events of a run refer to: whatever looks like one, less what was removed on purpose later."""
    found: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for event in events:
        if event.kind == REMOVED:
            digest = event.value.get("digest") if isinstance(event.value, dict) else None
            if not isinstance(digest, str):
                continue
            dropped[digest] = max(dropped.get(digest, 0), event.time_ns)
        elif event.kind not in _SILENT_KINDS:
            for digest in _digests(event.value):
                found[digest] = max(found.get(digest, 0), event.time_ns)
    return {digest for digest, time in found.items() if time > dropped.get(digest, -1)}


def _digests(value: Any) -> Iterator[str]:
    """Whatever looks like a digest in a value, however deep: without recursion, since it may be anybody's."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield from _DIGEST.findall(item)
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def digests_in(directory: str) -> set[str]:
    """Whatever looks like a digest in any file below a directory: what a card refers to.

    Raises:
        DamagedFile: something is there that is no file. It may stand for one that refers to contents.
        OSError: a file cannot be read.
    """
    found: set[str] = set()
    for parent, folders, files in os.walk(directory, onerror=_raise):
        for name in (*files, *(folder for folder in folders if not is_directory(os.path.join(parent, folder)))):
            with open_binary(os.path.join(parent, name)) as file:
                before = b""
                while piece := file.read(_PIECE_BYTES):
                    found.update(_DIGEST.findall((before + piece).decode("latin-1")))
                    before = piece[-_DIGEST_CHARACTERS:]
    return found


def _raise(error: OSError) -> None:
    raise error
