"""Series of several runs side by side: alignment, and statistics over runs.

Everything here works on plain arrays: a series is a pair (x, y) of equal length, x being steps or times. NumPy and
pandas are imported inside functions.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from runlore.errors import InvalidArgument
from runlore.reader.reducing import drawn_order, pair_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

How = Literal["step", "time", "relative_time"]
Method = Literal["union", "nearest", "interpolate"]

_HOW = ("step", "time", "relative_time")
_METHODS = ("union", "nearest", "interpolate")


def align(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]], how: How = "step", method: Method = "union"
) -> pd.DataFrame:  # fmt: skip
    """Several series as the columns of one table.

    Where a series has several points at one x, the last of them counts. Points without an x are left out.

    Args:
        series: name → (x, y). x are steps, or times in nanoseconds since 1970 UTC.
        how: what x is: `step`; `time`, which becomes a DatetimeIndex; `relative_time`, in seconds since the first
            point of each series.
        method: what stands where a series has no point: `union`, NaN; `nearest`, its nearest point (the earlier one of
            two); `interpolate`, the line between its neighbours, within its range.

    Returns:
        One row for each x of any series, sorted; one column for each series.

    Example:
        >>> table = align({"a": ([0, 2], [1.0, 3.0]), "b": ([1, 2], [5.0, 6.0])}, method="interpolate")
        >>> table["a"].tolist(), table["b"].tolist()
        ([1.0, 2.0, 3.0], [nan, 5.0, 6.0])
    """
    import numpy as np
    import pandas as pd

    if how not in _HOW:
        raise InvalidArgument(f"how={how!r} must be one of {', '.join(_HOW)}")
    if method not in _METHODS:
        raise InvalidArgument(f"method={method!r} must be one of {', '.join(_METHODS)}")
    pairs = {name: _last_of_each(*pair_of(x, y), how) for name, (x, y) in series.items()}
    places = [place for place, _ in pairs.values() if len(place)]
    index = np.unique(np.concatenate(places)) if places else np.empty(0, np.int64 if how == "time" else np.float64)
    columns = {name: _at(index, place, value, method) for name, (place, value) in pairs.items()}
    labels = pd.DatetimeIndex(index.astype("datetime64[ns]"), tz="UTC") if how == "time" else pd.Index(index)
    return pd.DataFrame(columns, index=labels.rename(how), columns=list(series))


def _last_of_each(
    place: NDArray[Any], value: NDArray[np.float64], how: str
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The series sorted by x, with one point for each."""
    import numpy as np

    if how == "time":
        place = place.astype(np.int64)
    order = drawn_order(place)
    if order is not None:
        place, value = place[order], value[order]
    if how == "relative_time" and len(place):
        place = (place - place[0]) / 1e9
    elif how == "step":
        place = place.astype(np.float64)
    last = np.append(place[1:] != place[:-1], True) if len(place) else np.empty(0, dtype=bool)
    return place[last], value[last]


def _at(index: NDArray[Any], place: NDArray[Any], value: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    """The series' values at these places."""
    import numpy as np

    if not len(place):
        return np.full(len(index), np.nan)
    right = np.searchsorted(place, index, side="left")
    after = np.minimum(right, len(place) - 1)
    exact = place[after] == index
    if method == "union":
        return np.where(exact, value[after], np.nan)
    before = np.maximum(right - 1, 0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        from_before, to_after = index - place[before], place[after] - index
        if method == "nearest":
            earlier = (np.abs(from_before) <= np.abs(to_after)) & ~exact
            return np.where(earlier, value[before], value[after])
        share = from_before / (place[after] - place[before])
        between = value[before] + (value[after] - value[before]) * share
    inside = (index >= place[0]) & (index <= place[-1])
    return np.where(exact, value[after], np.where(inside, between, np.nan))


def group_statistics(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]], how: How = "step", method: Method = "union",
    confidence: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """What several runs, such as the seeds of one configuration, say together at each x.

    Args:
        series: name → (x, y), as for `align`.
        how: as for `align`.
        method: as for `align`.
        confidence: of the interval around the mean, between 0 and 1.

    Returns:
        Indexed like `align`, with the columns `mean`; `std`, the sample's standard deviation; `ci_low` and `ci_high`,
        Student's confidence interval of the mean; `iqm`, the mean of the middle half of the values (the interquartile
        mean, fractional, so that it is exact for any number of runs); `count`, the series that have a value there.
        NaN counts as no value. Standard deviation and interval need two values and are NaN below.

    Example:
        >>> runs = {"seed 1": ([0, 1], [1.0, 4.0]), "seed 2": ([0, 1], [3.0, 4.0])}
        >>> group_statistics(runs)["mean"].tolist()
        [2.0, 4.0]
    """
    import numpy as np
    import pandas as pd

    if not 0 < confidence < 1:
        raise InvalidArgument(f"confidence={confidence!r} must be between 0 and 1, for example 0.95")
    table = align(series, how, method)
    values = np.sort(table.to_numpy(np.float64), axis=1)  # NaN last
    count = (~np.isnan(values)).sum(axis=1)
    known = np.arange(values.shape[1]) < count[:, None]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=1) / count
        deviation = np.where(known, values - mean[:, None], 0.0)
        std = np.where(count > 1, np.sqrt((deviation**2).sum(axis=1) / (count - 1.0)), np.nan)
        quantile = {n: student_quantile(n - 1, (1 + confidence) / 2) for n in np.unique(count).tolist() if n > 1}
        half = np.array([quantile.get(n, math.nan) for n in count.tolist()]) * std / np.sqrt(count)
        iqm = interquartile_mean(values, count)
    columns = {"mean": mean, "std": std, "ci_low": mean - half, "ci_high": mean + half, "iqm": iqm, "count": count}
    return pd.DataFrame(columns, index=table.index)


def interquartile_mean(values: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of what lies between the quartiles of each row; rows are sorted. Values at the border count partly."""
    import numpy as np

    rank = np.arange(values.shape[1])
    low, high = count[:, None] / 4, 3 * count[:, None] / 4
    weight = np.clip(np.minimum(rank + 1, high) - np.maximum(rank, low), 0, None)
    total: NDArray[np.float64] = np.where(weight > 0, values * weight, 0.0).sum(axis=1)
    mean: NDArray[np.float64] = total / weight.sum(axis=1)
    return mean


def student_quantile(degrees: int, probability: float) -> float:
    """The quantile of Student's t distribution, to about 12 digits.

    Args:
        degrees: of freedom; at least 1.
        probability: between 0.5 and 1.

    Example:
        >>> round(student_quantile(4, 0.975), 6)
        2.776445
    """
    guess = NormalDist().inv_cdf(probability)
    low, high = 0.0, max(1.0, guess)
    while _student_upper(degrees, high) > 1 - probability:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _student_upper(degrees, middle) > 1 - probability else (low, middle)
    return (low + high) / 2


def _student_upper(degrees: int, t: float) -> float:
    """The probability that Student's t is greater than `t` >= 0: a finite sum, for whole degrees of freedom."""
    angle = math.atan2(t, math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    terms: Sequence[int] = range(degrees % 2 + 2, degrees - 1, 2) if degrees > 1 else ()
    term = cosine if degrees % 2 else 1.0
    total = term if degrees > 1 else 0.0
    for k in terms:
        term *= (k - 1) / k * cosine**2
        total += term
    inside = 2 / math.pi * (angle + sine * total) if degrees % 2 else sine * total
    return (1 - inside) / 2
