"""Runs as a DataFrame: one row a run, one column an attribute, param, metric or tag."""

from __future__ import annotations

import math
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from runlore.reader import columns
from runlore.reader.facts import facts_of, is_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias, TypeVar

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from runlore.index.records import RunRecord

    Cells = TypeVar("Cells")
    Pieces: TypeAlias = dict[str, list[tuple[int, Cells]]]
    """Of each key, its cells in some of the pages, each with the row in which they begin."""

_attributes = attrgetter(
    "experiment", "number", "uid", "name", "status", "started_ns", "ended_ns", "active_ns", "user", "host", "group",
    "parent", "description", "points", "lost",
)  # fmt: skip


def run_frame(pages: Iterable[Sequence[RunRecord]], *, system: bool = False) -> pd.DataFrame:
    """One row a run, in the order given. Hardware metrics (`system/…`) are left out unless `system` is true.

    Columns: the attributes (`run` is the number; `started` and `ended` are times in UTC, `duration` is how long it was
    recorded for), then `params.*`, `metrics.*` (last values, float64) and `tags.*`, each sorted by name. Their types
    are those of `runlore.reader.columns`.

    Args:
        pages: runs with their facts; what is not needed of a page is let go of before the next one.
        system: whether hardware metrics are wanted.
    """
    import numpy as np

    rows: list[tuple[Any, ...]] = []
    params: Pieces[Sequence[Any]] = {}
    metrics: Pieces[NDArray[np.float64]] = {}
    tags: Pieces[Sequence[Any]] = {}
    for runs in pages:
        start = len(rows)
        rows += map(_attributes, runs)
        facts = [facts_of(run) for run in runs]
        for key, cells in pivoted([known.params for known in facts], None):
            params.setdefault(key, []).append((start, cells))
        for key, cells in pivoted([known.metrics for known in facts], math.nan):
            if system or not is_system(key):
                metrics.setdefault(key, []).append((start, columns.numbers(cells)))
        for key, cells in pivoted([known.tags for known in facts], None):
            tags.setdefault(key, []).append((start, cells))
    found = attribute_columns(rows)
    for key, pieces in sorted(params.items()):
        found[f"params.{key}"] = columns.values(_whole(pieces, len(rows)))
    for key, arrays in sorted(metrics.items()):
        column = found[f"metrics.{key}"] = np.full(len(rows), np.nan)
        for start, array in arrays:
            column[start : start + len(array)] = array
    for key, pieces in sorted(tags.items()):
        found[f"tags.{key}"] = columns.text(_whole(pieces, len(rows)))
    return columns.table(found, len(rows))


def _whole(pieces: list[tuple[int, Sequence[Any]]], length: int) -> Sequence[Any]:
    """A column from its cells of each page that has any."""
    if len(pieces) == 1 and len(pieces[0][1]) == length:
        return pieces[0][1]
    column: list[Any] = [None] * length
    for start, cells in pieces:
        column[start : start + len(cells)] = cells
    return column


def attribute_columns(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The columns that every run has, from the attributes of each."""
    (
        experiment, number, uid, name, status, started, ended, active, user, host, group, parent, description, points,
        lost,
    ) = zip(*rows, strict=True) if rows else [()] * 15  # fmt: skip
    return {
        "experiment": columns.text(experiment),
        "run": columns.integers(number),
        "uid": columns.text(uid),
        "name": columns.text(name),
        "status": columns.text(status),
        "started": columns.times(started),
        "ended": columns.times([columns.NOT_A_TIME if end is None else end for end in ended]),
        "duration": columns.spans(active),
        "user": columns.text(user),
        "host": columns.text(host),
        "group": columns.text(group),
        "parent": columns.text(parent),
        "description": columns.text(description),
        "points": columns.integers(points),
        "lost": columns.integers(lost),
    }


def pivoted(rows: Sequence[Mapping[str, Any]], missing: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    """Each key of any mapping, sorted, with its value in every one of them, or what stands where it is missing.

    Runs of one experiment mostly have the same keys, and mappings that do are turned into columns all at once.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        alike.setdefault(tuple(row), []).append(place)
    if len(alike) == 1:
        keys = next(iter(alike))
        cells = zip(*(row.values() for row in rows), strict=True)
        yield from sorted(zip(keys, cells, strict=True), key=itemgetter(0))
        return
    found: dict[str, list[Any]] = {}
    for keys, places in alike.items():
        cells = zip(*(rows[place].values() for place in places), strict=True)
        for key, some in zip(keys, cells, strict=True):
            column = found.setdefault(key, [missing] * len(rows))
            for place, cell in zip(places, some, strict=True):
                column[place] = cell
    yield from sorted(found.items(), key=itemgetter(0))
