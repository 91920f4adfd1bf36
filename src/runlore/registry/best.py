"""The version of a name whose run was best by a metric: `best(val/acc)`, in the sense of `Run.define_metric`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from runlore.opening import open_index, open_store
from runlore.reader.goals import goal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.registry.card import Card
    from runlore.store.base import StoreLike

_BEST = re.compile(r"best\((?:metrics\.)?(.+)\)")


def metric_of(version: str) -> str | None:
    """The metric in `best(KEY)` or `best(metrics.KEY)`; None: the version says something else.

    Example:
        >>> metric_of("best(val/acc)"), metric_of("latest")
        ('val/acc', None)
    """
    found = _BEST.fullmatch(version)
    return None if found is None else found[1]


def best_of_each(groups: Sequence[Sequence[Card]], key: str, store: StoreLike | None) -> list[Card]:
    """Of each group that card whose run reached the best value of a metric; of equal ones the first.

    Groups whose runs do not have the metric, or nothing but NaN, are left out.

    Args:
        groups: cards of one name each, the greatest version first.
        key: the metric. Its least or greatest value counts, by what the latest of all their runs says that says it.
        store: as for `runlore.start`.

    Raises:
        InvalidArgument: none of the runs that have the metric says what is best of it.
    """
    index = open_index(open_store(store))
    runs = index.runs(sorted({card.run for cards in groups for card in cards if card.run is not None}))
    series = index.series([run.uid for run in runs], [key])
    known = [run for run in runs if key in series.get(run.uid, {})]
    if not known:
        return []
    goal = goal_of(known, key)
    reached = {run.uid: float(getattr(series[run.uid][key], goal)) for run in known}
    sign = 1 if goal == "max" else -1
    found = []
    for cards in groups:
        values = [(sign * reached.get(card.run or "", math.nan), card) for card in cards]
        numbers = [(value, card) for value, card in values if not math.isnan(value)]
        if numbers:
            found.append(max(numbers, key=lambda pair: pair[0])[1])
    return found
