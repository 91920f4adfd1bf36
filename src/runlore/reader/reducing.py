"""Series as charts need them: few points, and no extreme of any bucket lost.

Everything here works on plain arrays: a series is a pair (x, y) of equal length, x being steps or times. NumPy is
imported inside functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.store.points import never_falls

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_PIECE = 1 << 18
"""Points that are looked at together: they and what is made of them fit the cache."""


def downsample(x: ArrayLike, y: ArrayLike, buckets: int) -> NDArray[np.int64]:
    """The points that a chart of so many buckets has to draw: no peak is lost.

    Of each bucket of equal width in x: the first least and the first greatest finite point, and the first NaN, the
    first infinite and the first negative infinite one where it has any, so that a gap, or a divergence, shows and hides
    nothing; and the first and the last point of the series. Points without an x are left out.

    Args:
        x: steps or times, in any order. Sorted input is faster.
        y: values.
        buckets: how many; at least 1. A chart has about one for each pixel.

    Returns:
        Indices into x and y, in the order of x: at most 2 * buckets + 2 of finite points, and 3 * buckets of others.
        All points, where there are no more of them than twice the buckets.

    Example:
        >>> downsample(range(8), [0, 5, 1, 1, 1, 1, -3, 0], 2).tolist()
        [0, 1, 4, 6, 7]
    """
    import numpy as np

    if not isinstance(buckets, int) or buckets < 1:
        raise InvalidArgument(f"buckets={buckets!r} must be an integer >= 1: about one for each pixel of the chart")
    place, value = pair_of(x, y)
    order = drawn_order(place)
    if order is not None:
        place, value = place[order], value[order]
    chosen = np.arange(len(place)) if len(place) <= 2 * buckets else _extremes(place, value, buckets)
    return chosen if order is None else order[chosen]


def zoom(
    x: ArrayLike, y: ArrayLike, x_min: float | None, x_max: float | None, buckets: int
) -> NDArray[np.int64]:  # fmt: skip
    """The points to draw of a range of x, and the next one beyond each end, so that lines reach the chart's edge.

    Args:
        x: steps or times, in any order.
        y: values.
        x_min: the least x shown; None: from the start.
        x_max: the greatest x shown; None: to the end.
        buckets: as for `downsample`, within the range.

    Returns:
        Indices into x and y, in the order of x.

    Example:
        >>> zoom([0, 1, 2, 3, 4], [0, 0, 9, 0, 0], 1.5, 2.5, 10).tolist()
        [1, 2, 3]
    """
    import numpy as np

    place, value = pair_of(x, y)
    order = drawn_order(place)
    sorted_place = place if order is None else place[order]
    start = 0 if x_min is None else int(np.searchsorted(sorted_place, x_min, side="left"))
    end = len(sorted_place) if x_max is None else max(start, int(np.searchsorted(sorted_place, x_max, side="right")))
    rows = np.arange(start, end) if order is None else order[start:end]
    inside = rows[downsample(place[rows], value[rows], buckets)]
    edges = [(start - 1, start > 0), (end, end < len(sorted_place))]
    before, after = ([at if order is None else order[at]] if there else [] for at, there in edges)
    return np.concatenate((before, inside, after)).astype(np.int64)


def pair_of(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The two as arrays.

    Raises:
        InvalidArgument: they are not two lists of equal length.
    """
    import numpy as np

    place, value = np.asarray(x), np.asarray(y, dtype=np.float64)
    if place.ndim != 1 or place.shape != value.shape:
        raise InvalidArgument(
            f"x has the shape {place.shape} and y {value.shape}; both must be one list of equal length"
        )
    return place, value


def drawn_order(place: NDArray[Any]) -> NDArray[np.int64] | None:
    """Indices that sort by x and leave out what has none; None where nothing is to be done."""
    import numpy as np

    if never_falls(place) and not (len(place) and np.isnan(place[-1])):
        return None
    order = np.argsort(place, kind="stable")
    return order[: len(place) - int(np.isnan(place).sum())]


def _extremes(place: NDArray[Any], value: NDArray[np.float64], buckets: int) -> NDArray[np.int64]:
    """Indices of the points to draw, of sorted places without NaN."""
    import numpy as np

    edges = _edges(place, buckets)
    begins = edges[:-1][np.diff(edges) > 0]
    chosen = np.zeros(len(place), dtype=bool)
    chosen[[0, -1]] = True
    for start, end, starts in _pieces(begins, len(place)):
        _choose(value[start:end], starts - start, chosen[start:end])
    return np.flatnonzero(chosen)


def _pieces(begins: NDArray[np.int64], count: int) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Whole buckets whose points fit into a piece: (from, to, where each bucket begins)."""
    import numpy as np

    first = 0
    while first < len(begins):
        start = int(begins[first])
        after = max(first + 1, int(np.searchsorted(begins, start + _PIECE)))
        yield start, int(begins[after]) if after < len(begins) else count, begins[first:after]
        first = after


def _choose(value: NDArray[np.float64], starts: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
    """Mark the points to draw of some buckets.

    Args:
        value: their points, one bucket behind the other.
        starts: where each begins.
        chosen: the marks.
    """
    import numpy as np

    finite = np.isfinite(value)
    lengths = np.diff(starts, append=len(value))
    if finite.all():
        lows = highs = value
    else:
        lows, highs = np.where(finite, value, np.inf), np.where(finite, value, -np.inf)
        for others in (np.isnan(value), value == np.inf, value == -np.inf):
            chosen[_first_of_each(np.flatnonzero(others), starts)] = True
    for extreme, column in ((np.minimum, lows), (np.maximum, highs)):
        hits = column == np.repeat(extreme.reduceat(column, starts), lengths)
        if column is not value:
            hits &= finite
        chosen[_first_of_each(np.flatnonzero(hits), starts)] = True


def _first_of_each(rows: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of rows in order, the first one in each bucket."""
    import numpy as np

    if not len(rows):
        return rows
    bucket = np.searchsorted(starts, rows, side="right")
    first = np.ones(len(rows), dtype=bool)
    np.not_equal(bucket[1:], bucket[:-1], out=first[1:])
    return rows[first]


def _edges(place: NDArray[Any], buckets: int) -> NDArray[np.int64]:
    """Where each bucket begins, and where the last one ends: bucket i begins at `x0 + i * (x1 - x0) / buckets`."""
    import numpy as np

    if np.issubdtype(place.dtype, np.integer):
        low, span = int(place[0]), int(place[-1]) - int(place[0])
        borders = np.array([low - (-span * number // buckets) for number in range(1, buckets)], dtype=place.dtype)
    else:
        share = np.arange(1, buckets) / buckets
        with np.errstate(invalid="ignore"):
            borders = place[0] * (1 - share) + place[-1] * share
        if not np.isfinite(borders).all():  # infinite steps: buckets of equal count instead of equal width
            return np.arange(buckets + 1) * len(place) // buckets
    return np.concatenate(([0], np.searchsorted(place, borders), [len(place)]))
