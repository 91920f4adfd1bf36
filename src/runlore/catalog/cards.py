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
from runlore.store import cards as files
from runlore.versions import Version

if TYPE_CHECKING:
    from sqlalchemy import Engine

_GRAIN_NS = 50_000_000
_BATCH_CARDS = 200
_NAME_DEPTH = 3
"""kind, space, name: below that are versions."""


class _Scan(NamedTuple):
    changed: list[tuple[str, int]]
    """(path relative to cards/, modification time) of versions to read."""
    directories: dict[str, int]
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
        rows = [_read(root, path, mtime) for path, mtime in batch]
        _replace(engine, [row for row in rows if row is not None])
        for (path, _), row in zip(batch, rows, strict=True):
            if row is None:  # claimed, not registered: look again, also when its process dies before it says so
                scan.directories[path.rpartition("/")[0]] = 0
    _remember(engine, scan)
    return len(scan.changed)


# -- what changed ---------------------------------------------------------------------------------------------------


def _scan(engine: Engine, root: str) -> _Scan:
    cards, directories = tables.cards, tables.card_directories
    with engine.connect() as connection:
        known = {row.path: row.mtime_ns for row in connection.execute(select(directories))}
        unsettled = [path for (path,) in connection.execute(select(cards.c.path).where(cards.c.mtime_ns == 0))]
        scan = _Scan([], {}, [], [])
        pending = []
        for path in [*known, *([] if "" in known else [""])]:
            mtime = _mtime(os.path.join(root, path))
            if mtime is None:
                scan.gone.extend([path] if path in known else [])
            elif mtime != known.get(path):
                pending.append((path, mtime))
        while pending:
            path, mtime = pending.pop()
            scan.directories[path] = _trusted(mtime)
            if path.count("/") + bool(path) < _NAME_DEPTH:
                found = _subdirectories(root, path)
                pending.extend((inner, time) for inner, time in found.items() if inner not in known)
                continue
            rows = connection.execute(
                select(cards.c.path, cards.c.id, cards.c.mtime_ns).where(
                    cards.c.path > path + "/", cards.c.path < path + "0"
                )
            )
            remembered = {path: (card_id, time) for path, card_id, time in rows}
            for inner, time in _subdirectories(root, path).items():
                before = remembered.pop(inner, None)
                if before is None or before[1] != time:
                    scan.changed.append((inner, time))
            scan.gone_cards.extend(card_id for card_id, _ in remembered.values())
    seen = {path for path, _ in scan.changed}
    scan.changed.extend((path, _mtime(os.path.join(root, path)) or 0) for path in unsettled if path not in seen)
    return scan


def _subdirectories(root: str, path: str) -> dict[str, int]:
    with os.scandir(os.path.join(root, path)) as entries:
        return {
            f"{path}/{entry.name}" if path else entry.name: entry.stat().st_mtime_ns
            for entry in entries
            if entry.is_dir()
        }


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None


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
        "user": about.get("user"), "host": about.get("host"),
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
            connection.execute(
                directories.insert(), [{"path": path, "mtime_ns": time} for path, time in scan.directories.items()]
            )
        if scan.gone_cards:
            connection.execute(delete(cards).where(cards.c.id == bindparam("i")), [{"i": i} for i in scan.gone_cards])
