"""The series of one run in numbers, column by column: what adds points up, merges, and is packed into bytes.

A column has one number for each series. Columns are arrays (of `array` or of NumPy), so that ten thousand series take a
few operations and not ten thousand; NumPy is loaded where there are points to add up, and not to read what was packed.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from runlore.journal.decode import Points


class SeriesRecord(NamedTuple):
    """One series in numbers. A step of None sorts before all steps: the point had none.

    Attributes:
        points: how many there are.
        finite: how many are not NaN.
        sum: of those.
        min, max: NaN where all points are.
    """

    points: int
    finite: int
    sum: float
    min: float
    min_step: float | None
    max: float
    max_step: float | None
    first: float
    first_step: float | None
    first_time_ns: int
    last: float
    last_step: float | None
    last_time_ns: int

    @property
    def mean(self) -> float:
        """Of the points that are not NaN; NaN where there is none."""
        return self.sum / self.finite if self.finite else math.nan

    def merge(self, other: SeriesRecord) -> SeriesRecord:
        """The record of the points of both; where both have a point at the same place, the other's is the later."""
        low = self if _wins(self.min, self.min_step, other.min, other.min_step) else other
        high = self if _wins(-self.max, self.max_step, -other.max, other.max_step) else other
        first = self if self._place("first") <= other._place("first") else other
        last = other if other._place("last") >= self._place("last") else self
        return SeriesRecord(
            self.points + other.points, self.finite + other.finite, self.sum + other.sum,
            low.min, low.min_step, high.max, high.max_step,
            first.first, first.first_step, first.first_time_ns,
            last.last, last.last_step, last.last_time_ns,
        )  # fmt: skip

    def _place(self, end: str) -> tuple[float, int]:
        step, time_ns = (self.first_step, self.first_time_ns) if end == "first" else (self.last_step, self.last_time_ns)
        return (-math.inf if step is None else step, time_ns)


def _wins(value: float, step: float | None, other: float, other_step: float | None) -> bool:
    """Whether a value is less than another; of the same it is the one that stands first, as among the points."""
    if value == other or (math.isnan(value) and math.isnan(other)):
        return (-math.inf if step is None else step) <= (-math.inf if other_step is None else other_step)
    return value < other or math.isnan(other)


FIELDS = SeriesRecord._fields
_INTEGERS = frozenset({"points", "finite", "first_time_ns", "last_time_ns"})
_STEPS = frozenset({"min_step", "max_step", "first_step", "last_step"})
_CODES = tuple("q" if name in _INTEGERS else "d" for name in FIELDS)
_WIDTH = 8
"""Bytes of a number."""


class SeriesColumns:
    """Series of one run.

    Attributes:
        keys: their names, sorted.
        columns: `FIELDS` one after the other, int64 or float64; a step of NaN is none.
    """

    __slots__ = ("columns", "keys")

    def __init__(self, keys: list[str], columns: Sequence[Any]) -> None:
        self.keys = keys
        self.columns = columns

    @classmethod
    def empty(cls) -> SeriesColumns:
        """No series."""
        return cls([], [array(code) for code in _CODES])

    @classmethod
    def of(cls, known: Mapping[str, SeriesRecord | Sequence[Any]]) -> SeriesColumns:
        """Series from one row of numbers each."""
        keys = sorted(known)
        columns = [
            array(code, [math.nan if value is None else value for value in column])
            for code, column in zip(_CODES, zip(*(known[key] for key in keys), strict=True), strict=False)
        ]
        return cls(keys, columns) if keys else cls.empty()

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, name: str) -> list[Any]:
        """One column as a list, with NaN for a step of none."""
        found: list[Any] = self.columns[FIELDS.index(name)].tolist()
        return found

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """`FIELDS` of one series after the other."""
        return zip(*(_plain(name, column) for name, column in zip(FIELDS, self.columns, strict=True)), strict=True)

    def items(self) -> Iterator[tuple[str, SeriesRecord]]:
        """Each series by its name."""
        return zip(self.keys, map(SeriesRecord._make, self.rows()), strict=True)

    # -- bytes --------------------------------------------------------------------------------------------------

    def pack(self) -> tuple[bytes, bytes]:
        """The last values, and all other columns, little-endian."""
        packed = [_to_bytes(column) for column in self.columns]
        last = packed.pop(_LAST)
        return last, b"".join(packed)

    @classmethod
    def unpack(cls, keys: list[str], last: bytes, others: bytes) -> SeriesColumns:
        """What `pack` gave."""
        size = len(keys) * _WIDTH
        pieces = [others[start : start + size] for start in range(0, size * (len(FIELDS) - 1), size or 1)]
        pieces.insert(_LAST, last)
        if not keys:
            return cls.empty()
        return cls(keys, [_from_bytes(code, piece) for code, piece in zip(_CODES, pieces, strict=True)])

    # -- adding up ----------------------------------------------------------------------------------------------

    def merge(self, other: SeriesColumns) -> SeriesColumns:
        """The series of the points of both; where both have a point at the same place, the other's is the later one."""
        if not len(other):
            return self
        if not len(self):
            return other
        if self.keys == other.keys:
            return SeriesColumns(self.keys, _merged(_arrays(self), _arrays(other)))
        import numpy as np

        keys = sorted({*self.keys, *other.keys})
        place = {key: index for index, key in enumerate(keys)}
        mine, others = (np.array([place[key] for key in found.keys]) for found in (self, other))
        known = np.zeros(len(keys), dtype=bool)
        known[mine] = True
        both = known[others]
        at = others[both]
        columns = []
        for first, second in zip(_arrays(self), _arrays(other), strict=True):
            column = np.empty(len(keys), dtype=first.dtype)
            column[mine] = first
            column[others[~both]] = second[~both]
            columns.append(column)
        if len(at):
            theirs = [column[both] for column in _arrays(other)]
            for column, value in zip(columns, _merged([column[at] for column in columns], theirs), strict=True):
                column[at] = value
        return SeriesColumns(keys, columns)


_LAST = FIELDS.index("last")
_CODES_OF_OTHERS = tuple(code for place, code in enumerate(_CODES) if place != _LAST)
_STEP_PLACES = tuple(place for place, name in enumerate(FIELDS) if name in _STEPS)
_READ = {code: struct.Struct(f"<{code}").unpack_from for code in "qd"}


def _plain(name: str, column: Any) -> list[Any]:
    found: list[Any] = column.tolist()
    return [None if value != value else value for value in found] if name in _STEPS else found  # noqa: PLR0124 - NaN


def _to_bytes(column: Any) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column) if isinstance(column, array) else column.copy()
        column.byteswap(*([] if isinstance(column, array) else [True]))
    found: bytes = column.tobytes()
    return found


def _from_bytes(code: str, piece: bytes) -> array[Any]:
    column: array[Any] = array(code)
    column.frombytes(piece)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def unpack_row(place: int, last: bytes, others: bytes) -> tuple[Any, ...]:
    """`FIELDS` of one series of those that are packed."""
    count = len(last) // _WIDTH
    found = [_READ[code](others, (column * count + place) * _WIDTH)[0] for column, code in enumerate(_CODES_OF_OTHERS)]
    found.insert(_LAST, _READ["d"](last, place * _WIDTH)[0])
    for step in _STEP_PLACES:
        if math.isnan(found[step]):
            found[step] = None
    return tuple(found)


def floats(piece: bytes) -> array[float]:
    """The numbers of a packed column of float64."""
    return _from_bytes("d", piece)


def _arrays(series: SeriesColumns) -> list[Any]:
    """The columns for NumPy, which shares their memory."""
    import numpy as np

    return [
        np.frombuffer(column, dtype="i8" if code == "q" else "f8") if isinstance(column, array) else column
        for code, column in zip(_CODES, series.columns, strict=True)
    ]


def _merged(mine: list[Any], other: list[Any]) -> list[Any]:
    """The columns of series that both have."""
    import numpy as np

    a, b = dict(zip(FIELDS, mine, strict=True)), dict(zip(FIELDS, other, strict=True))
    low = _less(a["min"], a["min_step"], b["min"], b["min_step"])
    high = _less(-a["max"], a["max_step"], -b["max"], b["max_step"])
    first = _before(a["first_step"], a["first_time_ns"], b["first_step"], b["first_time_ns"])
    last = _before(a["last_step"], a["last_time_ns"], b["last_step"], b["last_time_ns"])
    with np.errstate(over="ignore", invalid="ignore"):  # sums of huge values are inf, of both infinities NaN
        total = a["sum"] + b["sum"]
    chosen = {
        "points": a["points"] + b["points"],
        "finite": a["finite"] + b["finite"],
        "sum": total,
        **{name: np.where(low, a[name], b[name]) for name in ("min", "min_step")},
        **{name: np.where(high, a[name], b[name]) for name in ("max", "max_step")},
        **{name: np.where(first, a[name], b[name]) for name in ("first", "first_step", "first_time_ns")},
        **{name: np.where(last, b[name], a[name]) for name in ("last", "last_step", "last_time_ns")},
    }
    return [chosen[name] for name in FIELDS]


def _less(value: Any, step: Any, other: Any, other_step: Any) -> Any:
    """Whether a value is less than another; of the same it is the one that stands first, as among the points."""
    import numpy as np

    place, other_place = (np.where(np.isnan(found), -np.inf, found) for found in (step, other_step))
    same = (value == other) | (np.isnan(value) & np.isnan(other))
    return np.where(same, place <= other_place, (value < other) | np.isnan(other))


def _before(step: Any, time: Any, other_step: Any, other_time: Any) -> Any:
    """Whether a point stands before another, or at the same place: by step, none first, then by time."""
    import numpy as np

    place, other = (np.where(np.isnan(found), -np.inf, found) for found in (step, other_step))
    return (place < other) | ((place == other) & (time <= other_time))


def summarise_points(points: Points, keys: Mapping[int, str]) -> SeriesColumns:
    """The series that points belong to, in numbers.

    Args:
        points: of one run.
        keys: names of `points.key`.
    """
    if not len(points.key):
        return SeriesColumns.empty()
    import numpy as np

    points = _one_number_each(points, keys)
    place = np.where(np.isnan(points.step), -np.inf, points.step)
    order = np.lexsort((points.sequence, points.time_ns, place, points.key))
    key, step, time, value = points.key[order], points.step[order], points.time_ns[order], points.value[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    ends = np.concatenate((starts[1:], [len(key)]))
    missing = np.isnan(value)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(np.where(missing, 0.0, value), starts) + 0.0  # a sum begins with 0, not with -0
    low, low_at = _extreme(np.fmin, value, starts, ends)
    high, high_at = _extreme(np.fmax, value, starts, ends)
    counts, last = ends - starts, ends - 1
    columns = (
        counts, counts - np.add.reduceat(missing.astype(np.int64), starts), sums,
        low, step[low_at], high, step[high_at],
        value[starts], step[starts], time[starts], value[last], step[last], time[last],
    )  # fmt: skip
    names = [keys[number] for number in key[starts].tolist()]
    return _sorted(names, columns)


def _one_number_each(points: Points, keys: Mapping[int, str]) -> Points:
    """The points with one number for each name: a damaged or foreign journal may have given it several."""
    numbers = {name: number for number, name in keys.items()}
    if len(numbers) == len(keys):
        return points
    import numpy as np

    known, places = np.unique(points.key, return_inverse=True)
    chosen = np.array([numbers[keys[number]] for number in known.tolist()], dtype=points.key.dtype)
    return replace(points, key=chosen[places])


def _sorted(names: list[str], columns: Iterable[Any]) -> SeriesColumns:
    """Series in the order of their names."""
    order = sorted(range(len(names)), key=names.__getitem__)
    if order != list(range(len(names))):
        names, columns = [names[at] for at in order], [column[order] for column in columns]
    return SeriesColumns(names, list(columns))


def _extreme(function: Any, value: Any, starts: Any, ends: Any) -> tuple[Any, Any]:
    """The extreme of each group, and where it stands first (the group's start when all are NaN)."""
    import numpy as np

    extreme = function.reduceat(value, starts)
    count = len(value)
    hits = np.where(value == np.repeat(extreme, ends - starts), np.arange(count), count)
    at = np.minimum.reduceat(hits, starts)
    place = np.where(at == count, starts, at)
    return value[place], place
