"""Removing what nobody can want any more: runs that were in the trash long enough, and contents that no run refers to.

Safe while runs are being recorded. A program puts contents first and records the artifact a moment later, so contents
younger than a grace period are never touched, and contents that are put again become young again. What refers to
contents is read from the runs themselves, not from the catalog; while a run has damage that may hide a reference, no
contents are removed at all.
"""

from __future__ import annotations

import os
import re
from time import time, time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore import model
from runlore.errors import DamagedFile, ReadOnlyStore
from runlore.model import new_uid
from runlore.reader.facts import facts_of
from runlore.store.annotate import REMOVED
from runlore.store.content import journals, read_events
from runlore.store.deletion import DELETED_RUNS
from runlore.store.directory import in_files
from runlore.store.folders import remove_tree
from runlore.store.listing import run_directories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runlore.reader.session import Session
    from runlore.store import DirectoryStore
    from runlore.store.content import StoredEvent

TRASH = "trash"
"""Directory of the store in which runs are while they are removed."""
INCOMING = "incoming"
"""Directory of the store in which copies from elsewhere are until they are whole."""
DEFAULT_OLDER_THAN_S = 30 * 86_400.0
DEFAULT_GRACE_S = 3600.0

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SILENT_KINDS = frozenset({model.METRIC, model.PARAM, model.TAG, model.LOG, model.SPAN, model.STATUS, model.START})
"""Events that refer to no contents; all others may."""


class Garbage(NamedTuple):
    """What was removed, or would be.

    Attributes:
        runs: uids of runs that were in the trash.
        blobs: digests of contents that nobody refers to.
        leftovers: files of writers that died in the middle of one.
        freed_bytes: of all that.
        waiting: digests of contents that nobody refers to and that are too young to be removed.
        kept: why contents were not removed, in words; empty when nothing was in the way.
    """

    runs: list[str]
    blobs: list[str]
    leftovers: list[str]
    freed_bytes: int
    waiting: list[str]
    kept: list[str]


def collect(
    session: Session, *, older_than_s: float = DEFAULT_OLDER_THAN_S, grace_s: float = DEFAULT_GRACE_S,
    dry_run: bool = False, removed: Iterable[tuple[str, str]] = (), progress: Callable[[int, int], None] | None = None,
) -> Garbage:  # fmt: skip
    """Remove runs from the trash, and contents that nobody refers to.

    Args:
        session: the store, up to date.
        older_than_s: only runs that were deleted at least so long ago.
        grace_s: only contents and leftovers that are at least so old. 0 while programs record can lose artifacts.
        dry_run: change nothing; say what would be removed.
        removed: (uid, digest) of artifacts to treat as removed, for a dry run of a retention rule.
        progress: called with (runs looked at, runs to look at).

    Raises:
        ReadOnlyStore: the store cannot be written to.
    """
    store = in_files(session.store, "removing what nobody needs")
    if not dry_run and not os.access(store.root, os.W_OK):
        raise ReadOnlyStore(f"the store {store.root!r} cannot be written to; nothing was removed")
    trashed = _in_trash(session, older_than_s)
    freed = 0
    for directory in trashed.values():
        freed += tree_bytes(directory)
        if not dry_run:
            _remove_run(store, directory)
    leftovers = [*_leftovers(store, grace_s)]
    freed += sum(tree_bytes(path) for path in leftovers)
    references, kept = _references(store, set(trashed.values()), set(removed), progress)
    blobs = [] if kept else [path for path in _blobs(store) if os.path.basename(path) not in references]
    waiting = [os.path.basename(path) for path in blobs if not _is_older(path, grace_s)]
    blobs = [path for path in blobs if os.path.basename(path) not in set(waiting)]
    gone = []
    for path in blobs:
        size = os.path.getsize(path)
        if dry_run or _remove_blob(path, grace_s):
            gone.append(os.path.basename(path))
            freed += size
    if not dry_run:
        for path in leftovers:
            remove_tree(path)
        session.refresh()
    return Garbage(list(trashed), gone, leftovers, freed, waiting, kept)


# -- runs -----------------------------------------------------------------------------------------------------------


def _in_trash(session: Session, older_than_s: float) -> dict[str, str]:
    """Uid → directory of the runs that were deleted long enough ago and that nobody records any more."""
    from runlore.store.detail import Detail

    before = time_ns() - int(older_than_s * 1e9)
    found = {}
    for run in session.page("deleted = true and ended is not null", "started", facts=True, last=True).runs:
        when = Detail.load(facts_of(run).detail).attributes["deleted"][0]
        if when <= before:
            found[run.uid] = session.open_run(run).directory
    return found


def _remove_run(store: DirectoryStore, directory: str) -> None:
    """Take the run out of sight by one rename, then remove its files; a crash in between leaves only trash."""
    trash = os.path.join(store.root, TRASH)
    os.makedirs(trash, exist_ok=True)
    place = os.path.join(trash, f"{os.path.basename(directory)}-{new_uid()}")
    os.rename(directory, place)
    remove_tree(place)
    parent = os.path.dirname(directory)
    while parent != store.runs_root:
        try:
            os.rmdir(parent)
        except OSError:
            return  # another run is there, or begins right now
        parent = os.path.dirname(parent)


def tree_bytes(path: str) -> int:
    """Bytes of a file, or of all files below a directory."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(
        os.path.getsize(os.path.join(parent, name)) for parent, _, files in os.walk(path) for name in files
    )  # fmt: skip


# -- contents -------------------------------------------------------------------------------------------------------


def _references(
    store: DirectoryStore, leaving: set[str], removed: set[tuple[str, str]], progress: Callable[[int, int], None] | None
) -> tuple[set[str], list[str]]:
    """Digests that some run or card refers to, and why that may not be all of them."""
    found: set[str] = set()
    doubts: list[str] = []
    directories = [directory for directory in run_directories(store.runs_root) if directory not in leaving]
    for index, directory in enumerate(directories):
        uid = os.path.basename(directory)
        try:
            doubts += [f"run {uid}: {item}" for item in _damage(directory)]
            found |= {digest for digest in referred(read_events(directory)) if (uid, digest) not in removed}
        except DamagedFile as error:
            doubts.append(f"run {uid}: {error}")
        if progress is not None:
            progress(index + 1, len(directories))
    return found | digests_in(os.path.join(store.root, "cards")), doubts


def _damage(directory: str) -> list[str]:
    return [f"{item.reason}, at {item.offset:,}" for state in journals(directory) for item in state.damage]


def referred(events: Iterable[StoredEvent]) -> set[str]:
    """Digests that the events of a run refer to: whatever looks like one, less what was removed on purpose later."""
    found: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for event in events:
        if event.kind == REMOVED:
            digest = event.value["digest"]
            dropped[digest] = max(dropped.get(digest, 0), event.time_ns)
        elif event.kind not in _SILENT_KINDS:
            for digest in _digests(event.value):
                found[digest] = max(found.get(digest, 0), event.time_ns)
    return {digest for digest, time in found.items() if time > dropped.get(digest, -1)}


def _digests(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _DIGEST.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _digests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _digests(item)


def digests_in(directory: str) -> set[str]:
    """Whatever looks like a digest in any file below a directory: what cards refer to."""
    found: set[str] = set()
    for parent, _, files in os.walk(directory):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                found.update(_DIGEST.findall(file.read().decode("latin-1")))
    return found


def _blobs(store: DirectoryStore) -> Iterator[str]:
    """Files of whole contents."""
    if os.path.isdir(store.blobs_root):
        for folder in sorted(os.listdir(store.blobs_root)):
            place = os.path.join(store.blobs_root, folder)
            if len(folder) == 2 and os.path.isdir(place):
                yield from (os.path.join(place, name) for name in sorted(os.listdir(place)) if _DIGEST.fullmatch(name))


def _leftovers(store: DirectoryStore, grace_s: float) -> Iterator[str]:
    """Files that a crash left half-written, and runs that were being removed when the remover died."""
    places = [(store.blobs_root, ".tmp"), (store.root, ".tmp")]
    places += [(os.path.join(store.root, folder), "") for folder in (TRASH, INCOMING, DELETED_RUNS)]
    for folder, suffix in places:
        if os.path.isdir(folder):
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                if name.endswith(suffix) and _is_older(path, grace_s):
                    yield path


def _is_older(path: str, grace_s: float) -> bool:
    try:
        return time() - os.stat(path).st_mtime >= grace_s
    except FileNotFoundError:
        return False


def _remove_blob(path: str, grace_s: float) -> bool:
    """Remove contents, unless somebody puts them again at this very moment: they are young then."""
    aside = os.path.join(os.path.dirname(os.path.dirname(path)), f"{new_uid()}.tmp")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    if _is_older(aside, grace_s):
        os.unlink(aside)
        return True
    os.rename(aside, path)
    return False
