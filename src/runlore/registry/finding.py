"""Finding cards: by name and version, alias or range; by uid; and lists of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from runlore.catalog import card_schema as tables
from runlore.catalog import open_catalog
from runlore.errors import CardNotFound, InvalidArgument, WrongType
from runlore.names import is_uid
from runlore.registry.card import Card
from runlore.store import open_store
from runlore.store.cards import CardName
from runlore.versions import Version, is_query, select_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, RowMapping
    from sqlalchemy.sql import Select

    from runlore.registry.registering import Store
    from runlore.store import DirectoryStore

_AT_ONCE = 500
MIN_UID_PREFIX = 6


def get(
    kind: str, space: str, name: str, version: str = "latest", *, deleted: bool = False, store: Store | None = None
) -> Card:
    """The card of this name that a version, a range or an alias means; of several the one of the greatest version.

    Args:
        kind: as registered.
        space: as registered.
        name: as registered.
        version: `latest`, `1.2.0`, `1`, `1.2`, `1.*`, `~1.2`, `^1.2`, or an alias such as `champion`.
        deleted: find deleted cards too.
        store: as for `runlore.start`.

    Raises:
        CardNotFound: nothing matches; the message names what there is.
        InvalidName: a part of the name cannot be a name.

    Example:
        >>> from runlore import registry
        >>> for bump in ("major", "minor", "major"):
        ...     _ = registry.register("model", "nlp", "sentiment", bump=bump)
        >>> [registry.get("model", "nlp", "sentiment", version).version for version in ("1", "^1.0", "latest")]
        ['1.1.0', '1.1.0', '2.0.0']
    """
    cards = select_cards(CardName(kind, space, name), version, deleted=deleted, store=store)
    if not cards:
        raise CardNotFound(_why(CardName(kind, space, name), version, deleted=deleted, store=store))
    return cards[0]


def select_cards(called: CardName, version: str, *, deleted: bool = False, store: Store | None = None) -> list[Card]:
    """All cards of a name that a version query or alias means, the greatest version first."""
    called.check()
    if not isinstance(version, str):
        raise WrongType(f"version={version!r} must be text: a version, a range or an alias")
    query = select(tables.cards).where(
        tables.cards.c.kind == called.kind, tables.cards.c.space == called.space, tables.cards.c.name == called.name
    )
    cards = fetch(query, store)
    found = [card for card in cards if deleted or not card.deleted]
    for card in found:
        if version in card.aliases:
            return [card]
    if not is_query(version):
        return []  # a word: an alias that nobody has
    by_version = {card.semantic_version: card for card in found}
    return [by_version[item] for item in select_versions(by_version, version)]


def _why(called: CardName, version: str, *, deleted: bool, store: Store | None) -> str:
    import difflib

    there = select_cards(called, "*", deleted=deleted, store=store)
    if there:
        known = ", ".join(card.version for card in there[:5])
        aliases = sorted({alias for card in there for alias in card.aliases})
        more = f"; aliases: {', '.join(aliases)}" if aliases else ""
        return f"no version of {called} matches {version!r}; there are {known}{more}"
    names = {str(card.card_name) for card in list_cards(store=store)}
    close = difflib.get_close_matches(str(called), names, 3)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "`runlore cards` lists what is there"
    return f"no card {called} is registered in {open_store(store).root!r}; {hint}"


def get_uid(uid: str, *, store: Store | None = None) -> Card:
    """The card with this uid, or the only one whose uid begins so (6 characters or more). Finds deleted ones too.

    Raises:
        CardNotFound: there is none, or several begin so.
    """
    if not isinstance(uid, str):
        raise WrongType(f"uid={uid!r} must be text: 32 hexadecimal digits")
    table = tables.cards
    text = uid.replace("-", "").lower()
    if is_uid(text):
        query = select(table).where(table.c.uid == text)
    else:
        wanted = text if len(text) >= MIN_UID_PREFIX and text.isalnum() and text.isascii() else "-"
        query = select(table).where(table.c.uid >= wanted, table.c.uid < wanted + "g").limit(3)
    cards = fetch(query, store)
    if len({card.uid for card in cards}) == 1:
        return cards[0]
    if cards:
        raise CardNotFound(f"uid={uid!r}: several cards begin so, for example {cards[0].uid} and {cards[1].uid}")
    where = open_store(store).root
    raise CardNotFound(f"no card has the uid {uid!r} in {where!r}; `runlore cards` lists what is there")


def find(reference: str, *, store: Store | None = None) -> Card:
    """The card that a text means: a uid (or its beginning), or `kind/space/name`, with `@version` where wanted.

    Raises:
        CardNotFound: nothing matches.

    Example:
        >>> from runlore import registry
        >>> _ = registry.register("model", "nlp", "sentiment")
        >>> registry.find("model/nlp/sentiment@^0.1").version
        '0.1.0'
    """
    if not isinstance(reference, str):
        raise WrongType(f"reference={reference!r} must be text: a uid, or kind/space/name@version")
    if "/" not in reference:
        return get_uid(reference, store=store)
    called, version = parse_reference(reference)
    return get(*called, version, store=store)


def parse_reference(reference: str) -> tuple[CardName, str]:
    """The name and the version query in `kind/space/name@version`.

    Raises:
        InvalidArgument: it has no such form.
    """
    text, _, version = reference.partition("@")
    kind, _, rest = text.partition("/")
    space, slash, name = rest.rpartition("/")
    if not slash:
        raise InvalidArgument(f"reference={reference!r} must be a uid, or kind/space/name, with @version where wanted")
    return CardName(kind, space, name).check(), version or "latest"


def load(
    kind: str, space: str, name: str, version: str = "latest", artifact: str | None = None, *,
    allow_pickle: bool = False, store: Store | None = None, **options: Any,
) -> Any:  # fmt: skip
    """The object that a card holds: see `get` and `Card.load`.

    Example:
        >>> from runlore import registry
        >>> _ = registry.register("data", "iris", "flowers", artifacts={"rows": [[5.1, 3.5]]})
        >>> registry.load("data", "iris", "flowers")
        [[5.1, 3.5]]
    """
    return get(kind, space, name, version, store=store).load(artifact, allow_pickle=allow_pickle, **options)


def list_cards(
    *, kind: str | None = None, space: str | None = None, name: str | None = None, version: str | None = None,
    tags: Sequence[str] = (), stage: str | None = None, run: str | None = None, max_created_ns: int | None = None,
    order_by: str = "version", limit: int | None = None, deleted: bool = False, store: Store | None = None,
) -> list[Card]:  # fmt: skip
    """Cards that match all of this.

    Args:
        kind: exact.
        space: exact.
        name: exact.
        version: a version, range or alias; see `get`.
        tags: the card has all of these keys; `key=value` asks for the value too.
        stage: exact.
        run: uid of the run that registered it.
        max_created_ns: registered at or before this time, in ns since 1970 UTC.
        order_by: `version`: by kind, space and name, the greatest version first. `created`: the newest first.
        limit: at most so many.
        deleted: list deleted cards too.
        store: as for `runlore.start`.

    Raises:
        InvalidArgument: an order that does not exist.

    Example:
        >>> from runlore import registry
        >>> _ = registry.register("model", "nlp", "sentiment", tags=["bert"])
        >>> _ = registry.register("model", "nlp", "sentiment")
        >>> [str(card) for card in registry.list_cards(kind="model", tags=["bert"])]
        ['model/nlp/sentiment@0.1.0']
    """
    if order_by not in ("version", "created"):
        raise InvalidArgument(f"order_by={order_by!r} must be 'version' or 'created'")
    table = tables.cards
    query = select(table)
    for column, value in (("kind", kind), ("space", space), ("name", name), ("stage", stage), ("run_uid", run)):
        if value is not None:
            query = query.where(table.c[column] == value)
    if not deleted:
        query = query.where(table.c.deleted == 0)
    if max_created_ns is not None:
        query = query.where(table.c.created_ns <= max_created_ns)
    for tag in [tags] if isinstance(tags, str) else tags:
        query = query.where(table.c.id.in_(_tagged(tag)))
    if order_by == "created":
        query = query.order_by(table.c.created_ns.desc(), table.c.uid.desc())
    else:
        query = query.order_by(table.c.kind, table.c.space, table.c.name, table.c.version_key.desc())
    if version is None and limit is not None:
        query = query.limit(limit)
    cards = fetch(query, store)
    return (cards if version is None else _of_version(cards, version))[:limit]


def _tagged(tag: str) -> Select[tuple[int]]:
    table = tables.card_tags
    key, equals, value = tag.partition("=")
    whole = select(table.c.card_id).where(table.c.key == tag)
    return whole if not equals else select(table.c.card_id).where(
        (table.c.key == tag) | ((table.c.key == key) & (table.c.value == value))
    )  # fmt: skip


def _of_version(cards: list[Card], version: str) -> list[Card]:
    by_name: dict[CardName, list[Card]] = {}
    for card in cards:
        by_name.setdefault(card.card_name, []).append(card)
    keep: set[str] = set()
    for same in by_name.values():
        held = [card for card in same if version in card.aliases]
        wanted = {str(card.semantic_version) for card in held} or _matching(same, version)
        keep.update(str(card) for card in same if card.version in wanted)
    return [card for card in cards if str(card) in keep]


def _matching(cards: list[Card], version: str) -> set[str]:
    if not is_query(version):
        return set()  # a word: an alias that no version of this name has
    versions: dict[Version, Card] = {card.semantic_version: card for card in cards}
    return {card.version for item in select_versions(versions, version) for card in [versions[item]]}


# -- from rows to cards ---------------------------------------------------------------------------------------------


def fetch(query: Select[Any], store: Store | None) -> list[Card]:
    """The cards that a query on their table finds, with all that hangs on them; the catalog is brought up to date."""
    place = open_store(store)
    catalog = open_catalog(place)
    catalog.refresh()
    with catalog.connect() as connection:
        rows = connection.execute(query).mappings().all()
        return _cards(connection, rows, place)


def _cards(connection: Connection, rows: Sequence[RowMapping], store: DirectoryStore) -> list[Card]:
    ids = [row["id"] for row in rows]
    tags = _grouped(connection, tables.card_tags, ids)
    links = _grouped(connection, tables.card_links, ids)
    artifacts = _grouped(connection, tables.card_artifacts, ids)
    aliases = _aliases(connection, ids)
    return [
        Card(
            **{name: row[name] for name in _PLAIN},
            metadata=json.loads(row["metadata"]),
            run=row["run_uid"],
            inputs=tuple(link["uid"] for link in links.get(row["id"], ()) if link["target"] == "card"),
            aliases=tuple(sorted(aliases.get(row["id"], ()))),
            tags={tag["key"]: tag["value"] for tag in tags.get(row["id"], ())},
            deleted=bool(row["deleted"]),
            damage=tuple(json.loads(row["damage"])) if row["damage"] else (),
            _artifacts=tuple(
                {**item, "metadata": json.loads(item["metadata"])} for item in artifacts.get(row["id"], ())
            ),
            _store=store,
        )
        for row in rows
    ]


_PLAIN = (
    "kind", "space", "name", "version", "uid", "created_ns", "updated_ns", "user", "host", "description", "run_role",
    "note", "stage",
)  # fmt: skip


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
