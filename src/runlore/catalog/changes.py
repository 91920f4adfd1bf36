"""What has to be looked at: run directories that are new, touched, gone, or not yet ended.

Experiment directories are compared by their modification time, for inequality, so that copied stores and clocks that
went back do no harm. A time that is younger than the grain of the clock that gave it is not trusted the next time: what
changes the directory again within that grain would not change its time.
"""

from __future__ import annotations

import json
import os
from time import time_ns
from typing import TYPE_CHECKING, NamedTuple

from runlore.catalog.database.tables import OPEN
from runlore.files import check_directory
from runlore.journal.liveness import trusts_locks
from runlore.names import is_uid
from runlore.store.listing import change_time, list_entries, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.catalog.database.base import Connection, Row

_GRAIN_NS = 50_000_000
"""Of a local file system that keeps fractions of seconds: the kernel's clock ticks every 10 ms or faster."""
_WHOLE_SECOND_NS = 1_000_000_000
_COARSE_NS = 2_100_000_000
"""Of one that keeps whole seconds, or every second one, as FAT and HFS+ do."""
_FOREIGN_NS = 60_000_000_000
"""Of one whose times another machine's clock gives."""
_BELOW = "SELECT path, id, mtime_ns, state FROM runs WHERE path > ? AND path < ?"
_MOST_STRANGERS = 100
"""So many are remembered of a directory."""


class Candidate(NamedTuple):
    """A run directory to look at."""

    path: str
    """Relative to runs/."""
    mtime_ns: int


class Changes(NamedTuple):
    """What a scan found."""

    candidates: list[Candidate]
    gone: list[int]
    """Ids of runs whose directories have vanished."""
    directories: dict[str, Directory]
    """Experiment directories that were scanned, with what to remember of them."""
    gone_directories: list[str]


class Directory(NamedTuple):
    """What is remembered of a directory."""

    mtime_ns: int
    strangers: dict[str, str]
    """Name → problem: see `runlore.store.listing`. One without a name is the directory itself."""

    def row(self, path: str) -> Row:
        """As in the table, with strangers as JSON, of no more than are worth naming."""
        first = dict(list(self.strangers.items())[:_MOST_STRANGERS])
        return path, self.mtime_ns, json.dumps(first) if first else None


def find_changes(connection: Connection, root: str) -> Changes:
    """Compare the directories under `root` (the store's runs/) with what the catalog remembers of them.

    Raises:
        DamagedFile: `root` is no directory.
    """
    check_directory(root)
    known: dict[str, int] = dict(connection.rows("SELECT path, mtime_ns FROM directories"))
    changes = Changes([], [], {}, [])
    gone: set[str] = set()
    for path in sorted({"", *known}):  # what is above comes first: nothing is looked for behind a link
        try:
            mtime = None if above(path) in gone else change_time(os.path.join(root, path) if path else root)
        except OSError as error:  # what is known of it stays: it may be there again as it was
            changes.directories[path] = Directory(0, {"": unreadable(error)})
            continue
        if mtime is None:
            gone.add(path)
            changes.gone_directories.append(path)
            changes.gone.extend(run_id for run_id, _, _ in _known_runs(connection, path).values())
        elif mtime != known.get(path) or not mtime:
            _scan(connection, root, path, mtime, known, changes)
    seen = {candidate.path for candidate in changes.candidates}
    lost = set(changes.gone)
    open_runs = connection.rows("SELECT id, path, mtime_ns FROM runs WHERE state = ?", OPEN)
    changes.candidates.extend(
        Candidate(path, mtime) for run_id, path, mtime in open_runs if path not in seen and run_id not in lost
    )
    return changes


def one_place_each(connection: Connection, changes: Changes) -> Changes:
    """The changes without second places of a run: an experiment's directory may have been copied by hand.

    The place that comes first counts, whichever was found first. The others are named, and looked at again until they
    are gone: one of them may then be the only place.
    """
    places: dict[str, list[tuple[str, int | None]]] = {}
    for path, _ in changes.candidates:
        places.setdefault(_name(path), []).append((path, None))
    gone = set(changes.gone)
    for run_id, path in connection.rows("SELECT id, path FROM runs WHERE uid IN ??", list(places)):
        if run_id not in gone and (path, None) not in places[_name(path)]:
            places[_name(path)].append((path, run_id))
    second: set[str] = set()
    for found in places.values():
        first, *others = sorted(found)
        for path, run_id in others:
            second.add(path)
            changes.gone.extend(() if run_id is None else (run_id,))
            parent = above(path) or ""
            strangers = changes.directories[parent].strangers if parent in changes.directories else {}
            problem = f"is the run that runs/{first[0]} is; remove one of them, or keep both in stores of their own"
            changes.directories[parent] = Directory(0, {**strangers, _name(path): problem})
    if not second:
        return changes
    return changes._replace(candidates=[found for found in changes.candidates if found.path not in second])


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _scan(
    connection: Connection, root: str, path: str, mtime: int, known: dict[str, int], changes: Changes
) -> None:  # fmt: skip
    pending = [(path, mtime)]
    while pending:
        path, mtime = pending.pop()
        try:
            entries = list_entries(os.path.join(root, path) if path else root)
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed meanwhile
        except OSError as error:
            changes.directories[path] = Directory(0, {"": unreadable(error)})
            continue
        changes.directories[path] = Directory(trusted(mtime, root), entries.strangers)
        runs = _known_runs(connection, path) if path in known else {}
        for name, found in entries.directories.items():
            inner = f"{path}/{name}" if path else name
            if path and is_uid(name):
                remembered = runs.pop(inner, None)
                if remembered is None or remembered[1] != found:
                    changes.candidates.append(Candidate(inner, found))
            elif inner not in known:
                pending.append((inner, found))
        changes.gone.extend(run_id for run_id, _, _ in runs.values())


def trusted(mtime_ns: int, root: str) -> int:
    """The time to remember: 0, which never matches, where the directory may change again within the clock's grain.

    Args:
        mtime_ns: of a directory that was listed after it was found.
        root: a directory of the same file system.
    """
    age_ns = time_ns() - mtime_ns
    if age_ns < _GRAIN_NS:
        return 0
    if age_ns >= _FOREIGN_NS:
        return mtime_ns
    grain_ns = _COARSE_NS if mtime_ns % _WHOLE_SECOND_NS == 0 else _GRAIN_NS
    return mtime_ns if age_ns >= grain_ns and trusts_locks(root) else 0


def untrusted(changes: Changes, runs: Iterable[str]) -> None:
    """Have the experiments of some runs looked at again, as far as they were scanned: what is known may be outdated."""
    for parent in {path.rpartition("/")[0] for path in runs} & changes.directories.keys():
        changes.directories[parent] = changes.directories[parent]._replace(mtime_ns=0)


def above(path: str) -> str | None:
    """The directory that a directory is in; None for the topmost, ''."""
    return path.rpartition("/")[0] if path else None


def _known_runs(connection: Connection, directory: str) -> dict[str, tuple[int, int, str]]:
    """Path → (id, time, state) of the runs that the catalog knows directly in the directory."""
    if not directory:
        return {}
    rows = connection.rows(_BELOW, directory + "/", directory + "0")
    start = len(directory) + 1
    return {path: (run_id, mtime, state) for path, run_id, mtime, state in rows if "/" not in path[start:]}
