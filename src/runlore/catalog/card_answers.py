"""What the catalog answers of cards: rows as frozen records, and the links between them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from runlore.catalog import card_schema as tables
from runlore.index.records import CardRecord, LinkRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping
    from sqlalchemy.sql import Select

    from runlore.index.records import CardFilter

_AT_ONCE = 500


def cards(connection: Connection, wanted: CardFilter) -> list[CardRecord]:
    """The cards that a filter asks for, with all that hangs on them."""
    rows: list[RowMapping] = []
    for query in _queries(wanted):
        rows.extend(connection.execute(query).mappings())
    return _records(connection, rows)


def _queries(wanted: CardFilter) -> Iterable[Select[Any]]:
    table = tables.cards
    query = select(table).where(*_conditions(wanted))
    if wanted.order_by == "created":
        query = query.order_by(table.c.created_ns.desc(), table.c.uid.desc())
    else:
        query = query.order_by(table.c.kind, table.c.space, table.c.name, table.c.version_key.desc())
    if wanted.limit is not None:
        query = query.limit(wanted.limit)
    if wanted.uids is None:
        yield query
        return
    uids = sorted(set(wanted.uids))
    for start in range(0, len(uids), _AT_ONCE):
        yield query.where(table.c.uid.in_(uids[start : start + _AT_ONCE]))


def _conditions(wanted: CardFilter) -> Iterator[ColumnElement[bool]]:
    table = tables.cards
    columns = (("kind", wanted.kind), ("space", wanted.space), ("name", wanted.name), ("stage", wanted.stage))
    for column, value in (*columns, ("run_uid", wanted.run)):
        if value is not None:
            yield table.c[column] == value
    if wanted.uid_prefix is not None:
        yield table.c.uid >= wanted.uid_prefix
        yield table.c.uid < wanted.uid_prefix + "g"
    if not wanted.deleted:
        yield table.c.deleted == 0
    if wanted.max_created_ns is not None:
        yield table.c.created_ns <= wanted.max_created_ns
    for tag in wanted.tags:
        yield table.c.id.in_(_tagged(tag))


def _tagged(tag: str) -> Select[tuple[int]]:
    table = tables.card_tags
    key, equals, value = tag.partition("=")
    whole = select(table.c.card_id).where(table.c.key == tag)
    return whole if not equals else select(table.c.card_id).where(
        (table.c.key == tag) | ((table.c.key == key) & (table.c.value == value))
    )  # fmt: skip


_PLAIN = (
    "uid", "kind", "space", "name", "version", "created_ns", "updated_ns", "user", "host", "description", "run_role",
    "note", "stage",
)  # fmt: skip


def _records(connection: Connection, rows: Sequence[RowMapping]) -> list[CardRecord]:
    ids = [row["id"] for row in rows]
    tags = _grouped(connection, tables.card_tags, ids)
    links = _grouped(connection, tables.card_links, ids)
    artifacts = _grouped(connection, tables.card_artifacts, ids)
    aliases = _aliases(connection, ids)
    return [
        CardRecord(
            **{name: row[name] for name in _PLAIN},
            metadata=json.loads(row["metadata"]),
            run=row["run_uid"],
            inputs=tuple(link["uid"] for link in links.get(row["id"], ()) if link["target"] == "card"),
            aliases=tuple(sorted(aliases.get(row["id"], ()))),
            tags={tag["key"]: tag["value"] for tag in tags.get(row["id"], ())},
            deleted=bool(row["deleted"]),
            damage=tuple(json.loads(row["damage"])) if row["damage"] else (),
            artifacts=tuple(_artifact(item) for item in artifacts.get(row["id"], ())),
        )
        for row in rows
    ]


def _artifact(row: RowMapping) -> dict[str, Any]:
    plain = {name: row[name] for name in ("name", "digest", "size", "media_type", "kind")}
    return {**plain, "metadata": json.loads(row["metadata"])}


def _grouped(connection: Connection, table: Any, ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    groups: dict[int, list[RowMapping]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        for row in connection.execute(
            select(table).where(table.c.card_id.in_(ids[start : start + _AT_ONCE]))
        ).mappings():
            groups.setdefault(row["card_id"], []).append(row)
    return groups


def _aliases(connection: Connection, ids: Iterable[int]) -> dict[int, list[str]]:
    """The aliases that these cards hold: of all versions of a name, the one that took it last, unless it gave it up."""
    cards, aliases = tables.cards, tables.card_aliases
    wanted = sorted(ids)
    names: set[tuple[str, str, str]] = set()
    words: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        rows = connection.execute(
            select(cards.c.kind, cards.c.space, cards.c.name, aliases.c.alias)
            .join(aliases, aliases.c.card_id == cards.c.id)
            .where(cards.c.id.in_(wanted[start : start + _AT_ONCE]))
        )
        for kind, space, name, alias in rows:
            names.add((kind, space, name))
            words.add(alias)
    columns = (
        cards.c.kind, cards.c.space, cards.c.name, aliases.c.alias, aliases.c.time_ns, cards.c.id, aliases.c.held
    )  # fmt: skip
    last: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for piece in range(0, len(words), _AT_ONCE):
        events = connection.execute(
            select(*columns)
            .join(aliases, aliases.c.card_id == cards.c.id)
            .where(aliases.c.alias.in_(sorted(words)[piece : piece + _AT_ONCE]))
        )  # fmt: skip
        for taken in events:
            if tuple(taken[:3]) in names:
                last[tuple(taken[:4])] = max(last.get(tuple(taken[:4]), (0, 0, 0)), tuple(taken[4:]))
    held_by: dict[int, list[str]] = {}
    for (*_, alias), (_, card_id, held) in last.items():
        if held:
            held_by.setdefault(card_id, []).append(alias)
    return held_by


def links(connection: Connection, uids: Sequence[str]) -> list[LinkRecord]:
    """Every link at these cards and runs, on either side, oldest card first."""
    links, cards = tables.card_links, tables.cards
    found: dict[LinkRecord, None] = {}
    for start in range(0, len(uids), _AT_ONCE):
        piece = uids[start : start + _AT_ONCE]
        query = (
            select(cards.c.uid, links.c.target, links.c.uid, links.c.role)
            .join(links, links.c.card_id == cards.c.id)
            .where(cards.c.uid.in_(piece) | links.c.uid.in_(piece))
            .order_by(cards.c.created_ns, cards.c.uid, links.c.uid)
        )
        found.update(dict.fromkeys(LinkRecord(*row) for row in connection.execute(query)))
    return list(found)
