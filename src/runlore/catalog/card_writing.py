"""What the files of cards say, as rows of the catalog, and writing them: a card that changed is replaced as a whole."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.catalog.changes import trusted
from runlore.catalog.database.card_tables import CARDS, HANGING
from runlore.store import cards as files
from runlore.stored_text import to_stored
from runlore.versions import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.cards import Version as Found
    from runlore.catalog.database.base import Connection, Transactions


class CardRow(NamedTuple):
    """One card's row, and the rows that hang on it, by table."""

    card: dict[str, Any]
    others: dict[str, list[dict[str, Any]]]


def read_card(root: str, path: str, mtime_ns: int) -> CardRow | str:
    """The rows of one version; what is wrong with it where it cannot be read, "" where nothing is registered (yet)."""
    time = trusted(mtime_ns, root)
    state = files.read_card(os.path.join(root, path))
    if state is None or not state.about:
        return f"is left out: {state.damage[0]}" if state is not None else ""
    row = _row_of(state)
    row.card.update(path=path, mtime_ns=time if state.settled and not state.damage else 0)
    return row


def _row_of(state: files.CardState) -> CardRow:
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
        "card_aliases": [{"alias": key, "held": int(held), "time_ns": time} for key, (held, time) in aliases.items()],
        "card_tags": [{"key": key, "value": str(value)} for key, value in tags.items() if value is not None],
        "card_links": [{"target": target, "uid": uid, "role": role} for target, uid, role in sorted(links)],
        "card_artifacts": [_artifact(item) for item in about.get("artifacts") or ()],
    }
    card = {
        "uid": about["uid"], "kind": about["kind"], "space": about["space"], "name": about["name"],
        "version": about["version"], "version_key": Version.parse(about["version"]).sort_key,
        "created_ns": about["created_ns"],
        "updated_ns": max([about["created_ns"], *(event.time_ns for event in state.events)]),
        "user_name": about.get("user"), "host": about.get("host"),
        "description": about.get("description"),
        "note": _text(facts.get(files.NOTE)), "stage": _text(facts.get(files.STAGE)),
        "run_uid": about.get("run"), "run_role": about.get("run_role"),
        "metadata": json.dumps(about.get("metadata") or {}), "deleted": int(bool(facts.get(files.DELETED))),
        "damage": json.dumps(state.damage) if state.damage else None,
    }  # fmt: skip
    return CardRow(card, others)


def _text(value: Any) -> str | None:
    """The value as text; what is read may have been written by anybody."""
    return None if value is None else str(value)


def _artifact(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "digest": item.get("digest"),
        "size": item.get("size"),
        "media_type": item.get("media_type"),
        "kind": item.get("kind") or "file",
        "metadata": json.dumps(item.get("metadata") or {}),
    }


def replace_cards(database: Transactions, found: Sequence[tuple[Found, CardRow]]) -> set[str]:
    """Write cards in the place of what the catalog had of them, of those that nobody else has replaced meanwhile.

    Returns:
        The paths of those others.
    """
    if not found:
        return set()
    paths = [version.path for version, _ in found]
    with database.writing() as connection:
        have = {
            path: (card_id, time)
            for path, card_id, time in connection.rows("SELECT path, id, mtime_ns FROM cards WHERE path IN ??", paths)
        }
        rows = [row for version, row in found if have.get(version.path, (0, None))[1] == version.known]
        ids = {row.card["path"]: have[row.card["path"]][0] for row in rows if row.card["path"] in have}
        next_id = (connection.rows("SELECT max(id) FROM cards")[0][0] or 0) + 1
        forget_cards(connection, list(ids.values()))
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
    return {*paths} - {row.card["path"] for row in rows}


def _values(names: Sequence[str], row: dict[str, Any]) -> tuple[Any, ...]:
    values = map(row.__getitem__, names)
    return tuple(to_stored(value) if isinstance(value, str) else value for value in values)


def forget_cards(connection: Connection, ids: list[int]) -> None:
    """Remove cards that are gone, with all that hangs on them."""
    for table in HANGING:
        connection.run(f"DELETE FROM {table.name} WHERE card_id IN ??", ids)
    connection.run("DELETE FROM cards WHERE id IN ??", ids)
