"""Finding cards: by name and version, alias or range; by uid; and lists of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlore.errors import CardNotFound, InvalidArgument, InvalidName, WrongType
from runlore.index.records import CardFilter
from runlore.index.reference import MIN_UID_PREFIX, RunReference
from runlore.names import is_uid
from runlore.opening import open_index, open_store
from runlore.registry.best import best_of_each, metric_of
from runlore.registry.card import Card
from runlore.store.cards import CardName
from runlore.versions import Version, is_query, select_versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.store.base import StoreLike


def get(
    kind: str, space: str, name: str, version: str = "latest", *, deleted: bool = False, store: StoreLike | None = None
) -> Card:
    """The card of this name that a version, a range or an alias means; of several the one of the greatest version.

    Args:
        kind: as registered.
        space: as registered.
        name: as registered.
        version: `latest`, `1.2.0`, `1`, `1.2`, `1.*`, `~1.2`, `^1.2`, an alias such as `champion`, or
            `best(val/acc)`: the one whose run was best by this metric, as `Run.define_metric` says.
        deleted: find deleted cards too.
        store: as for `runlore.start`.

    Raises:
        CardNotFound: nothing matches; the message names what there is.
        InvalidArgument: no run says what is best of the metric.
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


def select_cards(
    called: CardName, version: str, *, deleted: bool = False, store: StoreLike | None = None
) -> list[Card]:
    """All cards of a name that a version query or alias means, the greatest version first."""
    called.check()
    if not isinstance(version, str):
        raise WrongType(f"version={version!r} must be text: a version, a range or an alias")
    found = fetch(CardFilter(kind=called.kind, space=called.space, name=called.name, deleted=deleted), store)
    for card in found:
        if version in card.aliases:
            return [card]
    metric = metric_of(version)
    if metric is not None:
        return best_of_each([found], metric, store)
    if not is_query(version):
        return []  # a word: an alias that nobody has
    by_version = {card.semantic_version: card for card in found}
    return [by_version[item] for item in select_versions(by_version, version)]


def _why(called: CardName, version: str, *, deleted: bool, store: StoreLike | None) -> str:
    import difflib

    there = select_cards(called, "*", deleted=deleted, store=store)
    if there:
        known = ", ".join(card.version for card in there[:5])
        aliases = sorted({alias for card in there for alias in card.aliases})
        more = f"; aliases: {', '.join(aliases)}" if aliases else ""
        reason = "" if metric_of(version) is None else ": no run that registered one has a number of this metric"
        return f"no version of {called} matches {version!r}{reason}; there are {known}{more}"
    names = {str(card.card_name) for card in list_cards(store=store)}
    close = difflib.get_close_matches(str(called), names, 3)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "`runlore cards` lists what is there"
    return f"no card {called} is registered in {open_store(store).location!r}; {hint}"


def get_uid(uid: str, *, store: StoreLike | None = None) -> Card:
    """The card with this uid, or the only one whose uid begins so (6 characters or more). Finds deleted ones too.

    Raises:
        CardNotFound: there is none, or several begin so.
    """
    if not isinstance(uid, str):
        raise WrongType(f"uid={uid!r} must be text: 32 hexadecimal digits")
    text = uid.replace("-", "").lower()
    if is_uid(text):
        cards = fetch(CardFilter(uids=(text,), deleted=True), store)
    elif len(text) >= MIN_UID_PREFIX and text.isalnum() and text.isascii():
        cards = fetch(CardFilter(uid_prefix=text, deleted=True, limit=3), store)
    else:
        cards = []
    if len({card.uid for card in cards}) == 1:
        return cards[0]
    if cards:
        raise CardNotFound(f"uid={uid!r}: several cards begin so, for example {cards[0].uid} and {cards[1].uid}")
    where = open_store(store).location
    raise CardNotFound(f"no card has the uid {uid!r} in {where!r}; `runlore cards` lists what is there")


def find(reference: str, *, store: StoreLike | None = None) -> Card:
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
    allow_pickle: bool = False, store: StoreLike | None = None, **options: Any,
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
    tags: Mapping[str, str] | Sequence[str] = (), stage: str | None = None, run: str | None = None,
    max_created_ns: int | None = None, order_by: str = "version", limit: int | None = None, deleted: bool = False,
    store: StoreLike | None = None,
) -> list[Card]:  # fmt: skip
    """Cards that match all of this.

    Args:
        kind: exact.
        space: exact.
        name: exact.
        version: a version, range, alias or `best(KEY)`, of each name; see `get`.
        tags: the card has all of these keys; `key=value`, or a mapping, asks for the value too.
        stage: exact.
        run: the run that registered it: its uid, the beginning of it, or `experiment#number`.
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
    wanted = CardFilter(
        kind=kind, space=space, name=name, stage=stage, run=None if run is None else run_uid(run, store),
        tags=_tag_filter(tags), max_created_ns=max_created_ns, deleted=deleted,
        order_by=order_by, limit=limit if version is None else None,
    )  # fmt: skip
    cards = fetch(wanted, store)
    return (cards if version is None else _of_version(cards, version, store))[:limit]


def _tag_filter(tags: Mapping[str, str] | Sequence[str]) -> tuple[str, ...]:
    if isinstance(tags, Mapping):
        odd = next((key for key in tags if "=" in key), None)
        if odd is not None:
            raise InvalidArgument(f"tags: the key {odd!r} has a '=', which ends a key here; filter what is listed")
        return tuple(f"{key}={value}" for key, value in tags.items())
    return (tags,) if isinstance(tags, str) else tuple(tags)


def _of_version(cards: list[Card], version: str, store: StoreLike | None) -> list[Card]:
    by_name: dict[CardName, list[Card]] = {}
    for card in cards:
        by_name.setdefault(card.card_name, []).append(card)
    keep: set[str] = set()
    metric = metric_of(version)
    if metric is not None:
        best = {str(card) for card in best_of_each(list(by_name.values()), metric, store)}
        return [card for card in cards if str(card) in best]
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


def fetch(wanted: CardFilter, store: StoreLike | None) -> list[Card]:
    """The cards that a filter asks for; the index is brought up to date."""
    place = open_store(store)
    index = open_index(place)
    index.refresh()
    return [Card.of(record, place) for record in index.cards(wanted)]


def run_uid(run: str, store: StoreLike | None) -> str:
    """The uid of the run that a text means: the uid itself, its beginning, or `experiment#number`.

    Raises:
        InvalidName: it is nothing that names a run.
        RunNotFound: there is none, or several could be meant. A whole uid is taken as it is: its run may be elsewhere.
    """
    reference = RunReference.parse(run, "run")
    if reference.uid is not None:
        return reference.uid
    if reference.prefix is None and reference.number is None:
        raise InvalidName(
            f"run={run!r} names no run; give a uid, its first {MIN_UID_PREFIX} digits or more, or experiment#number"
        )
    index = open_index(open_store(store))
    index.refresh()
    return index.one(reference, facts=False).uid
