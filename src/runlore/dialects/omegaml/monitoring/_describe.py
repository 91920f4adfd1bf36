"""What columns of data look like, in numbers that can be compared later: moments, quantiles and counts, no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

QUANTILES = 201
"""A numeric column is kept as at most so many quantiles: enough to count values in any bins afterwards."""
MAX_GROUPS = 100
OTHERS = "(others)"
"""What is not among the `MAX_GROUPS` most frequent categories is counted together: texts of rows are not kept."""
MAX_CORRELATED = 50
PROBABILITIES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def frame_of(data: Any) -> pd.DataFrame:
    """A DataFrame of a frame, a series, a mapping or an array; columns without names are `0`, `1` and so on.

    Raises:
        InvalidArgument: two columns have one name.
    """
    import pandas as pd

    if isinstance(data, pd.Series):
        data = data.to_frame(data.name if data.name is not None else "0")
    frame = pd.DataFrame(data)
    frame = frame.set_axis([str(name) for name in frame.columns], axis="columns")
    if not frame.columns.is_unique:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise InvalidArgument(f"columns {', '.join(map(repr, twice))} occur twice; rename them before the snapshot")
    return frame


def describe(frame: pd.DataFrame, categorical: Collection[str] = (), *, correlate: bool = True) -> dict[str, Any]:
    """The columns of a frame, each as plain JSON; numbers as by `_numeric`, all else as by `_categorical`."""
    numeric = [name for name in frame.columns if name not in categorical and _is_numeric(frame[name])]
    stats = {name: (_numeric if name in numeric else _categorical)(frame[name]) for name in frame.columns}
    if correlate and 1 < len(numeric) <= MAX_CORRELATED and len(frame) > 1:
        numbers = frame[numeric].astype("float64")
        with np.errstate(invalid="ignore", divide="ignore"):  # a constant column has no correlation: NaN
            both = {"pearson": numbers.corr(), "spearman": numbers.rank().corr()}
        for name in numeric:
            stats[name]["corr"] = {method: table[name].to_dict() for method, table in both.items()}
    return stats


def is_numeric(stats: Mapping[str, Any]) -> bool:
    """Whether a described column is one of numbers."""
    return "groups" not in stats


def _is_numeric(column: pd.Series) -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _numeric(column: pd.Series) -> dict[str, Any]:
    """Moments, percentiles, histogram (10 bins, 100 from 1,000 values on), quantiles, missing values."""
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    found = values[np.isfinite(values)]
    about: dict[str, Any] = {"dtype": str(column.dtype), "count": len(found), "missing": len(values) - len(found)}
    if not len(found):
        return about
    counts, edges = np.histogram(found, bins=100 if len(found) >= 1000 else 10)
    quantiles = np.quantile(found, np.linspace(0, 1, min(QUANTILES, 2 + len(found) // 5)))
    return {
        **about,
        "mean": float(found.mean()),
        "std": float(found.std()),
        "var": float(found.var()),
        "median": float(np.median(found)),
        "min": float(found.min()),
        "max": float(found.max()),
        "percentiles": [[float(np.quantile(found, p)) for p in PROBABILITIES], list(PROBABILITIES)],
        "bins": len(counts),
        "hist": [counts.tolist(), edges.tolist()],
        "pdf": [(counts / counts.sum() / (np.diff(edges))).tolist(), edges.tolist()],
        "quantiles": quantiles.tolist(),
    }


def _categorical(column: pd.Series) -> dict[str, Any]:
    """How often each of the most frequent values occurs (as text), and the share of it."""
    counts = column.dropna().astype(str).value_counts()
    total, named = int(counts.sum()), counts[:MAX_GROUPS].sort_index()
    groups = {str(group): int(count) for group, count in named.items()}
    if len(counts) > MAX_GROUPS:
        groups[OTHERS] = total - sum(groups.values())
    return {
        "dtype": str(column.dtype),
        "count": total,
        "missing": int(column.isna().sum()),
        "groups": groups,
        "pmf": {group: count / total for group, count in groups.items()},
    }


def draw(stats: Mapping[str, Any], size: int) -> Any:
    """So many values that are distributed like the column: its quantiles at evenly spaced places, nothing by chance."""
    places = (np.arange(size) + 0.5) / size
    return np.interp(places, np.linspace(0, 1, len(stats["quantiles"])), stats["quantiles"])
