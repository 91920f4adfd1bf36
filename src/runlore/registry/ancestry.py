"""What came of what: from data to runs to models, forwards and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runlore.errors import InvalidName
from runlore.index.lineage import Node, direction
from runlore.index.records import CardFilter
from runlore.names import is_uid
from runlore.opening import open_index, open_store
from runlore.registry.card import Card
from runlore.registry.finding import run_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.index.records import LinkRecord
    from runlore.run import Run
    from runlore.store.base import StoreLike


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


def lineage(of: Card | Run | str, *, store: StoreLike | None = None) -> Lineage:
    """What a card or a run came of, and what came of it.

    Args:
        of: a card, a run, or the uid of either; or `experiment#number`.
        store: as for `runlore.start`; by default the card's or run's own.

    Raises:
        InvalidName: it is none of these.
        RunNotFound: no run is called so.

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
    place = open_store(store if store is not None or isinstance(of, str) else of.store)
    uid = run_uid(of, place) if isinstance(of, str) and "#" in of else of if isinstance(of, str) else of.uid
    if not is_uid(uid):
        raise InvalidName(
            f"of={of!r} must be a card, a run, the uid of one (32 lowercase hexadecimal digits), or experiment#number"
        )
    index = open_index(place)
    index.refresh()
    links = index.lineage(uid)
    back, ahead = _ends(uid, links.ancestors, forwards=False), _ends(uid, links.descendants, forwards=True)
    wanted = tuple(sorted({uid for kind, uid in (*back, *ahead) if kind == "card"}))
    found = index.cards(CardFilter(uids=wanted, deleted=True)) if wanted else []
    known = {record.uid: Card.of(record, place) for record in found}
    edges = dict.fromkeys(ends for link in (*links.ancestors, *links.descendants) if (ends := direction(link)))
    return Lineage(
        tuple(known[uid] for kind, uid in back if kind == "card" and uid in known),
        tuple(known[uid] for kind, uid in ahead if kind == "card" and uid in known),
        tuple(uid for kind, uid in back if kind == "run"),
        tuple(uid for kind, uid in ahead if kind == "run"),
        tuple(edges),
    )


def _ends(start: str, links: Sequence[LinkRecord], *, forwards: bool) -> list[Node]:
    """Where links lead, nearest first, each once."""
    ends = [ends[forwards] for link in links if (ends := direction(link))]
    return [node for node in dict.fromkeys(ends) if node[1] != start]
