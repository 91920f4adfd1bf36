"""Sorting any number of points by (key, step, time, writer, sequence, position) in bounded memory.

Points are sorted in batches; batches that do not fit into memory together are spilled to an unnamed file, and merged
series by series. A series whose batches follow one another in order, as nearly all do, is streamed and never sorted
twice; another one is merged range by range.
"""

from __future__ import annotations

import math
import os
import tempfile
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.store.points import positions
from runlore.store.sealed.bursts import delays

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from runlore.store.points import Part

ROWS_IN_MEMORY = 1 << 22
_SAMPLED_SERIES = 16


class Columns(NamedTuple):
    """Points of one series. All arrays are of one length."""

    step: NDArray[np.float64]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    writer: NDArray[np.uint32]
    sequence: NDArray[np.int64]
    position: NDArray[np.int32]
    delay_ns: NDArray[np.int32]

    @classmethod
    def joined(cls, pieces: Sequence[Columns]) -> Columns:
        """The rows of all pieces, one behind the other."""
        import numpy as np

        arrays: Any = [np.concatenate(columns) for columns in zip(*pieces, strict=True)]
        return cls(*arrays)

    def take(self, rows: NDArray[Any]) -> Columns:
        """The rows at these places."""
        arrays: Any = [column[rows] for column in self]
        return Columns(*arrays)

    def cut(self, start: int, end: int) -> Columns:
        """The rows from `start` on, before `end`."""
        arrays: Any = [column[start:end] for column in self]
        return Columns(*arrays)

    def place(self, row: int) -> tuple[float, int, int, int, int]:
        """What the rows of a series are sorted by; points without a step come first."""
        step = float(self.step[row])
        return (
            -math.inf if math.isnan(step) else step, int(self.time_ns[row]), int(self.writer[row]),
            int(self.sequence[row]), int(self.position[row]),
        )  # fmt: skip


class _Batch(NamedTuple):
    """Sorted points, in memory or mapped from the spill file."""

    columns: Columns
    bounds: dict[int, tuple[int, int]]
    """Key → first row, row behind the last."""


class PointSorter:
    """Takes points in any order, and gives them back series by series.

    Attributes:
        counts: name of a series → number of its points.
        integral: whether every step that there is is an integer which int64 can hold exactly.
    """

    def __init__(self, directory: str, rows_in_memory: int = ROWS_IN_MEMORY) -> None:
        self.counts: dict[str, int] = {}
        self.integral = True
        self._directory = directory
        self._limit = rows_in_memory
        self._ids: dict[str, int] = {}
        self._parts: list[tuple[Any, Columns]] = []
        self._rows = 0
        self._batches: list[_Batch] = []
        self._spill: Any = None

    def close(self) -> None:
        """Free the spill file."""
        self._batches.clear()
        if self._spill is not None:
            self._spill.close()

    def add(self, part: Part) -> None:
        """Take points. Those without delays must come in the order in which they were recorded."""
        import numpy as np

        count = len(part.value)
        if not count:
            return
        table = np.array([self._ids.setdefault(name, len(self._ids)) for name in part.names], dtype=np.uint32)
        key = table[part.key]
        for number, points in enumerate(np.bincount(part.key, minlength=len(part.names)).tolist()):
            if points:
                name = part.names[number]
                self.counts[name] = self.counts.get(name, 0) + points
        self.integral = self.integral and _all_integral(part.step)
        writer = np.broadcast_to(np.asarray(part.writer, dtype=np.uint32), part.value.shape)
        position = positions(part.sequence) if part.position is None else part.position
        delay = delays(part.time_ns, part.sequence) if part.delay_ns is None else part.delay_ns
        self._parts.append((key, Columns(part.step, part.time_ns, part.value, writer, part.sequence, position, delay)))
        self._rows += count
        if self._rows >= self._limit:
            self._settle(spill=True)

    def series(self) -> Iterator[tuple[str, Iterator[Columns]]]:
        """Each series, by name, and its points in order, in pieces of bounded size."""
        for name in sorted(self.counts):
            yield name, self._merged(self._slices(name))

    def sample(self, rows: int) -> Columns:
        """The first so many points of some series, for trying out how best to store them."""
        names = sorted(self.counts)
        return Columns.joined(
            [self._slices(name)[0].cut(0, rows) for name in names[:: -(-len(names) // _SAMPLED_SERIES)]]
        )  # fmt: skip

    def _slices(self, name: str) -> list[Columns]:
        """The points of a series in each batch."""
        self._settle(spill=bool(self._batches))
        number = self._ids[name]
        return [batch.columns.cut(*batch.bounds[number]) for batch in self._batches if number in batch.bounds]

    def _settle(self, *, spill: bool) -> None:
        """Sort the points taken so far; put them into the spill file, or keep them."""
        import numpy as np

        if not self._parts:
            return
        key = np.concatenate([key for key, _ in self._parts])
        columns = Columns.joined([columns for _, columns in self._parts])
        self._parts, self._rows = [], 0
        small = key.astype(np.uint16) if len(self._ids) <= 1 << 16 else key  # 16 bits: a radix sort
        order = np.argsort(small, kind="stable")
        key, columns = key[order], columns.take(order)
        if not _in_order(columns, key):
            order = np.lexsort((*_keys(columns), key))
            key, columns = key[order], columns.take(order)
        starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        ends = np.append(starts[1:], len(key))
        bounds = {
            number: (start, end)
            for number, start, end in zip(key[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
        }
        self._batches.append(_Batch(self._spilled(columns) if spill else columns, bounds))

    def _spilled(self, columns: Columns) -> Columns:
        """The same columns, mapped from the spill file, which has no name: nothing is left of it after a crash."""
        import numpy as np

        if self._spill is None:
            self._spill = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - `__exit__` closes it
        mapped: Any = []
        for column in columns:
            offset = self._spill.seek(0, os.SEEK_END)
            np.ascontiguousarray(column).tofile(self._spill)
            self._spill.flush()
            mapped.append(np.memmap(self._spill, column.dtype, "r", offset, column.shape))
        return Columns(*mapped)

    def _merged(self, slices: list[Columns]) -> Iterator[Columns]:
        slices.sort(key=lambda columns: columns.place(0))
        if all(a.place(-1) <= b.place(0) for a, b in pairwise(slices)):
            yield from slices
            return
        total = sum(len(columns.value) for columns in slices)
        starts = [0] * len(slices)
        for pivot in _pivots(slices, -(-total // self._limit)):
            ends = [_rows_before(columns, pivot) for columns in slices]
            yield _sorted([c.cut(start, end) for c, start, end in zip(slices, starts, ends, strict=True)])
            starts = ends
        yield _sorted([columns.cut(start, len(columns.value)) for columns, start in zip(slices, starts, strict=True)])


def _all_integral(step: Any) -> bool:
    import numpy as np

    given = step[~np.isnan(step)]
    whole = (np.abs(given) < 2.0**63) & (given == np.trunc(given)) & ~((given == 0) & np.signbit(given))
    return bool(whole.all())


def _keys(columns: Columns) -> tuple[Any, ...]:
    """What the rows of a series are sorted by, the last first."""
    import numpy as np

    place = np.where(np.isnan(columns.step), -np.inf, columns.step)
    return columns.sequence + columns.position, columns.writer, columns.time_ns, place


def _in_order(columns: Columns, key: Any) -> bool:
    import numpy as np

    later = np.zeros(len(key) - 1, dtype=bool)
    for column in _keys(columns):
        later = (column[1:] < column[:-1]) | ((column[1:] == column[:-1]) & later)
    return not (later & (key[1:] == key[:-1])).any()


def _pivots(slices: Sequence[Columns], pieces: int) -> list[tuple[Any, ...]]:
    """Places that cut the series into about so many pieces of equal size."""
    samples = []
    for columns in slices:
        stride = max(1, len(columns.value) // (16 * pieces))
        samples += [columns.place(row) for row in range(0, len(columns.value), stride)]
    samples.sort()
    return [samples[index * len(samples) // pieces] for index in range(1, pieces)]


def _rows_before(columns: Columns, pivot: tuple[Any, ...]) -> int:
    return bisect_left(range(len(columns.value)), pivot, key=columns.place)


def _sorted(slices: Sequence[Columns]) -> Columns:
    import numpy as np

    columns = Columns.joined(slices)
    return columns.take(np.lexsort(_keys(columns)))
