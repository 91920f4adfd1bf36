"""An index as one caller sees it: what it may not read is not there.

All rooms of the server stand on the contract of the index; so what this leaves out, no answer of theirs can have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runlore.index.base import DEFAULT_TIME_LIMIT_S, Index
from runlore.index.records import Page
from runlore.query.expression import And, Attribute, Compare, Matches, Or
from runlore.query.globs import SPECIAL, experiment_matcher, glob_to_regex, literal_glob
from runlore.query.parser import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from runlore.index.records import (
        ArtifactRecord,
        CardFilter,
        CardRecord,
        ExperimentRecord,
        HolderRecord,
        LinkRecord,
        RunRecord,
        SeriesRecord,
    )
    from runlore.index.reference import RunReference
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.query.values import Clock
    from runlore.server.caller import Caller

_EXPERIMENT = Attribute("experiment")


class SeenIndex(Index):
    """See the module. A run is seen where the caller sees its experiment; a card as `card_places` says.

    Args:
        index: with everything.
        caller: who asks.
    """

    def __init__(self, index: Index, caller: Caller) -> None:
        self._index = index
        self._caller = caller
        self.location = index.location
        self._sees_all = caller.may_everywhere(caller.least)

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> int:  # noqa: D102 - as of the contract
        return self._index.refresh(progress)

    def close(self) -> None:
        """The index goes on: it is that of all callers."""

    # -- runs ---------------------------------------------------------------------------------------------------

    def page(  # noqa: D102
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None,
        cursor: str | None = None, *, experiment: str | Sequence[str] | None = None, include_deleted: bool = False,
        facts: bool = False, clock: Clock | None = None, time_limit_s: float = DEFAULT_TIME_LIMIT_S,
        last: bool = False,
    ) -> Page:  # fmt: skip
        found = self._index.page(
            query if self._sees_all else And((tree_of(query), self._seen())), order_by, limit, cursor,
            experiment=experiment, include_deleted=include_deleted, facts=facts, clock=clock,
            time_limit_s=time_limit_s, last=last,
        )  # fmt: skip
        return Page(tuple(self._runs(found.runs)), found.next_cursor)

    def _seen(self) -> Expression:
        """The condition that a run is in one of the caller's experiments."""
        conditions: list[Expression] = []
        for pattern in self._caller.patterns(self._caller.least):
            if SPECIAL & set(pattern):
                conditions.append(Matches(_EXPERIMENT, glob_to_regex(pattern)))
            else:
                conditions.append(Compare(_EXPERIMENT, "=", pattern))
        return Or(tuple(conditions))

    def find(self, reference: RunReference, *, facts: bool = True) -> tuple[RunRecord, ...]:  # noqa: D102
        return tuple(self._runs(self._index.find(reference, facts=facts)))

    def runs(self, uids: Sequence[str], *, facts: bool = True) -> list[RunRecord]:  # noqa: D102
        return self._runs(self._index.runs(uids, facts=facts))

    def latest(self, limit: int, *, facts: bool = False) -> list[RunRecord]:  # noqa: D102
        return self._index.latest(limit, facts=facts) if self._sees_all else super().latest(limit, facts=facts)

    def arrivals(self, limit: int, *, facts: bool = False) -> list[RunRecord]:  # noqa: D102
        return self._index.arrivals(limit, facts=facts) if self._sees_all else super().arrivals(limit, facts=facts)

    def series(  # noqa: D102
        self, uids: Sequence[str], keys: Sequence[str] | None = None
    ) -> dict[str, dict[str, SeriesRecord]]:
        return self._index.series(self._uids(uids), keys)

    def artifacts(self, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:  # noqa: D102
        return self._index.artifacts(self._uids(uids))

    def experiments(self, pattern: str | Sequence[str] | None = None) -> list[ExperimentRecord]:  # noqa: D102
        return [found for found in self._index.experiments(pattern) if self._caller.sees(found.name)]

    def keys(self, kind: str, *, experiment: str | Sequence[str] | None = None) -> list[str]:  # noqa: D102
        if self._sees_all:
            return self._index.keys(kind, experiment=experiment)
        wanted = experiment_matcher(experiment)
        found: set[str] = set()
        for one in self.experiments():
            if wanted(one.name):
                found.update(self._index.keys(kind, experiment=literal_glob(one.name)))
        return sorted(found)

    def _runs(self, runs: Iterable[RunRecord]) -> list[RunRecord]:
        return [run for run in runs if self._caller.sees(run.experiment)]

    def _uids(self, uids: Sequence[str]) -> list[str]:
        return list(uids) if self._sees_all else [run.uid for run in self.runs(uids, facts=False)]

    # -- cards --------------------------------------------------------------------------------------------------

    def cards(self, wanted: CardFilter) -> list[CardRecord]:  # noqa: D102
        if self._sees_all:
            return self._index.cards(wanted)
        found = self._cards(self._index.cards(replace(wanted, limit=None)))
        return found if wanted.limit is None else found[: wanted.limit]

    def links(self, uids: Sequence[str]) -> list[LinkRecord]:  # noqa: D102
        found = self._index.links(uids)
        if self._sees_all or not found:
            return found
        named = {link.card for link in found} | {link.uid for link in found if link.target == "card"}
        cards = self._card_uids(named)
        runs = set(self._uids([link.uid for link in found if link.target == "run"]))
        return [link for link in found if link.card in cards and link.uid in (runs if link.target == "run" else cards)]

    def holders(self, digests: Sequence[str]) -> list[HolderRecord]:  # noqa: D102
        found = self._index.holders(digests)
        if self._sees_all or not found:
            return found
        cards = self._card_uids({one.uid for one in found if one.target == "card"})
        runs = set(self._uids(sorted({one.uid for one in found if one.target == "run"})))
        return [one for one in found if one.uid in (runs if one.target == "run" else cards)]

    def _card_uids(self, uids: Collection[str]) -> set[str]:
        from runlore.index.records import CardFilter

        found = self._index.cards(CardFilter(uids=tuple(uids), deleted=True)) if uids else []
        return {card.uid for card in self._cards(found)}

    def _cards(self, cards: list[CardRecord]) -> list[CardRecord]:
        homes = self.homes([card.run for card in cards if card.run is not None])
        return [card for card in cards if any(map(self._caller.sees, card_places(card, homes)))]

    def all_holders(self, digests: Sequence[str]) -> list[HolderRecord]:
        """What has contents, whoever asks."""
        return self._index.holders(digests)

    def homes(self, uids: Sequence[str]) -> dict[str, str]:
        """The experiments of runs, whoever asks."""
        return {run.uid: run.experiment for run in self._index.runs(list(uids), facts=False)} if uids else {}

    def card(self, uid: str) -> CardRecord | None:
        """A card, whoever asks."""
        from runlore.index.records import CardFilter

        return next(iter(self._index.cards(CardFilter(uids=(uid,), deleted=True))), None)


def card_places(card: CardRecord, homes: dict[str, str]) -> list[str]:
    """The experiments of which one has to be the caller's, so that a card is.

    A card that describes an experiment belongs to that one; else a card to the experiment of the run that registered
    it, and to the path `space/name`, as if that were an experiment.
    """
    return places_of(card.space, card.name, card.metadata.get("experiment"), homes.get(card.run or ""))


def places_of(space: str, name: str, described: Any, home: str | None) -> list[str]:
    """As `card_places`, of what is said of a card."""
    if isinstance(described, str):
        return [described]
    return [f"{space}/{name}", *([home] if home is not None else [])]
