"""What the catalog answers of cards: rows as frozen records, and the links between them."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from runlore.catalog.database.sql import Sql, all_of, any_of, join, sql
from runlore.index.records import CardRecord, HolderRecord, LinkRecord
from runlore.stored_text import from_stored, to_stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.catalog.database.base import Connection, Row
    from runlore.index.records import CardFilter

_CARDS = (
    "SELECT id, uid, kind, space, name, version, created_ns, updated_ns, user_name, host, description, metadata, "
    "run_uid, run_role, note, stage, deleted, damage FROM cards WHERE {}"
)
_ORDERS = {
    "version": " ORDER BY kind, space, name, version_key DESC, uid",
    "created": " ORDER BY created_ns DESC, uid DESC",
}


def cards(connection: Connection, wanted: CardFilter) -> list[CardRecord]:
    """The cards that a filter asks for, with all that hangs on them."""
    query = join(_CARDS + _ORDERS[wanted.order_by], all_of(*_conditions(wanted)))
    if wanted.limit is not None:
        query = Sql(f"{query.text} LIMIT ?", (*query.values, wanted.limit))
    return _records(connection, connection.rows(query))


def _conditions(wanted: CardFilter) -> Iterator[Sql]:
    columns = (("kind", wanted.kind), ("space", wanted.space), ("name", wanted.name), ("stage", wanted.stage))
    for column, value in (*columns, ("run_uid", wanted.run)):
        if value is not None:
            yield sql(f"{column} = ?", to_stored(value))
    if wanted.uids is not None:
        yield sql("uid IN ??", sorted(set(wanted.uids)))
    if wanted.uid_prefix is not None:
        yield sql("uid >= ?", wanted.uid_prefix)
        yield sql("uid < ?", wanted.uid_prefix + "g")
    if not wanted.deleted:
        yield sql("deleted = 0")
    if wanted.max_created_ns is not None:
        yield sql("created_ns <= ?", wanted.max_created_ns)
    for tag in wanted.tags:
        yield join("id IN (SELECT card_id FROM card_tags WHERE {})", _tagged(to_stored(tag)))


def _tagged(tag: str) -> Sql:
    key, equals, value = tag.partition("=")
    whole = sql("key = ?", tag)
    return whole if not equals else any_of(whole, all_of(sql("key = ?", key), sql("value = ?", value)))


def _records(connection: Connection, rows: Sequence[Row]) -> list[CardRecord]:
    ids = [row[0] for row in rows]
    tags = _grouped(connection, "SELECT card_id, key, value FROM card_tags WHERE card_id IN ?? ORDER BY key", ids)
    links = _grouped(
        connection,
        "SELECT card_id, uid FROM card_links WHERE card_id IN ?? AND target = 'card' ORDER BY uid",
        ids,
    )
    artifacts = _grouped(
        connection,
        "SELECT card_id, name, digest, size, media_type, kind, metadata FROM card_artifacts WHERE card_id IN ?? "
        "ORDER BY name",
        ids,
    )
    aliases = _aliases(connection, ids)
    return [
        _record(row, links[row[0]], aliases.get(row[0], []), tags[row[0]], artifacts[row[0]]) for row in rows
    ]  # fmt: skip


def _record(
    row: Row, links: Sequence[Row], aliases: Sequence[str], tags: Sequence[Row], artifacts: Sequence[Row]
) -> CardRecord:
    (
        _, uid, kind, space, name, version, created_ns, updated_ns, user, host, description, metadata, run, run_role,
        note, stage, deleted, damage,
    ) = row  # fmt: skip
    return CardRecord(
        uid=uid,
        kind=kind,
        space=from_stored(space),
        name=from_stored(name),
        version=version,
        created_ns=created_ns,
        updated_ns=updated_ns,
        user=_text(user),
        host=_text(host),
        description=_text(description),
        metadata=json.loads(metadata),
        run=run,
        run_role=run_role,
        inputs=tuple(link for (link,) in links),
        aliases=tuple(sorted(aliases)),
        tags={from_stored(key): from_stored(value) for key, value in tags},
        note=_text(note),
        stage=_text(stage),
        deleted=bool(deleted),
        damage=tuple(json.loads(damage)) if damage else (),
        artifacts=tuple(_artifact(item) for item in artifacts),
    )


def _text(stored: str | None) -> str | None:
    return None if stored is None else from_stored(stored)


def _artifact(row: Row) -> dict[str, Any]:
    name, digest, size, media_type, kind, metadata = row
    about = {"name": from_stored(name), "digest": digest, "size": size, "media_type": _text(media_type)}
    return {**about, "kind": from_stored(kind), "metadata": json.loads(metadata)}


def _grouped(connection: Connection, statement: str, ids: list[int]) -> dict[int, list[Row]]:
    """Rows by the card that they hang on."""
    groups: dict[int, list[Row]] = defaultdict(list)
    if ids:
        for card_id, *row in connection.rows(statement, ids):
            groups[card_id].append(tuple(row))
    return groups


_TAKERS = (
    "SELECT kind, space, name, alias, time_ns, id, held FROM card_aliases JOIN cards ON id = card_id "
    "WHERE alias IN (SELECT alias FROM card_aliases WHERE card_id IN ??)"
)
"""Whoever took or gave up, of whatever name, an alias that one of these cards took or gave up."""


def _aliases(connection: Connection, ids: list[int]) -> dict[int, list[str]]:
    """The aliases that these cards hold: of all versions of a name, the one that took it last, unless it gave it up."""
    last: dict[Row, Row] = {}
    for *alias, time_ns, card_id, held in connection.rows(_TAKERS, ids) if ids else ():
        key = tuple(alias)
        last[key] = max(last.get(key, (0, 0, 0)), (time_ns, card_id, held))
    held_by: dict[int, list[str]] = {}
    for (*_, alias), (_, card_id, held) in last.items():
        if held:
            held_by.setdefault(card_id, []).append(from_stored(alias))
    return held_by


_LINKS = (
    "SELECT created_ns, cards.uid, card_links.uid, target, role FROM cards JOIN card_links ON card_id = cards.id "
    "WHERE cards.uid IN ?? UNION "
    "SELECT created_ns, cards.uid, card_links.uid, target, role FROM cards JOIN card_links ON card_id = cards.id "
    "WHERE card_links.uid IN ?? ORDER BY 1, 2, 3"
)


def links(connection: Connection, uids: Sequence[str]) -> list[LinkRecord]:
    """Every link at these cards and runs, on either side, oldest card first."""
    wanted = list(uids)
    rows = connection.rows(_LINKS, wanted, wanted)
    return list(dict.fromkeys(LinkRecord(card, target, uid, role) for _, card, uid, target, role in rows))


_HOLDERS = (
    "SELECT DISTINCT digest, 'card', cards.uid FROM card_artifacts JOIN cards ON cards.id = card_id WHERE digest IN ?? "
    "UNION SELECT DISTINCT digest, 'run', runs.uid FROM artifacts JOIN runs ON runs.id = run_id WHERE digest IN ?? "
    "ORDER BY 1, 2, 3"
)


def holders(connection: Connection, digests: Sequence[str]) -> list[HolderRecord]:
    """The cards and runs that have contents with one of these digests, by digest, kind and uid."""
    wanted = list(digests)
    return [HolderRecord(*row) for row in connection.rows(_HOLDERS, wanted, wanted)]
