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
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import ReadOnlyStore
from runlore.files import check_directory, is_directory, is_regular
from runlore.housekeeping.references import references
from runlore.model import new_uid
from runlore.reader.facts import facts_of
from runlore.store.deletion import DELETED_RUNS
from runlore.store.directory import in_files
from runlore.store.folders import remove_tree
from runlore.store.keeping import COLLECT, SelfKeeping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runlore.reader.session import Session
    from runlore.store import DirectoryStore

TRASH = "trash"
"""Directory of the store in which runs are while they are removed."""
INCOMING = "incoming"
"""Directory of the store in which copies from elsewhere are until they are whole."""
DEFAULT_OLDER_THAN_S = 30 * 86_400.0
DEFAULT_GRACE_S = 3600.0

_DIGEST = re.compile("[0-9a-f]{64}")


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
    if isinstance(session.store, SelfKeeping):
        about = {"older_than_s": older_than_s, "grace_s": grace_s, "dry_run": dry_run, "removed": [*map(list, removed)]}
        done = Garbage(**session.store.keep(COLLECT, progress, **about))
        session.refresh()
        return done
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
    wanted, kept = references(store, set(trashed.values()), set(removed), progress)
    blobs = [] if kept else [path for path in _blobs(store) if os.path.basename(path) not in wanted]
    waiting = [os.path.basename(path) for path in blobs if not _is_older(path, grace_s)]
    blobs = [path for path in blobs if os.path.basename(path) not in set(waiting)]
    gone = []
    for path in blobs:
        size = _bytes(path)
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
    check_directory(trash)
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
    """Bytes of a file, or of all files below a directory. No link is followed; what vanishes meanwhile is nothing."""
    if not is_directory(path):
        return _bytes(path)
    return sum(_bytes(os.path.join(parent, name)) for parent, _, files in os.walk(path) for name in files)


def _bytes(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0


# -- contents -------------------------------------------------------------------------------------------------------


def _blobs(store: DirectoryStore) -> Iterator[str]:
    """Files of whole contents, and nothing else that may be in their places."""
    for folder in sorted(os.listdir(store.blobs_root)) if is_directory(store.blobs_root) else ():
        place = os.path.join(store.blobs_root, folder)
        if len(folder) == 2 and is_directory(place):
            paths = (os.path.join(place, name) for name in sorted(os.listdir(place)) if _DIGEST.fullmatch(name))
            yield from filter(is_regular, paths)


def _leftovers(store: DirectoryStore, grace_s: float) -> Iterator[str]:
    """Files that a crash left half-written, and runs that were being removed when the remover died."""
    places = [(store.blobs_root, ".tmp"), (store.root, ".tmp")]
    places += [(os.path.join(store.root, folder), "") for folder in (TRASH, INCOMING, DELETED_RUNS)]
    for folder, suffix in places:
        if is_directory(folder):
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                if name.endswith(suffix) and _is_older(path, grace_s):
                    yield path


def _is_older(path: str, grace_s: float) -> bool:
    try:
        return time() - os.lstat(path).st_mtime >= grace_s
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
