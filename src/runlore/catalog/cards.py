"""Cards in the catalog: which directories changed, what their files say, and the rows that follow from it.

Directories of kinds, spaces, names and versions are compared by their modification times, as those of runs are. A
version that changed is read as a whole and its rows are replaced, unless another reader replaced them meanwhile: what
that one read may be older than what this one saw of the directory, so it is looked at again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.catalog.changes import Directory, above, trusted
from runlore.catalog.database.card_tables import CARD_DIRECTORIES
from runlore.files import directory_problem
from runlore.store.listing import change_time, list_entries, unreadable

if TYPE_CHECKING:
    from runlore.catalog.database.base import Connection, Transactions
    from runlore.store.listing import Entries

_BATCH_CARDS = 200
_NAME_DEPTH = 3
"""kind, space, name: below that are versions."""


class Version(NamedTuple):
    """A version's directory to look at."""

    path: str
    """Relative to cards/."""
    mtime_ns: int
    known: int | None
    """The time that the catalog has of it; None: it has no such card."""


class _Scan(NamedTuple):
    changed: list[Version]
    """Those to read."""
    directories: dict[str, Directory]
    gone: list[str]
    """Directories that vanished, with all below them."""
    gone_cards: list[int]


def refresh_cards(database: Transactions, root: str) -> int:
    """Bring the catalog up to date with the cards under `root` (the store's cards/).

    Returns:
        How many cards were read.
    """
    with database.reading() as connection:
        scan = _scan(connection, root)
    if scan.changed:
        _take_in(database, root, scan)
    if scan.directories or scan.gone or scan.gone_cards:
        _remember(database, scan)
    return len(scan.changed)


def _take_in(database: Transactions, root: str, scan: _Scan) -> None:
    from runlore.catalog.card_writing import read_card, replace_cards

    for start in range(0, len(scan.changed), _BATCH_CARDS):
        batch = scan.changed[start : start + _BATCH_CARDS]
        rows = [(found, read_card(root, found.path, found.mtime_ns)) for found in batch]
        outdated = replace_cards(database, [(found, row) for found, row in rows if not isinstance(row, str)])
        for found, row in rows:
            # Look again, also where a claim is not a card yet and its process dies.
            if isinstance(row, str) or found.path in outdated:
                name, _, version = found.path.rpartition("/")
                known = scan.directories.get(name, Directory(0, {})).strangers
                problem = {version: row} if isinstance(row, str) and row else {}
                scan.directories[name] = Directory(0, {**known, **problem})


# -- what changed ---------------------------------------------------------------------------------------------------


_BELOW = "SELECT path, id, mtime_ns FROM cards WHERE path > ? AND path < ?"


def _scan(connection: Connection, root: str) -> _Scan:
    known: dict[str, int] = dict(connection.rows("SELECT path, mtime_ns FROM card_directories"))
    scan = _Scan([], {}, [], [])
    pending = _changed_directories(root, known, scan)
    while pending:
        path, mtime = pending.pop()
        entries = _listed(root, path, scan)
        if entries is None:
            continue
        scan.directories[path] = Directory(trusted(mtime, root), entries.strangers)
        found = {f"{path}/{name}" if path else name: time for name, time in entries.directories.items()}
        if path.count("/") + bool(path) < _NAME_DEPTH:
            pending.extend((inner, time) for inner, time in found.items() if inner not in known)
            continue
        rows = connection.rows(_BELOW, path + "/", path + "0")
        remembered = {path: (card_id, time) for path, card_id, time in rows}
        for inner, time in found.items():
            before = remembered.pop(inner, None)
            if before is None or before[1] != time:
                scan.changed.append(Version(inner, time, None if before is None else before[1]))
        scan.gone_cards.extend(card_id for card_id, _ in remembered.values())
    seen = {found.path for found in scan.changed}
    unsettled = [path for (path,) in connection.rows("SELECT path FROM cards WHERE mtime_ns = 0") if path not in seen]
    scan.changed.extend(Version(path, _time_of_version(root, path), 0) for path in unsettled)
    return scan


def _changed_directories(root: str, known: dict[str, int], scan: _Scan) -> list[tuple[str, int]]:
    """(path, time) of those to list; those that vanished, or cannot be looked at, go into the scan."""
    pending = []
    gone: set[str] = set()
    for path in sorted({"", *known}):  # what is above comes first: nothing is looked for behind a link
        place = os.path.join(root, path) if path else root
        try:
            mtime = None if above(path) in gone else change_time(place)
        except OSError as error:
            scan.directories[path] = Directory(0, {"": unreadable(error)})
            continue
        if mtime is None:
            gone.add(path)
            scan.gone.extend([path] if path in known else [])
            problem = None if path else directory_problem(place)
            if problem is not None:
                scan.directories[path] = Directory(0, {"": problem})
        elif mtime != known.get(path) or not mtime:
            pending.append((path, mtime))
    return pending


def _listed(root: str, path: str, scan: _Scan) -> Entries | None:
    """What is there; None where it was removed meanwhile, or cannot be read."""
    try:
        return list_entries(os.path.join(root, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        scan.directories[path] = Directory(0, {"": unreadable(error)})
        return None


def _time_of_version(root: str, path: str) -> int:
    try:
        return change_time(os.path.join(root, path)) or 0
    except OSError:
        return 0  # reading it says what is wrong


def _remember(database: Transactions, scan: _Scan) -> None:
    from runlore.catalog.card_writing import forget_cards

    with database.writing() as connection:
        gone = [
            card_id for path in scan.gone for _, card_id, _ in connection.rows(_BELOW, path + "/", path + "0")
        ]  # fmt: skip
        forget_cards(connection, [*scan.gone_cards, *gone])
        connection.run("DELETE FROM card_directories WHERE path IN ??", [*scan.gone, *scan.directories])
        connection.insert(CARD_DIRECTORIES, [found.row(path) for path, found in scan.directories.items()])
