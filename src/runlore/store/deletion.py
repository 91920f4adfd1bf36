"""Removing an experiment for good: its runs, and the claims of their numbers.

Run directories are first moved out of the way, each by one rename, so that a reader sees a run whole or not at all. The
claim of its number goes right after it: where a deletion is killed, runs that are left have theirs, and deleting the
experiment again finishes what was begun. Deletions take turns for that: between the look at a claim and its removal no
other run can have got the number. What was moved away is removed then, by whoever comes first: this deletion, another
one, or `runlore gc`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile, NotStored
from runlore.files import check_path, is_directory, make_folders
from runlore.journal.folder import JOURNAL, is_journal
from runlore.model import new_uid
from runlore.names import check_path_name, encode_path, is_uid
from runlore.store import numbers
from runlore.store.folders import remove_if_empty, remove_tree
from runlore.store.seal_lock import exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.store.directory import DirectoryStore

DELETED_RUNS = "removed"
"""Directory of a store that holds what is being deleted."""

_LOCK = "numbers.lock"
_PATIENCE_S = 30.0
_BEGINNING_S = 60.0
"""How long a run may take from the making of its directory to its first journal."""


def delete_experiment(store: DirectoryStore, experiment: str) -> int:
    """Remove all runs of an experiment, not of those below it, and the claims of numbers that no run holds any more.

    A run that is started meanwhile stays, and keeps its number. Several deletions at once, of one experiment or of
    different ones, do no harm to one another.

    Returns:
        How many runs were removed by this call.

    Raises:
        InvalidName: it cannot be the name of an experiment.
        NotStored: other deletions took too long. Nothing was removed.
        DamagedFile: a link, or a file, is in the place of a directory. Nothing was removed.
        OSError: the store cannot be written to.

    Example:
        >>> from runlore.store import open_store
        >>> store = open_store(".runlore", create=True)
        >>> store.create_run("iris", "0" * 32), store.claim_number("iris", "0" * 32)
        (True, 1)
        >>> open(".runlore/runs/iris/" + "0" * 32 + "/journal/0.rlj", "x").close()
        >>> delete_experiment(store, "iris"), store.claim_number("iris", "1" * 32)
        (1, 1)
    """
    path = encode_path(check_path_name(experiment, "experiment"))
    runs = os.path.join(store.runs_root, path)
    place = numbers.place_of(store.root, experiment)
    claims = os.path.join(store.root, place)
    removed = os.path.join(store.root, DELETED_RUNS)
    for where in (f"runs/{path}", place, DELETED_RUNS):
        check_path(store.root, where)
    with _taking_turns(store, experiment):
        moved = _move_away(runs, claims, removed)
        for number in _numbers(claims):
            if not _is_held(claims, number, runs):
                os.unlink(os.path.join(claims, number))
        for directory in (runs, claims):
            remove_if_empty(directory)
    for name in _names(removed):
        remove_tree(os.path.join(removed, name))
    remove_if_empty(removed)
    return moved


def _move_away(runs: str, claims: str, removed: str) -> int:
    """Move the runs away, each with the claim of its number. Returns how many."""
    claim_of = {_owner(claims, number): os.path.join(claims, number) for number in _numbers(claims)}
    moved = 0
    for uid in sorted(name for name in _names(runs) if is_uid(name)):
        run = os.path.join(runs, uid)
        if not _is_beginning(run) and _move(run, removed):
            moved += 1
            if uid in claim_of:
                os.unlink(claim_of[uid])
    return moved


def _numbers(claims: str) -> list[str]:
    return [name for name in _names(claims) if name.isdigit()]


def _names(directory: str) -> list[str]:
    """What is in a directory; nothing where there is none. No link is followed."""
    try:
        return os.listdir(directory) if is_directory(directory) else []
    except FileNotFoundError:
        return []


def _is_beginning(run: str) -> bool:
    """Whether a process is just starting the run: it makes the directory first, and then its journal in there."""
    try:
        young = time() - os.stat(run).st_mtime < _BEGINNING_S
    except FileNotFoundError:
        return False
    files = [*_names(run), *_names(os.path.join(run, JOURNAL))]
    return young and not any(is_journal(name) or name.endswith(".parquet") for name in files)


def _move(run: str, removed: str) -> bool:
    """Whether it was there to be moved away. Its new name is one that nothing there ever had."""
    while True:
        try:
            os.rename(run, os.path.join(removed, f"{os.path.basename(run)}-{new_uid()}"))
        except FileNotFoundError:  # noqa: PERF203 - a second attempt is the point of the loop
            if not is_directory(run):
                return False
            make_folders(removed)  # another deletion was done, and took the empty directory away
        else:
            return True


@contextmanager
def _taking_turns(store: DirectoryStore, experiment: str) -> Iterator[None]:
    deadline = monotonic() + _PATIENCE_S
    while True:
        with exclusive(store.root, _LOCK) as lock:
            if lock is not None:
                yield
                return
        if monotonic() > deadline:
            raise NotStored(
                f"other deletions have been at work in the store {store.root!r} for {_PATIENCE_S:.0f} s; nothing of "
                f"{experiment!r} was removed. Delete it again later"
            )
        sleep(0.01)


def _is_held(claims: str, number: str, runs: str) -> bool:
    """Whether a run that exists holds the number. A run's directory is made before its number is claimed."""
    uid = _owner(claims, number)
    return not uid or is_directory(os.path.join(runs, uid))


def _owner(claims: str, number: str) -> str | None:
    """The uid in a claim; None while its process is about to write it, and where it cannot be read: it stays then."""
    try:
        return numbers.owner(claims, number)
    except DamagedFile:
        return None


def remove_empty_store(root: str, *, whole: bool) -> None:
    """Take back a store that was made for something which was then refused.

    Args:
        root: of the store. Where a run, or anything else that somebody recorded, is in it, that stays, and so does what
            says that this is a store.
        whole: the directory itself goes, too, unless something else is in it.
    """
    for place in ("runs", "incoming", "numbers", "claims", "cards", "blobs"):
        for folder, _, _ in os.walk(os.path.join(root, place), topdown=False):
            if not remove_if_empty(folder):
                return
    for name in (".gitignore", "format", "catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(root, name))
    if whole:
        remove_if_empty(root)
