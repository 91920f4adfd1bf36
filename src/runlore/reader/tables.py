"""Runs as a DataFrame: one row a run, one column an attribute, param, metric or tag."""

from __future__ import annotations

import math
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from runlore.reader import columns
from runlore.reader.facts import facts_of, is_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from runlore.index.records import RunRecord

_attributes = attrgetter(
    "experiment", "number", "uid", "name", "status", "started_ns", "ended_ns", "active_ns", "user", "host", "group",
    "parent", "description", "points", "lost",
)  # fmt: skip


def run_frame(runs: Sequence[RunRecord], *, system: bool = False) -> pd.DataFrame:
    """One row a run, in the order given. Hardware metrics (`system/…`) are left out unless `system` is true.

    Columns: the attributes (`run` is the number; `started` and `ended` are times in UTC, `duration` is how long it was
    recorded for), then `params.*`, `metrics.*` (last values, float64) and `tags.*`, each sorted by name. Their types
    are those of `runlore.reader.columns`.

    Args:
        runs: with their facts.
        system: whether hardware metrics are wanted.
    """
    found = attribute_columns(runs)
    facts = [facts_of(run) for run in runs]
    for key, cells in pivoted([known.params for known in facts], None):
        found[f"params.{key}"] = columns.values(cells)
    for key, cells in pivoted([known.metrics for known in facts], math.nan):
        if system or not is_system(key):
            found[f"metrics.{key}"] = columns.numbers(cells)
    for key, cells in pivoted([known.tags for known in facts], None):
        found[f"tags.{key}"] = columns.text(cells)
    return columns.frame(found, len(runs))


def attribute_columns(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """The columns that every run has."""
    (
        experiment, number, uid, name, status, started, ended, active, user, host, group, parent, description, points,
        lost,
    ) = zip(*map(_attributes, runs), strict=True) if runs else [()] * 15  # fmt: skip
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
