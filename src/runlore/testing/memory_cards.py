"""What the dictionaries of cards in memory say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.index.records import CardRecord, LinkRecord
from runlore.store.cards import ALIAS, DELETED, NOTE, STAGE, TAG, USE
from runlore.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.index.records import CardFilter
    from runlore.testing.memory_store import MemoryCard, MemoryStore


def _all(store: MemoryStore) -> list[MemoryCard]:
    return [card for versions in store.cards.values() for card in versions.values() if card.about is not None]


def records(store: MemoryStore) -> list[CardRecord]:
    """Every card, deleted ones included."""
    found = _all(store)
    holders = _holders(found)
    return [_record(card, holders) for card in found]


def _holders(cards: Iterable[MemoryCard]) -> dict[tuple[Any, ...], str]:
    """(kind, space, name, alias) → uid of the version that holds it: the one that took it last."""
    said = [
        ((*(card.about[part] for part in ("kind", "space", "name")), fact.key), fact, card.about["uid"])
        for card in cards
        if card.about is not None
        for fact in card.facts
        if fact.kind == ALIAS
    ]
    latest: dict[tuple[Any, ...], str | None] = {}
    for place, fact, uid in sorted(said, key=lambda item: item[1].time_ns):
        latest[place] = uid if fact.value else None
    return {place: uid for place, uid in latest.items() if uid is not None}


def _record(card: MemoryCard, holders: dict[tuple[Any, ...], str]) -> CardRecord:
    about = card.about or {}
    tags: dict[str, Any] = dict(about.get("tags") or {})
    later: dict[str, Any] = {}
    for fact in sorted(card.facts, key=lambda fact: fact.time_ns):
        if fact.kind == TAG:
            tags[fact.key] = fact.value
        else:
            later[fact.kind] = fact.value
    called = tuple(about[part] for part in ("kind", "space", "name"))
    mine = [place for place, uid in holders.items() if uid == about["uid"] and place[:3] == called]
    return CardRecord(
        uid=about["uid"],
        kind=about["kind"],
        space=about["space"],
        name=about["name"],
        version=about["version"],
        created_ns=about["created_ns"],
        updated_ns=max([about["created_ns"], *(fact.time_ns for fact in card.facts)]),
        user=about.get("user"),
        host=about.get("host"),
        description=about.get("description"),
        metadata=about.get("metadata") or {},
        run=about.get("run"),
        run_role=about.get("run_role"),
        inputs=tuple(sorted({item["uid"] for item in about.get("inputs", ())})),
        aliases=tuple(sorted(place[3] for place in mine)),
        tags={key: value for key, value in sorted(tags.items()) if value is not None},
        note=later.get(NOTE),
        stage=later.get(STAGE),
        deleted=bool(later.get(DELETED)),
        damage=(),
        artifacts=tuple(sorted(about.get("artifacts", ()), key=lambda item: str(item["name"]))),
    )


def matches(card: CardRecord, wanted: CardFilter) -> bool:
    """Whether a filter asks for the card."""
    exact = ("kind", "space", "name", "stage", "run")
    return (
        all(getattr(wanted, name) in (None, getattr(card, name)) for name in exact)
        and (wanted.uids is None or card.uid in wanted.uids)
        and (wanted.uid_prefix is None or card.uid.startswith(wanted.uid_prefix))
        and (wanted.deleted or not card.deleted)
        and (wanted.max_created_ns is None or card.created_ns <= wanted.max_created_ns)
        and all(_has_tag(card, tag) for tag in wanted.tags)
    )


def _has_tag(card: CardRecord, tag: str) -> bool:
    key, equals, value = tag.partition("=")
    return tag in card.tags or bool(equals and card.tags.get(key) == value)


def in_order(cards: list[CardRecord], order_by: str) -> list[CardRecord]:
    """As `CardFilter.order_by` says."""
    if order_by == "created":
        return sorted(cards, key=lambda card: (card.created_ns, card.uid), reverse=True)
    newest_first = sorted(cards, key=lambda card: Version.parse(card.version), reverse=True)
    return sorted(newest_first, key=lambda card: (card.kind, card.space, card.name))


def links(store: MemoryStore) -> list[LinkRecord]:
    """Every link of every card, oldest card first."""
    found: list[LinkRecord] = []
    for card in sorted(_all(store), key=lambda card: (card.about or {})["created_ns"]):
        about = card.about or {}
        mine = {("card", item["uid"], "input") for item in about.get("inputs", ())}
        if about.get("run"):
            mine.add(("run", about["run"], about.get("run_role") or "output"))
        mine |= {("run", fact.key, "input") for fact in card.facts if fact.kind == USE}
        found += [LinkRecord(about["uid"], *link) for link in sorted(mine)]
    return found
