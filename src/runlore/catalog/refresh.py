"""Bringing the catalog up to date: reading what journals gained, and applying it once, whoever else does the same.

Journals are read outside of any transaction. Inside it, what they were read from is compared with what the catalog has
by then; where another reader was faster, that run is left as it is. Whatever that one read may be older than what this
one saw of the run's directory, so it is looked at again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.catalog.changes import Candidate, Changes, above, find_changes, one_place_each, untrusted
from runlore.catalog.database.tables import ARTIFACTS, DIRECTORIES, FACTS, OPEN, SEARCHED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from runlore.catalog.database.base import Transactions

_BATCH_RUNS = 500


def refresh_runs(database: Transactions, root: str, progress: Callable[[int, int], None] | None = None) -> int:
    """Bring the catalog up to date with the runs under `root`.

    Args:
        database: of the catalog.
        root: the store's runs/ directory.
        progress: called with (runs looked at, runs to look at) after each batch.

    Returns:
        How many runs were looked at.
    """
    with database.reading() as connection:
        changes = one_place_each(connection, find_changes(connection, root))
    if changes.gone:  # first: a run whose directory was moved is to be found in its new place
        _forget(database, changes.gone)
    if changes.candidates:
        _take_in(database, root, changes, progress)
    if changes.directories or changes.gone_directories:
        _remember(database, changes)
    return len(changes.candidates)


def refresh_open_runs(database: Transactions, root: str, uids: Collection[str]) -> bool:
    """Bring the catalog up to date with some runs alone.

    Directories are not looked at: that a run was moved, removed, sealed or copied is for `refresh_runs` to find out.

    Args:
        database: of the catalog.
        root: the store's runs/ directory.
        uids: of the runs.

    Returns:
        Whether it did; False where the catalog lacks one of them, or knows that it ended, and where one was just being
        sealed, or written into the catalog by another reader, who may have looked at it earlier.
    """
    with database.reading() as connection:
        found = list(connection.rows("SELECT path, mtime_ns, state FROM runs WHERE uid IN ??", list(uids)))
    if len(found) < len(set(uids)) or any(state != OPEN for _, _, state in found):
        return False
    candidates = [Candidate(path, mtime_ns) for path, mtime_ns, _ in found]
    return not _take_in(database, root, Changes(candidates, [], {}, []), None)


def _take_in(
    database: Transactions, root: str, changes: Changes, progress: Callable[[int, int], None] | None
) -> list[str]:  # fmt: skip
    """Read runs and write what they gained; returns the paths of those that are to be looked at again."""
    from runlore.catalog.reading import read_run
    from runlore.catalog.writing import load_known, write_runs

    unsure: list[str] = []
    total = len(changes.candidates)
    for start in range(0, total, _BATCH_RUNS):
        batch = changes.candidates[start : start + _BATCH_RUNS]
        with database.reading() as connection:
            known = load_known(connection, [candidate.path for candidate in batch])
        found = [(candidate.path, read_run(root, candidate, known.get(candidate.path))) for candidate in batch]
        outdated = write_runs(database, [gain for _, gain in found if gain is not None])
        unsure += [*outdated, *(path for path, gain in found if gain is None)]
        if progress is not None:
            progress(min(start + _BATCH_RUNS, total), total)
    untrusted(changes, unsure)
    return unsure


def _remember(database: Transactions, changes: Changes) -> None:
    with database.writing() as connection:
        connection.run("DELETE FROM directories WHERE path IN ??", [*changes.directories, *changes.gone_directories])
        connection.insert(DIRECTORIES, [found.row(path) for path, found in changes.directories.items()])
        # One that is gone may have been made anew, and found by another reader meanwhile: it is to be found again.
        parents = [above(path) for path in changes.gone_directories if path]
        connection.run("UPDATE directories SET mtime_ns = 0 WHERE path IN ??", parents)


def _forget(database: Transactions, gone: list[int]) -> None:
    with database.writing() as connection:
        parents = {above(path) for (path,) in connection.rows("SELECT path FROM runs WHERE id IN ??", gone)}
        connection.run("UPDATE directories SET mtime_ns = 0 WHERE path IN ??", [*parents])  # until all is taken in
        for table in (*SEARCHED, ARTIFACTS, FACTS):
            connection.run(f"DELETE FROM {table.name} WHERE run_id IN ??", gone)
        connection.run("DELETE FROM runs WHERE id IN ??", gone)
