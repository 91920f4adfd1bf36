"""What came of what: from data to runs to models, forwards and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from runlore.catalog import card_schema as tables
from runlore.catalog import open_catalog
from runlore.errors import InvalidName
from runlore.names import is_uid
from runlore.registry.finding import fetch
from runlore.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.registry.card import Card
    from runlore.registry.registering import Store
    from runlore.run import Run

_AT_ONCE = 500
Node = tuple[str, str]
"""("card" or "run", uid)."""


@dataclass(frozen=True)
class Lineage:
    """What a card or run came of, and what came of it. Nearest first; each once.

    Attributes:
        ancestors: cards that it came of, directly or not.
        descendants: cards that came of it.
        ancestor_runs: uids of runs on the way to the ancestors, its own maker among them.
        descendant_runs: uids of runs that used it, or what came of it.
        edges: (from, to), each ("card" or "run", uid), in the direction in which things came about.
    """

    ancestors: tuple[Card, ...]
    descendants: tuple[Card, ...]
    ancestor_runs: tuple[str, ...]
    descendant_runs: tuple[str, ...]
    edges: tuple[tuple[Node, Node], ...]


def lineage(of: Card | Run | str, *, store: Store | None = None) -> Lineage:
    """What a card or a run came of, and what came of it.

    Args:
        of: a card, a run, or the uid of either.
        store: as for `runlore.start`; by default the card's or run's own.

    Raises:
        InvalidName: it is none of these.

    Example:
        >>> import runlore
        >>> from runlore import registry
        >>> data = registry.register("data", "iris", "flowers")
        >>> with runlore.start("iris") as run:
        ...     _ = registry.use(data, run)
        ...     model = registry.register("model", "iris", "tree", run=run)
        >>> [str(card) for card in registry.lineage(model).ancestors]
        ['data/iris/flowers@0.1.0']
        >>> [str(card) for card in registry.lineage(data).descendants]
        ['model/iris/tree@0.1.0']
    """
    uid = of if isinstance(of, str) else of.uid
    if not is_uid(uid):
        raise InvalidName(f"of={of!r} must be a card, a run, or the uid of one: 32 lowercase hexadecimal digits")
    place = open_store(store if store is not None or isinstance(of, str) else of.store)
    catalog = open_catalog(place)
    catalog.refresh()
    back, ahead = _Walk(place, uid, forwards=False), _Walk(place, uid, forwards=True)
    known = {card.uid: card for card in _cards(place, [*back.cards, *ahead.cards])}
    edges = dict.fromkeys([*((source, target) for target, source in back.edges), *ahead.edges])
    return Lineage(
        tuple(known[item] for item in back.cards if item in known),
        tuple(known[item] for item in ahead.cards if item in known),
        tuple(back.runs),
        tuple(ahead.runs),
        tuple(edges),
    )


def _cards(store: Store, uids: Iterable[str]) -> list[Card]:
    wanted = sorted(set(uids))
    found = []
    for start in range(0, len(wanted), _AT_ONCE):
        piece = wanted[start : start + _AT_ONCE]
        found.extend(fetch(select(tables.cards).where(tables.cards.c.uid.in_(piece)), store))
    return found


class _Walk:
    """Breadth first along the links, from one card or run, in one direction."""

    def __init__(self, store: Store, uid: str, *, forwards: bool) -> None:
        self._store = open_store(store)
        self._forwards = forwards
        self.cards: list[str] = []
        self.runs: list[str] = []
        self.edges: list[tuple[Node, Node]] = []
        start: list[Node] = [("card", uid), ("run", uid)]
        self._seen: set[Node] = set(start)
        front = start
        while front:
            front = self._step(front)

    def _step(self, front: list[Node]) -> list[Node]:
        found: list[Node] = []
        for source, target in self._links([uid for _, uid in front]):
            if source not in front or (source, target) in self.edges:
                continue
            self.edges.append((source, target))
            if target not in self._seen:
                self._seen.add(target)
                found.append(target)
                (self.cards if target[0] == "card" else self.runs).append(target[1])
        return found

    def _links(self, uids: list[str]) -> list[tuple[Node, Node]]:
        """Every link at these nodes, as (where one stands, where it leads)."""
        links, cards = tables.card_links, tables.cards
        columns = (cards.c.uid, links.c.target, links.c.uid.label("other"), links.c.role)
        found: list[tuple[Node, Node]] = []
        with open_catalog(self._store).connect() as connection:
            for start in range(0, len(uids), _AT_ONCE):
                piece = uids[start : start + _AT_ONCE]
                query = (
                    select(*columns)
                    .join(links, links.c.card_id == cards.c.id)
                    .where(cards.c.uid.in_(piece) | links.c.uid.in_(piece))
                    .order_by(cards.c.created_ns, cards.c.uid, links.c.uid)
                )
                for uid, target, other, role in connection.execute(query):
                    if role == "record":
                        continue  # the card describes the run: nothing came of anything
                    card: Node = ("card", uid)
                    there: Node = (target, other)
                    # the card came of `there`, unless `there` is a run that used it
                    earlier, later = (card, there) if target == "run" and role == "input" else (there, card)
                    found.append((earlier, later) if self._forwards else (later, earlier))
        return found
