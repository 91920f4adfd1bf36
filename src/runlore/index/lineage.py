"""Walking the links between cards and runs, breadth first, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.index.records import Lineage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.index.records import LinkRecord

Node = tuple[str, str]
"""("card" or "run", uid)."""


def direction(link: LinkRecord) -> tuple[Node, Node] | None:
    """(from, to) in the direction in which things came about; None where nothing came of anything.

    The card came of the other end, unless that is a run which used it. A card that describes a run came of nothing.
    """
    if link.role == "record":
        return None
    card: Node = ("card", link.card)
    other: Node = (link.target, link.uid)
    return (card, other) if link.target == "run" and link.role == "input" else (other, card)


def walk(uid: str, links: Callable[[Sequence[str]], Sequence[LinkRecord]]) -> Lineage:
    """Everything that is connected with a card or a run.

    Args:
        uid: of the card or run.
        links: gives the links at any nodes, by uid; called once for each distance and direction.
    """
    return Lineage(_walk(uid, links, forwards=False), _walk(uid, links, forwards=True))


def _walk(
    uid: str, links: Callable[[Sequence[str]], Sequence[LinkRecord]], *, forwards: bool
) -> tuple[LinkRecord, ...]:  # fmt: skip
    front: set[Node] = {("card", uid), ("run", uid)}
    seen = set(front)
    found: dict[LinkRecord, None] = {}
    while front:
        beyond: set[Node] = set()
        for link in links(sorted({node_uid for _, node_uid in front})):
            ends = direction(link)
            if ends is None:
                continue
            here, there = ends if forwards else (ends[1], ends[0])
            if here in front and link not in found:
                found[link] = None
                beyond.add(there)
        front = beyond - seen
        seen |= beyond
    return tuple(found)
