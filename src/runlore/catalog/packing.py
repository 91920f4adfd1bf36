"""Packing all that the catalog knows of a run into one row of `facts`, and unpacking it to go on from there.

JSON here is Python's, which has NaN and infinities, integers of any size, the sign of zero, and escapes of lone
surrogates: every value comes back exactly. Keys stand apart from values: runs of one program share them.
"""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.catalog.journals import Mark
from runlore.journal.decode import CLOSED
from runlore.store.detail import Detail
from runlore.store.series import SeriesColumns
from runlore.store.summary import UNSET, RunSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COMPACT = (",", ":")


class Packed(NamedTuple):
    """A row of `facts`, without the run's id; see `runlore.catalog.database.tables`."""

    keys: str
    values_json: str
    last: bytes
    detail: str
    series: bytes
    progress: str


def pack(summary: RunSummary, marks: Mapping[str, Mark]) -> Packed:
    """The row of a run.

    Args:
        summary: of the whole run.
        marks: how far its journals were read, by writer.
    """
    params = sorted((key, *found) for key, found in summary.params.items() if found[1] is not UNSET)
    tags = sorted((key, time, value) for key, (time, value) in summary.tags.items() if value is not None)
    unset = {key: time for key, (time, value) in summary.params.items() if value is UNSET}
    removed = {key: time for key, (time, value) in summary.tags.items() if value is None}
    last, series = summary.series.pack()
    return Packed(
        _dump([[key for key, *_ in params], summary.series.keys, [key for key, *_ in tags]]),
        _dump([[value for *_, value in params], [value for *_, value in tags]]),
        last,
        summary.detail.dump(),
        series,
        _dump(
            [_short(marks), _steps(time for _, time, _ in params), _steps(time for _, time, _ in tags), unset, removed]
        ),
    )


def _short(marks: Mapping[str, Mark]) -> dict[str, Mark]:
    """Marks without what nobody needs to go on with: a journal that was closed is read to its end."""
    return {writer: mark if mark.state != CLOSED else mark._replace(context="") for writer, mark in marks.items()}


def _steps(times: Iterable[int]) -> list[int]:
    """Times as the differences between them, which are short: params are mostly set at one time."""
    known = list(times)
    return [time - before for time, before in zip(known, [0, *known], strict=False)]


def unpack(row: Packed, points: int) -> tuple[RunSummary, dict[str, Mark]]:
    """What `pack` was given, but for the artifacts.

    Args:
        row: what it gave.
        points: how many points the run has.
    """
    summary = RunSummary()
    params, series, tags = json.loads(row.keys)
    param_values, tag_values = json.loads(row.values_json)
    marks, param_times, tag_times, unset, removed = json.loads(row.progress)
    summary.params = dict(zip(params, zip(accumulate(param_times), param_values, strict=True), strict=True))
    summary.params.update((key, (time, UNSET)) for key, time in unset.items())
    summary.tags = dict(zip(tags, zip(accumulate(tag_times), tag_values, strict=True), strict=True))
    summary.tags.update((key, (time, None)) for key, time in removed.items())
    summary.series = SeriesColumns.unpack(series, row.last, row.series)
    summary.detail = Detail.load(row.detail)
    summary.points = points
    return summary, {writer: Mark(*mark) for writer, mark in marks.items()}


def _dump(value: Any) -> str:
    return json.dumps(value, separators=_COMPACT)
