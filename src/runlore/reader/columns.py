"""Columns of DataFrames: one rule for each kind of value, whatever table it stands in.

| values | column |
| --- | --- |
| text | `str`, pandas' own type for it; `object` in pandas 2, and where some text is no valid Unicode |
| integers | `int64`; `Int64` where some are missing; `object` where one does not fit 64 bits |
| numbers of which some are no integers | `float64`, NaN where missing |
| true and false | `bool`; `boolean` where some are missing |
| times | `datetime64[ns, UTC]`, NaT where missing |
| spans of time | `timedelta64[ns]` |
| steps | `int64` where each record has an integral one; else `float64`, NaN where there is none |
| anything else | `object`, None where missing |
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.reader.facts import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

NOT_A_TIME = -(1 << 63)
"""NaT, as int64."""

_PIECE = 1 << 16
"""Elements that are looked at together, so that a long column needs no second one beside it."""


def text(values: Sequence[str | None]) -> Any:
    """A column of text."""
    import pandas as pd

    if int(pd.__version__.partition(".")[0]) >= 3:
        try:
            return pd.array(values, dtype="str")
        except UnicodeEncodeError:
            return of_objects(objects(values))
    return of_objects(objects(values))


def coded(names: Sequence[str | None], codes: NDArray[Any]) -> Any:
    """A column of text of which each cell is one of few names.

    Args:
        names: the names.
        codes: of each cell, which of them it is.
    """
    import pandas as pd

    found = text(names)
    return of_objects(found.to_numpy()[codes]) if isinstance(found, pd.Series) else found.take(codes)


def of_objects(cells: NDArray[Any]) -> pd.Series[Any]:
    """A column that stays one of objects: pandas 3 would look into it, and make text of it if it can."""
    import pandas as pd

    return pd.Series(cells, dtype=object)


def objects(values: Sequence[Any]) -> NDArray[Any]:
    """Cells of any kind as an array. Lists and arrays among them stay what they are."""
    column = np.empty(len(values), dtype=object)
    if not any(isinstance(value, (list, tuple, np.ndarray)) for value in values):
        column[:] = values
        return column
    for index, value in enumerate(values):  # one by one: NumPy would take lists for dimensions
        column[index] = value
    return column


def integers(values: Sequence[int | None]) -> Any:
    """A column of integers that fit 64 bits."""
    import pandas as pd

    if None not in values:
        return np.array(values, dtype=np.int64)
    missing = np.array([value is None for value in values], dtype=bool)
    return pd.arrays.IntegerArray(np.array([value or 0 for value in values], dtype=np.int64), missing)


def table(data: Mapping[str, Any], rows: int) -> pd.DataFrame:
    """The columns as a table. Texts that are no valid Unicode, in cells and in names, stay what they are.

    pandas would make its own type for text of them, which cannot hold such.

    Args:
        data: columns as the functions here give them, by name.
        rows: how many there are.
    """
    import pandas as pd

    index = pd.RangeIndex(rows)
    cells = [
        pd.Series(column, dtype=object, index=index)
        if isinstance(column, np.ndarray) and column.dtype == object
        else column
        for column in data.values()
    ]
    frame = pd.DataFrame(dict(enumerate(cells)), index=index, copy=False)
    frame.columns = labels(data)
    return frame


def labels(names: Iterable[str], name: str | None = None) -> pd.Index[Any]:
    """Names of columns or rows as an index, also those that are no valid Unicode."""
    import pandas as pd

    try:
        return pd.Index(list(names), name=name)
    except UnicodeEncodeError:
        return pd.Index(list(names), dtype=object, name=name)


def times(ns: Sequence[int] | NDArray[np.int64]) -> pd.DatetimeIndex:
    """A column of times, from nanoseconds since 1970 UTC; `NOT_A_TIME` where there is none."""
    import pandas as pd

    return pd.DatetimeIndex(np.asarray(ns, dtype=np.int64).view("datetime64[ns]"), tz="UTC")


def spans(ns: Sequence[int]) -> NDArray[Any]:
    """A column of spans of time, from nanoseconds."""
    return np.array(ns, dtype=np.int64).view("timedelta64[ns]")


def numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    """A column of numbers; None becomes NaN."""
    return np.array(values, dtype=np.float64)


def steps(values: NDArray[np.float64]) -> NDArray[Any]:
    """A column of steps, from float64 with NaN for none."""
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        if not ((np.floor(piece) == piece) & (np.abs(piece) < EXACT)).all():
            return values
    return values.astype(np.int64) if len(values) else values


def values(cells: Sequence[Any]) -> Any:
    """A column of values of any kind: that of the table above which holds all of them; None is missing."""
    kinds = set(map(type, cells))
    complete = type(None) not in kinds
    kinds.discard(type(None))
    if kinds == {str}:
        return text(cells)
    if kinds == {float}:
        return numbers(cells)
    if kinds == {bool}:
        return np.array(cells, dtype=bool) if complete else _flags(cells)
    if kinds == {int} and _are_within(cells, -(1 << 63), (1 << 63) - 1, complete=complete):
        return integers(cells)
    if kinds == {int, float} and all(value is None or type(value) is float or abs(value) <= EXACT for value in cells):
        return numbers(cells)
    return of_objects(objects(cells))


def _are_within(cells: Sequence[int | None], low: int, high: int, *, complete: bool) -> bool:
    known: Any = cells if complete else [cell for cell in cells if cell is not None]
    return bool(low <= min(known) and max(known) <= high)


def _flags(cells: Sequence[bool | None]) -> Any:
    import pandas as pd

    missing = np.array([value is None for value in cells], dtype=bool)
    return pd.arrays.BooleanArray(np.array([value is True for value in cells], dtype=bool), missing)


def plain_numbers(cells: NDArray[Any]) -> NDArray[Any]:
    """The cells as float64 where all are numbers that it can hold, or missing; else as they are."""
    if cells.dtype != object or not all(map(_is_plain, cells)):
        return cells
    return np.array([math.nan if value is None else float(value) for value in cells], dtype=np.float64)


def _is_plain(value: Any) -> bool:
    kind = value.__class__
    return value is None or kind is float or (kind is int and abs(value) < 1 << 1023)
