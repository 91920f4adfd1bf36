"""Everything that runs recorded as one DataFrame: points and events, with one column for each extra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.reader import columns
from runlore.reader.filters import choices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from runlore.index.records import RunRecord
    from runlore.reader.filters import Filter
    from runlore.store.base import RecordedRun, Store
    from runlore.store.content import RunPoints, StoredEvent

    Recorded: TypeAlias = tuple[RunRecord, RunPoints | None, list[StoredEvent]]
    """A run, its points where they can be wanted, and its events."""

COLUMNS = ("experiment", "run", "step", "event", "key", "value", "time", "node", "userid")
"""What every record has. An extra column of one of these names gets an underscore behind it."""

_SILENT = (model.START, model.STOP, model.RESUME)
"""Their values are about the process: `RunView.source` and `RunView.exit` have them."""


class _Names:
    """Kinds and keys of the records of one frame, numbered: a cell of such a column is a number until the end."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def codes(self, names: Iterable[str]) -> NDArray[np.int32]:
        """The numbers of these names, new ones included."""
        import numpy as np

        found = []
        for name in names:
            code = self._codes.get(name)
            if code is None:
                code = self._codes[name] = len(self.names)
                self.names.append(name)
            found.append(code)
        return np.array(found, dtype=np.int32)


@dataclass
class _Records:
    """Some records of one run: arrays of one length."""

    step: NDArray[np.float64]
    event: NDArray[np.int32]
    key: NDArray[np.int32]
    value: NDArray[Any]
    time: NDArray[np.int64]
    writer: NDArray[np.int64]
    sequence: NDArray[np.int64]
    extra: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: Any) -> _Records:
        """These rows of it."""
        return _Records(
            self.step[rows], self.event[rows], self.key[rows], self.value[rows], self.time[rows], self.writer[rows],
            self.sequence[rows], {name: column[rows] for name, column in self.extra.items()},
        )  # fmt: skip


def record_frame(recorded: Iterable[Recorded], wanted: Filter) -> pd.DataFrame:
    """What runs recorded, in time order, with a RangeIndex.

    Args:
        recorded: as `read_run` or `read_runs` gives it.
        wanted: which records to take.
    """
    names = _Names()
    parts = []
    for run, points, events in recorded:
        found = _records_of(run, points, events, wanted, names)
        if found is not None:
            parts.append((run, found))
    return _frame(parts, names)


def metric_frame(run: RecordedRun, record: RunRecord, key: str) -> pd.DataFrame:
    """The points of one series, in time order: columns step, value, time.

    Of a long series it takes the bytes of these columns and little else.

    Raises:
        RunNotFound: it was deleted.
    """
    import numpy as np

    from runlore.reader.filters import Filter

    points = run.points([key])
    events = [event for event in run.events([model.METRIC]) if event.key == key]
    if events:  # points that have columns of their own
        return record_frame([(record, points, events)], Filter()).loc[:, ["step", "value", "time"]]
    steps = columns.steps(points.step)
    data = {
        "step": steps.copy() if steps is points.step else steps,  # what was read may be a file, mapped
        "value": np.array(points.value),
        "time": columns.times(np.array(points.time_ns)),
    }
    return columns.table(data, len(points.value))


def read_run(run: RecordedRun, record: RunRecord, wanted: Filter) -> Recorded:
    """What one run recorded, as far as it may be wanted.

    Raises:
        RunNotFound: it was deleted.
    """
    points = run.points(wanted.keys()) if wanted.takes_points() else None
    return record, points, _of_keys(run.events(wanted.kinds()), wanted)


def read_runs(store: Store, records: Sequence[RunRecord], wanted: Filter, experiment: str) -> Iterator[Recorded]:
    """The same of several runs of an experiment, asked for at once. Those that were deleted meanwhile have nothing."""
    uids = [record.uid for record in records]
    if not uids:
        return
    points: Iterator[tuple[str, RunPoints]] = iter(())
    if wanted.takes_points():
        points = store.points(uids, wanted.keys(), experiment=experiment)
    events = store.events(uids, wanted.kinds(), experiment=experiment)
    next_points, next_events = next(points, None), next(events, None)
    for record in records:
        mine, facts = None, []
        if next_points is not None and next_points[0] == record.uid:
            mine, next_points = next_points[1], next(points, None)
        if next_events is not None and next_events[0] == record.uid:
            facts, next_events = next_events[1], next(events, None)
        yield record, mine, _of_keys(facts, wanted)


def _of_keys(events: list[StoredEvent], wanted: Filter) -> list[StoredEvent]:
    keys = wanted.keys()
    return events if keys is None else [event for event in events if event.key in keys]


def _records_of(
    run: RunRecord, points: RunPoints | None, events: list[StoredEvent], wanted: Filter, names: _Names
) -> _Records | None:
    """The records of one run, in the order of time, writer and sequence; None where nothing matches."""
    writers = {event.writer for event in events}.union(points.writers if points is not None else ())
    ranks = {writer: rank for rank, writer in enumerate(sorted(writers))}
    parts = []
    if points is not None and len(points.value):
        parts.append(_selected(_of_points(points, ranks, names), run, wanted))
    if events:
        parts.append(_selected(_of_events(events, ranks, names), run, wanted))
    parts = [part for part in parts if len(part)]
    return _in_order(parts) if parts else None


def _of_points(points: RunPoints, ranks: Mapping[str, int], names: _Names) -> _Records:
    import numpy as np

    count = len(points.value)
    extras: dict[str, NDArray[Any]] = {}
    for writer, start, extra in sorted(points.extras, key=lambda item: (item[0], item[1])):
        covered = (points.writer == writer) & (points.sequence >= start)
        for column in extras.values():
            column[covered] = None
        for name, value in extra.items():
            column = extras.setdefault(name, np.full(count, None, dtype=object))
            column[covered] = columns.objects([value])  # a list would be spread over the column otherwise
    return _Records(
        step=points.step,
        event=np.full(count, names.codes([model.METRIC])[0], dtype=np.int32),
        key=names.codes(points.names)[points.key],
        value=points.value,
        time=points.time_ns,
        writer=np.array([ranks[writer] for writer in points.writers], dtype=np.int64)[points.writer],
        sequence=points.sequence,
        extra=extras,
    )


def _of_events(events: Sequence[StoredEvent], ranks: Mapping[str, int], names: _Names) -> _Records:
    import numpy as np

    extras: dict[str, NDArray[Any]] = {}
    for index, event in enumerate(events):
        for name, value in event.extra.items():
            extras.setdefault(name, np.full(len(events), None, dtype=object))[index] = value
    return _Records(
        step=np.array([math.nan if event.step is None else event.step for event in events]),
        event=names.codes([event.kind for event in events]),
        key=names.codes([event.key for event in events]),
        value=columns.objects([None if event.kind in _SILENT else event.value for event in events]),
        time=np.array([event.time_ns for event in events], dtype=np.int64),
        writer=np.array([ranks[event.writer] for event in events], dtype=np.int64),
        sequence=np.array([event.sequence for event in events], dtype=np.int64),
        extra=extras,
    )


def _selected(records: _Records, run: RunRecord, wanted: Filter) -> _Records:
    """Those of the step, the time and the extras that are wanted."""
    import numpy as np

    keep = np.ones(len(records), dtype=bool)
    steps = wanted.steps()
    if steps is not None:
        numbers = [step for step in steps if step is not None]
        keep &= np.isin(records.step, numbers) | (np.isnan(records.step) if None in steps else False)
    if wanted.since_ns is not None:
        keep &= records.time >= wanted.since_ns
    if wanted.until_ns is not None:
        keep &= records.time <= wanted.until_ns
    for name, value in wanted.extra.items():
        keep &= _matches(records, run, name, value)
    return records if keep.all() else records.take(keep)


def _matches(records: _Records, run: RunRecord, name: str, value: Any) -> Any:
    import numpy as np

    wanted = choices(value)
    if wanted is None:
        return np.ones(len(records), dtype=bool)
    if name in ("node", "userid", "experiment"):
        own = {"node": run.host, "userid": run.user, "experiment": run.experiment}[name]
        return np.full(len(records), own in wanted)
    column = records.value if name == "value" else records.extra.get(name)
    if column is None:
        return np.zeros(len(records), dtype=bool)
    return np.array([any(item == option for option in wanted) for item in column], dtype=bool)


def _in_order(parts: list[_Records]) -> _Records:
    """The parts as one, sorted by time, writer and sequence."""
    import numpy as np

    records = parts[0] if len(parts) == 1 else _one_behind_the_other(parts)
    if len(parts) > 1 or (np.diff(records.time) < 0).any():
        records = records.take(np.lexsort((records.sequence, records.writer, records.time)))
    return records


def _one_behind_the_other(parts: Sequence[_Records]) -> _Records:
    import numpy as np

    def one(name: str) -> Any:
        pieces = [getattr(part, name) for part in parts]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    extras = {}
    for name in dict.fromkeys(name for part in parts for name in part.extra):
        empty = [
            np.empty(0, dtype=object) if name in part.extra else np.full(len(part), None, object) for part in parts
        ]
        extras[name] = np.concatenate([part.extra.get(name, none) for part, none in zip(parts, empty, strict=True)])
    values = [columns.plain_numbers(part.value) for part in parts]
    if any(column.dtype == object for column in values):
        values = [column.astype(object) for column in values]
    return _Records(
        one("step"), one("event"), one("key"), values[0] if len(values) == 1 else np.concatenate(values), one("time"),
        one("writer"), one("sequence"), extras,
    )  # fmt: skip


def _frame(parts: Sequence[tuple[RunRecord, _Records]], names: _Names) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if not parts:
        return _empty()
    records = _one_behind_the_other([part for _, part in parts])
    place = np.repeat(np.arange(len(parts)), [len(part) for _, part in parts])
    if len(parts) > 1:
        order = np.argsort(records.time, kind="stable")
        records, place = records.take(order), place[order]
    runs = [run for run, _ in parts]
    data: dict[str, Any] = {
        "experiment": columns.coded([run.experiment for run in runs], place),
        "run": columns.integers([run.number for run in runs])[place],
        "step": columns.steps(records.step),
        "event": columns.coded(names.names, records.event),
        "key": columns.coded(names.names, records.key),
        "value": pd.Series(records.value, dtype=records.value.dtype),
        "time": columns.times(records.time),
        "node": columns.coded([run.host for run in runs], place),
        "userid": columns.coded([run.user for run in runs], place),
    }
    for name, column in records.extra.items():
        data[f"{name}_" if name in COLUMNS else name] = columns.values(column.tolist())
    return columns.table(data, len(records))


def _empty() -> pd.DataFrame:
    kinds: dict[str, Any] = {"run": columns.integers([]), "step": columns.numbers([]), "value": columns.numbers([])}
    data = {name: kinds[name] if name in kinds else columns.text([]) for name in COLUMNS}
    return columns.table({**data, "time": columns.times([])}, 0)
