"""Cards in the catalog: which directories changed, what their files say, and the rows that follow from it.

Directories of kinds, spaces, names and versions are compared by their modification times, as those of runs are. A
version that changed is read as a whole and its rows are replaced: two readers doing the same write the same.
"""

from __future__ import annotations

import json
import os
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.catalog.changes import Directory, above
from runlore.catalog.database.card_tables import CARD_DIRECTORIES, CARDS, HANGING
from runlore.store import cards as files
from runlore.store.listing import change_time, directory_problem, list_entries, unreadable
from runlore.stored_text import to_stored
from runlore.versions import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.database.base import Connection, Transactions
    from runlore.store.listing import Entries

_GRAIN_NS = 50_000_000
_BATCH_CARDS = 200
_NAME_DEPTH = 3
"""kind, space, name: below that are versions."""


class _Scan(NamedTuple):
    changed: list[tuple[str, int]]
    """(path relative to cards/, modification time) of versions to read."""
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
    for start in range(0, len(scan.changed), _BATCH_CARDS):
        batch = scan.changed[start : start + _BATCH_CARDS]
        rows = [_read(root, path, mtime) for path, mtime in batch]
        _replace(database, [row for row in rows if row is not None])
        for (path, _), row in zip(batch, rows, strict=True):
            if row is None:  # claimed, not registered: look again, also when its process dies before it says so
                name = path.rpartition("/")[0]
                scan.directories[name] = scan.directories.get(name, Directory(0, {}))._replace(mtime_ns=0)
    _remember(database, scan)
    return len(scan.changed)


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
        scan.directories[path] = Directory(_trusted(mtime), entries.strangers)
        found = {f"{path}/{name}" if path else name: time for name, time in entries.directories.items()}
        if path.count("/") + bool(path) < _NAME_DEPTH:
            pending.extend((inner, time) for inner, time in found.items() if inner not in known)
            continue
        rows = connection.rows(_BELOW, path + "/", path + "0")
        remembered = {path: (card_id, time) for path, card_id, time in rows}
        for inner, time in found.items():
            before = remembered.pop(inner, None)
            if before is None or before[1] != time:
                scan.changed.append((inner, time))
        scan.gone_cards.extend(card_id for card_id, _ in remembered.values())
    seen = {path for path, _ in scan.changed}
    unsettled = [path for (path,) in connection.rows("SELECT path FROM cards WHERE mtime_ns = 0") if path not in seen]
    scan.changed.extend((path, _time_of_version(root, path)) for path in unsettled)
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


def _trusted(mtime_ns: int) -> int:
    """The time to remember: 0, which never matches, where the directory may change again within the clock's grain."""
    return 0 if time_ns() - mtime_ns < _GRAIN_NS else mtime_ns


# -- what a card says -----------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """One card's row, and the rows that hang on it, by table."""

    card: dict[str, Any]
    others: dict[str, list[dict[str, Any]]]


def _read(root: str, path: str, mtime_ns: int) -> _Row | None:
    """The rows of one version; None where nothing is registered (yet)."""
    trusted = _trusted(mtime_ns)
    state = files.read_card(os.path.join(root, path))
    if state is None or not state.about:
        return None
    row = _row_of(state)
    row.card.update(path=path, mtime_ns=trusted if state.settled else 0)
    return row


def _row_of(state: files.CardState) -> _Row:
    about = state.about
    aliases: dict[str, tuple[bool, int]] = {}
    tags: dict[str, str | None] = {str(key): str(value) for key, value in (about.get("tags") or {}).items()}
    facts: dict[str, Any] = {}
    links = {("card", item["uid"], "input") for item in about.get("inputs", ())}
    if about.get("run"):
        links.add(("run", about["run"], about.get("run_role") or "output"))
    for event in state.events:
        if event.kind == files.ALIAS:
            aliases[event.key] = (bool(event.value), event.time_ns)
        elif event.kind == files.TAG:
            tags[event.key] = event.value
        elif event.kind == files.USE:
            links.add(("run", event.key, "input"))
        else:
            facts[event.kind] = event.value
    others: dict[str, list[dict[str, Any]]] = {
        "card_aliases": [{"alias": key, "held": int(held), "time_ns": time} for key, (held, time) in aliases.items()],
        "card_tags": [{"key": key, "value": value} for key, value in tags.items() if value is not None],
        "card_links": [{"target": target, "uid": uid, "role": role} for target, uid, role in sorted(links)],
        "card_artifacts": [_artifact(item) for item in about.get("artifacts", ())],
    }
    card = {
        "uid": about["uid"], "kind": about["kind"], "space": about["space"], "name": about["name"],
        "version": about["version"], "version_key": Version.parse(about["version"]).sort_key,
        "created_ns": about["created_ns"],
        "updated_ns": max([about["created_ns"], *(event.time_ns for event in state.events)]),
        "user_name": about.get("user"), "host": about.get("host"),
        "description": about.get("description"), "note": facts.get(files.NOTE), "stage": facts.get(files.STAGE),
        "run_uid": about.get("run"), "run_role": about.get("run_role"),
        "metadata": json.dumps(about.get("metadata") or {}), "deleted": int(bool(facts.get(files.DELETED))),
        "damage": json.dumps(state.damage) if state.damage else None,
    }  # fmt: skip
    return _Row(card, others)


def _artifact(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "digest": item.get("digest"),
        "size": item.get("size"),
        "media_type": item.get("media_type"),
        "kind": item.get("kind") or "file",
        "metadata": json.dumps(item.get("metadata") or {}),
    }


# -- applying -------------------------------------------------------------------------------------------------------


def _replace(database: Transactions, rows: list[_Row]) -> None:
    if not rows:
        return
    with database.writing() as connection:
        paths = [row.card["path"] for row in rows]
        ids: dict[str, int] = dict(connection.rows("SELECT path, id FROM cards WHERE path IN ??", paths))
        next_id = (connection.rows("SELECT max(id) FROM cards")[0][0] or 0) + 1
        _forget(connection, list(ids.values()))
        numbered = [(ids.get(row.card["path"], next_id + number), row) for number, row in enumerate(rows)]
        connection.insert(CARDS, [_values(CARDS.names, {"id": card_id, **row.card}) for card_id, row in numbered])
        for table in HANGING:
            connection.insert(
                table,
                [
                    _values(table.names, {"card_id": card_id, **other})
                    for card_id, row in numbered
                    for other in row.others[table.name]
                ],
            )


def _values(names: Sequence[str], row: dict[str, Any]) -> tuple[Any, ...]:
    values = map(row.__getitem__, names)
    return tuple(to_stored(value) if isinstance(value, str) else value for value in values)


def _forget(connection: Connection, ids: list[int]) -> None:
    for table in HANGING:
        connection.run(f"DELETE FROM {table.name} WHERE card_id IN ??", ids)
    connection.run("DELETE FROM cards WHERE id IN ??", ids)


def _remember(database: Transactions, scan: _Scan) -> None:
    if not (scan.directories or scan.gone or scan.gone_cards):
        return
    with database.writing() as connection:
        gone = [
            card_id for path in scan.gone for _, card_id, _ in connection.rows(_BELOW, path + "/", path + "0")
        ]  # fmt: skip
        _forget(connection, [*scan.gone_cards, *gone])
        connection.run("DELETE FROM card_directories WHERE path IN ??", [*scan.gone, *scan.directories])
        connection.insert(CARD_DIRECTORIES, [found.row(path) for path, found in scan.directories.items()])
