"""Runs that have the same in some fields, and what they say together: the seeds of one configuration in one row.

The numbers of a group are those of its members alone, whatever else is shown.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.reader.cells import columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.index.records import RunRecord
    from runlore.reader.cells import Cells, Field
    from runlore.reader.series_cache import SeriesCache
    from runlore.reader.session import Session


@dataclass(frozen=True)
class Spread:
    """Numbers of several runs. NaN and missing values do not count. What cannot be said is None.

    Attributes:
        count: how many runs have a number.
        mean: of them.
        std: the sample's standard deviation; of one number: None.
        min, max: the extremes.
        low, high: Student's confidence interval of the mean; of one number: None.
    """

    count: int
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Group:
    """Runs that have the same in all fields.

    Attributes:
        keys: what they have.
        uids: the runs, in the order in which they were given.
        values: field → spread.
    """

    keys: tuple[Any, ...]
    uids: tuple[str, ...]
    values: dict[str, Spread]


def group_runs(
    session: Session, runs: Sequence[RunRecord], by: Sequence[Field], values: Sequence[Field], cache: SeriesCache,
    confidence: float = 0.95,
) -> list[Group]:  # fmt: skip
    """The groups, in the order of their first runs.

    Args:
        session: the store.
        runs: with their facts.
        by: what the runs of a group have in common; a missing value is a value too.
        values: of which numbers are wanted.
        cache: as for `columns_of`.
        confidence: of the interval around the mean, between 0 and 1.

    Raises:
        InvalidArgument: `confidence` is out of its range.
    """
    if not 0 < confidence < 1:
        raise InvalidArgument(f"confidence={confidence!r} must be between 0 and 1, for example 0.95")
    columns = columns_of(session, runs, [*by, *values], cache)
    places: dict[str, list[int]] = {}
    for place in range(len(runs)):
        name = json.dumps([columns[field.text][place] for field in by], sort_keys=True)
        places.setdefault(name, []).append(place)
    return [
        Group(
            tuple(columns[field.text][members[0]] for field in by),
            tuple(runs[place].uid for place in members),
            {field.text: spread([columns[field.text][place] for place in members], confidence) for field in values},
        )
        for members in places.values()
    ]


def spread(cells: Cells, confidence: float = 0.95) -> Spread:
    """Numbers as one.

    Example:
        >>> found = spread([1.0, 3.0, None, "x"])
        >>> found.count, found.mean, round(found.low, 2), round(found.high, 2)
        (2, 2.0, -10.71, 14.71)
    """
    import numpy as np

    from runlore.reader.series import student_quantile

    known = [float(cell) for cell in cells if isinstance(cell, (int, float)) and not math.isnan(cell)]
    if not known:
        return Spread(0)
    numbers = np.array(known)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(numbers.mean())
        std = float(numbers.std(ddof=1)) if len(known) > 1 else None
    half = None if std is None else student_quantile(len(known) - 1, (1 + confidence) / 2) * std / math.sqrt(len(known))
    return Spread(
        len(known), mean, std, min(known), max(known), None if half is None else mean - half,
        None if half is None else mean + half,
    )  # fmt: skip
