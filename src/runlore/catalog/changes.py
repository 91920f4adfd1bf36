"""What has to be looked at: run directories that are new, touched, gone, or not yet ended.

Experiment directories are compared by their modification time, for inequality, so that copied stores and clocks that
went back do no harm. A time that is younger than the clock's grain is not trusted the next time.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from time import time_ns
from typing import TYPE_CHECKING, NamedTuple

from runlore.catalog.rows import OPEN
from runlore.names import is_uid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from runlore.catalog.database.base import Connection

_GRAIN_NS = 50_000_000
_BELOW = "SELECT path, id, mtime_ns, state FROM runs WHERE path > ? AND path < ?"


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
    directories: dict[str, int]
    """Experiment directories that were scanned, with the time to remember."""
    gone_directories: list[str]


def find_changes(connection: Connection, root: str) -> Changes:
    """Compare the directories under `root` (the store's runs/) with what the catalog remembers of them."""
    known = dict(connection.rows("SELECT path, mtime_ns FROM directories"))
    changes = Changes([], [], {}, [])
    for path in [*known, *([] if "" in known else [""])]:
        mtime = _mtime(os.path.join(root, path) if path else root)
        if mtime is None:
            changes.gone_directories.append(path)
            changes.gone.extend(run_id for run_id, _, _ in _known_runs(connection, path).values())
        elif mtime != known.get(path):
            _scan(connection, root, path, mtime, known, changes)
    seen = {candidate.path for candidate in changes.candidates}
    open_runs = connection.rows("SELECT path, mtime_ns FROM runs WHERE state = ?", OPEN)
    changes.candidates.extend(Candidate(path, mtime) for path, mtime in open_runs if path not in seen)
    return changes


def _scan(
    connection: Connection, root: str, path: str, mtime: int, known: dict[str, int], changes: Changes
) -> None:  # fmt: skip
    pending = [(path, mtime)]
    while pending:
        path, mtime = pending.pop()
        changes.directories[path] = 0 if time_ns() - mtime < _GRAIN_NS else mtime
        runs = _known_runs(connection, path) if path in known else {}
        with _listed(os.path.join(root, path) if path else root) as entries:
            for entry in entries:
                inner = f"{path}/{entry.name}" if path else entry.name
                found = _mtime(entry.path)
                if found is None:
                    continue  # removed meanwhile
                if is_uid(entry.name) and path:
                    remembered = runs.pop(inner, None)
                    if remembered is None or remembered[1] != found:
                        changes.candidates.append(Candidate(inner, found))
                elif inner not in known and entry.is_dir():
                    pending.append((inner, found))
        changes.gone.extend(run_id for run_id, _, _ in runs.values())


def _listed(directory: str) -> AbstractContextManager[Iterable[os.DirEntry[str]]]:
    """The entries of a directory, to be closed; none where it was removed meanwhile."""
    try:
        return os.scandir(directory)
    except FileNotFoundError:
        return nullcontext(())


def _known_runs(connection: Connection, directory: str) -> dict[str, tuple[int, int, str]]:
    """Path → (id, time, state) of the runs that the catalog knows directly in the directory."""
    if not directory:
        return {}
    rows = connection.rows(_BELOW, directory + "/", directory + "0")
    start = len(directory) + 1
    return {path: (run_id, mtime, state) for path, run_id, mtime, state in rows if "/" not in path[start:]}


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None
