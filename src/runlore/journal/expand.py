"""From records to points: each column of all of them at once, with no step from one record to the next.

A scalar is one point, a row as many as it has values. For every point, `owner` is the index of its record: by it, time,
step and sequence are taken. A point's value is where the first value of its record is, plus the number of the point
among those of the record; and so is its key, in an array of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.journal.scan import HEAD_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runlore.journal.layouts import RowKeys
    from runlore.journal.scan import Fields, Places

_VALUE_WORD = 2
_TYPES = ("u4", "f8", "i8", "f8", "i8")


class Columns:
    """Key, step, time, value and sequence of points: arrays that grow together.

    Memory that is not filled is not touched, and costs nothing: they grow seldom, and by much.
    """

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._arrays: list[NDArray[Any]] = [np.empty(capacity, kind) for kind in _TYPES]

    def room(self, count: int) -> list[NDArray[Any]]:
        """The stretches of the arrays in which so many further points are to be put."""
        before, self._count = self._count, self._count + count
        if self._count > len(self._arrays[0]):
            capacity = max(self._count, 4 * len(self._arrays[0]))
            for index, array in enumerate(self._arrays):
                self._arrays[index] = np.empty(capacity, array.dtype)
                self._arrays[index][:before] = array[:before]
        return [array[before : self._count] for array in self._arrays]

    def finish(self) -> list[NDArray[Any]]:
        """The arrays, as far as they are filled."""
        return [array[: self._count] for array in self._arrays]


def scalars(fields: Fields, base: int, places: Places, out: Columns) -> None:
    """Append the points of records that are all scalars.

    Args:
        fields: of the window that holds the records.
        base: the window's offset in the file.
        places: of the records.
        out: takes the points.
    """
    key, step, time, value, sequence = out.room(len(places))
    key[:] = fields.number[places]
    step[:] = fields.step[places]
    time[:] = fields.time[places]
    value[:] = fields.floats[places + _VALUE_WORD]
    sequence[:] = places
    sequence *= 8
    sequence += base


def expand(
    fields: Fields, base: int, places: Places, sizes: Places, rows: Places, layout: RowKeys, out: Columns
) -> None:
    """Append the points of records, some of which are rows.

    Args:
        fields: of the window that holds the records.
        base: the window's offset in the file.
        places: of the records.
        sizes: how many points each of them has; where that is 0 it may be any record.
        rows: the indices of rows.
        layout: their keys.
        out: takes the points.
    """
    width = int(sizes[rows[0]])
    if (
        (sizes[rows] == width).all()
        and np.count_nonzero(sizes) == len(rows)
        and (layout.starts == layout.starts[0]).all()
    ):
        start = int(layout.starts[0])
        _table(fields, base, places[rows], layout.keys[start : start + width], out)
        return
    ends = np.cumsum(sizes)
    total = int(ends[-1])
    owner = np.repeat(np.arange(len(places)), sizes)
    key, step, time, value, sequence = out.room(total)
    np.take(fields.step[places], owner, out=step, mode="clip")
    np.take(fields.time[places], owner, out=time, mode="clip")
    np.take(places.astype(np.int64, copy=False) * 8 + base, owner, out=sequence, mode="clip")

    firsts = ends - sizes
    numbers = np.arange(total)

    def spread(first_at: Places) -> Places:
        """For every point the place of what is its own, if that of the record's first point is at `first_at`."""
        each: Places = (first_at - firsts)[owner]
        each += numbers
        return each

    values_at = places + _VALUE_WORD
    values_at[rows] = places[rows] + HEAD_WORDS
    np.take(fields.floats, spread(values_at), out=value, mode="clip")
    keys = np.concatenate([layout.keys, fields.number[places]])  # those of scalars, one for each record, come last
    keys_at = np.arange(len(layout.keys), len(keys))
    keys_at[rows] = layout.starts
    np.take(keys, spread(keys_at), out=key, mode="clip")


def _table(fields: Fields, base: int, places: Places, keys: NDArray[np.uint32], out: Columns) -> None:
    """Append the points of rows that all have the same keys: as `expand`, without a number for every point."""
    width = len(keys)
    key, step, time, value, sequence = (part.reshape(-1, width) for part in out.room(len(places) * width))
    key[:] = keys
    step[:] = fields.step[places][:, None]
    time[:] = fields.time[places][:, None]
    value[:] = np.lib.stride_tricks.sliding_window_view(fields.floats, width)[places + HEAD_WORDS]
    sequence[:] = (places.astype(np.int64, copy=False) * 8 + base)[:, None]
