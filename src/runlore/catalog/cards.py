"""Cards in the catalog: which directories changed, what their files say, and the rows that follow from it.

Directories of kinds, spaces, names and versions are compared by their modification times, as those of runs are. A
version that changed is read as a whole and its rows are replaced: two readers doing the same write the same.
"""

from __future__ import annotations

import json
import os
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, func, select

from runlore.catalog import card_schema as tables
from runlore.catalog.changes import Directory, above
from runlore.catalog.database import sql_text
from runlore.store import cards as files
from runlore.store.listing import change_time, directory_problem, list_entries, unreadable
from runlore.versions import Version

if TYPE_CHECKING:
    from sqlalchemy import Engine

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


def refresh(engine: Engine, root: str) -> int:
    """Bring the catalog up to date with the cards under `root` (the store's cards/).

    Returns:
        How many cards were read.
    """
    scan = _scan(engine, root)
    for start in range(0, len(scan.changed), _BATCH_CARDS):
        batch = scan.changed[start : start + _BATCH_CARDS]
        rows = [(path, _read(root, path, mtime)) for path, mtime in batch]
        _replace(engine, [row for _, row in rows if isinstance(row, _Row)])
        for path, row in rows:
            if not isinstance(row, _Row):  # claimed, not registered: look again, also when its process dies before that
                name, _, version = path.rpartition("/")
                known = scan.directories.get(name, Directory(0, {}))
                strangers = {**known.strangers, version: row} if row else known.strangers
                scan.directories[name] = Directory(0, strangers)
    _remember(engine, scan)
    return len(scan.changed)


# -- what changed ---------------------------------------------------------------------------------------------------


def _scan(engine: Engine, root: str) -> _Scan:
    cards, directories = tables.cards, tables.card_directories
    with engine.connect() as connection:
        known = {row.path: row.mtime_ns for row in connection.execute(select(directories))}
        unsettled = [path for (path,) in connection.execute(select(cards.c.path).where(cards.c.mtime_ns == 0))]
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
            rows = connection.execute(
                select(cards.c.path, cards.c.id, cards.c.mtime_ns).where(
                    cards.c.path > path + "/", cards.c.path < path + "0"
                )
            )
            remembered = {path: (card_id, time) for path, card_id, time in rows}
            for inner, time in found.items():
                before = remembered.pop(inner, None)
                if before is None or before[1] != time:
                    scan.changed.append((inner, time))
            scan.gone_cards.extend(card_id for card_id, _ in remembered.values())
    seen = {path for path, _ in scan.changed}
    scan.changed.extend((path, _time_of_version(root, path)) for path in unsettled if path not in seen)
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


def _read(root: str, path: str, mtime_ns: int) -> _Row | str:
    """The rows of one version; what is wrong with it where it cannot be read, "" where nothing is registered (yet)."""
    trusted = _trusted(mtime_ns)
    state = files.read_card(os.path.join(root, path))
    if state is None or not state.about:
        return f"is left out: {state.damage[0]}" if state is not None else ""
    row = _row_of(state)
    row.card.update(path=path, mtime_ns=trusted if state.settled else 0)
    return row


def _row_of(state: files.CardState) -> _Row:
    about = state.about
    aliases: dict[str, tuple[bool, int]] = {}
    tags: dict[str, Any] = dict(about.get("tags") or {})
    facts: dict[str, Any] = {}
    links = {("card", item["uid"], "input") for item in about.get("inputs") or ()}
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
        "card_aliases": [
            {"alias": sql_text(key), "held": int(held), "time_ns": time} for key, (held, time) in aliases.items()
        ],
        "card_tags": [{"key": sql_text(key), "value": sql_text(tag)} for key, tag in tags.items() if tag is not None],
        "card_links": [
            {"target": target, "uid": sql_text(uid), "role": sql_text(role)} for target, uid, role in sorted(links)
        ],
        "card_artifacts": [_artifact(item) for item in about.get("artifacts") or ()],
    }
    texts = {field: about.get(field) for field in ("uid", "kind", "space", "name", "version", "user", "host")}
    texts.update(
        description=about.get("description"), note=facts.get(files.NOTE), stage=facts.get(files.STAGE),
        run_uid=about.get("run"), run_role=about.get("run_role"),
    )  # fmt: skip
    card = {
        **{field: sql_text(text) for field, text in texts.items()},
        "version_key": Version.parse(about["version"]).sort_key,
        "created_ns": about["created_ns"],
        "updated_ns": max([about["created_ns"], *(event.time_ns for event in state.events)]),
        "metadata": json.dumps(about.get("metadata") or {}),
        "deleted": int(bool(facts.get(files.DELETED))),
        "damage": json.dumps(state.damage) if state.damage else None,
    }
    return _Row(card, others)


def _artifact(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": sql_text(item["name"]),
        "digest": sql_text(item.get("digest")),
        "size": item.get("size"),
        "media_type": sql_text(item.get("media_type")),
        "kind": sql_text(item.get("kind") or "file"),
        "metadata": json.dumps(item.get("metadata") or {}),
    }


# -- applying -------------------------------------------------------------------------------------------------------

_OTHERS = (tables.card_aliases, tables.card_tags, tables.card_links, tables.card_artifacts)


def _replace(engine: Engine, rows: list[_Row]) -> None:
    if not rows:
        return
    cards = tables.cards
    with engine.connect().execution_options(begin="IMMEDIATE") as connection, connection.begin():
        paths = [row.card["path"] for row in rows]
        same = select(cards.c.path, cards.c.id).where(cards.c.path.in_(paths))
        ids = {row.path: row.id for row in connection.execute(same)}
        next_id = (connection.execute(select(func.max(cards.c.id))).scalar() or 0) + 1
        connection.execute(delete(cards).where(cards.c.path.in_(paths)))
        new: dict[str, list[dict[str, Any]]] = {table.name: [] for table in _OTHERS}
        for number, row in enumerate(rows):
            card_id = ids.get(row.card["path"], next_id + number)
            connection.execute(cards.insert(), {"id": card_id, **row.card})
            for name, others in row.others.items():
                new[name].extend({"card_id": card_id, **other} for other in others)
        for table in _OTHERS:
            if new[table.name]:
                connection.execute(table.insert(), new[table.name])


def _remember(engine: Engine, scan: _Scan) -> None:
    if not (scan.directories or scan.gone or scan.gone_cards):
        return
    cards, directories = tables.cards, tables.card_directories
    with engine.connect().execution_options(begin="IMMEDIATE") as connection, connection.begin():
        for path in scan.gone:
            connection.execute(delete(directories).where(directories.c.path == path))
            connection.execute(delete(cards).where(cards.c.path > path + "/", cards.c.path < path + "0"))
        if scan.directories:
            connection.execute(
                delete(directories).where(directories.c.path == bindparam("p")),
                [{"p": path} for path in scan.directories],
            )
            connection.execute(directories.insert(), [found.row(path) for path, found in scan.directories.items()])
        if scan.gone_cards:
            connection.execute(delete(cards).where(cards.c.id == bindparam("i")), [{"i": i} for i in scan.gone_cards])
