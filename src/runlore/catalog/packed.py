"""All that the catalog knows of a run, as one row of `facts`: JSON and bytes that give every value back exactly.

JSON here is Python's, which has NaN and infinities, integers of any size, the sign of zero, and escapes of lone
surrogates. Keys stand apart from values: runs of one program share them, and they are read once for all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.catalog.journals import Mark
from runlore.index.records import RunFacts, SeriesRecord
from runlore.journal.decode import CLOSED
from runlore.store.detail import Detail
from runlore.store.series import SeriesColumns, floats
from runlore.store.summary import UNSET, RunSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


class KeysReader:
    """Reads the keys of many runs. Those of one program are read once, and are the same objects in all of them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[str], list[str], list[str]]] = {}

    def read(self, keys: str) -> tuple[list[str], list[str], list[str]]:
        """The keys of params, of metrics, and of tags."""
        found = self._known.get(keys)
        if found is None:
            found = self._known[keys] = json.loads(keys)
        return found

    def facts(self, keys: str, values_json: str, last: bytes, detail: str) -> RunFacts:
        """What readers are shown of a run."""
        params, metrics, tags = self.read(keys)
        param_values, tag_values = json.loads(values_json)
        return RunFacts(
            dict(zip(params, param_values, strict=True)),
            dict(zip(metrics, floats(last).tolist(), strict=True)),
            dict(zip(tags, tag_values, strict=True)),
            detail,
        )


class PackedSeries(Mapping[str, SeriesRecord]):
    """The series of a run in numbers, by key; each is unpacked when it is asked for."""

    def __init__(self, keys: list[str], last: bytes, others: bytes) -> None:
        self._keys = keys
        self._columns = SeriesColumns.unpack(keys, last, others)
        self._places: dict[str, int] | None = None

    def __getitem__(self, key: str) -> SeriesRecord:
        if self._places is None:
            self._places = {known: place for place, known in enumerate(self._keys)}
        return SeriesRecord(*self._columns.row(self._places[key]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def records(self, keys: Iterable[str] | None) -> dict[str, SeriesRecord]:
        """All of them, or those of these keys that there are, sorted."""
        if keys is not None:
            return {key: self[key] for key in sorted({*keys}) if key in self}
        return {key: SeriesRecord(*row) for key, row in zip(self._keys, self._columns.rows(), strict=True)}


def _dump(value: Any) -> str:
    return json.dumps(value, separators=_COMPACT)
