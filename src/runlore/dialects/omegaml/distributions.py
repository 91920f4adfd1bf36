"""What a column of data looks like, in numbers that can be compared later without the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

NUMERIC, CATEGORICAL = "numeric", "categorical"
QUANTILES = 201
"""A numeric column is kept as so many quantiles: enough to count values in any bins afterwards."""
MAX_CORRELATED = 50
_PERCENTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def frame_of(data: Any) -> pd.DataFrame:
    """A DataFrame of a frame, a series, a mapping or an array; columns without names are `0`, `1` and so on."""
    import pandas as pd

    if isinstance(data, pd.Series):
        data = data.to_frame(data.name if data.name is not None else "0")
    frame = pd.DataFrame(data)
    return frame.set_axis([str(name) for name in frame.columns], axis="columns")


def describe_frame(data: Any) -> dict[str, Any]:
    """A snapshot as plain JSON: `rows`, and for each column what `describe_numeric` or `describe_categorical` gives."""
    import pandas as pd

    frame = frame_of(data)
    columns: dict[str, Any] = {}
    numeric = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
    ]
    for name in frame.columns:
        describe = describe_numeric if name in numeric else describe_categorical
        columns[name] = describe(frame[name])
    snapshot: dict[str, Any] = {"rows": len(frame), "columns": columns}
    if 1 < len(numeric) <= MAX_CORRELATED and len(frame) > 1:
        with np.errstate(invalid="ignore", divide="ignore"):  # a constant column has no correlation: NaN
            for method in ("pearson", "spearman"):
                own = frame[numeric].rank() if method == "spearman" else frame[numeric]
                snapshot[method] = own.astype("float64").corr().to_dict()
    return snapshot


def describe_numeric(column: pd.Series) -> dict[str, Any]:
    """Moments, percentiles, histogram (10 bins, 100 from 1,000 values on), quantiles, missing values."""
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    found = values[np.isfinite(values)]
    about: dict[str, Any] = {
        "kind": NUMERIC, "dtype": str(column.dtype), "count": len(found), "missing": len(values) - len(found),
    }  # fmt: skip
    if not len(found):
        return about
    counts, edges = np.histogram(found, bins=100 if len(found) >= 1000 else 10)
    return {
        **about,
        "mean": float(found.mean()),
        "std": float(found.std()),
        "var": float(found.var()),
        "median": float(np.median(found)),
        "min": float(found.min()),
        "max": float(found.max()),
        "percentiles": {f"{100 * p:g}%": float(np.quantile(found, p)) for p in _PERCENTILES},
        "hist": {"counts": counts.tolist(), "edges": edges.tolist()},
        "pdf": (counts / counts.sum()).tolist(),
        "quantiles": np.quantile(found, np.linspace(0, 1, QUANTILES)).tolist(),
    }


def describe_categorical(column: pd.Series) -> dict[str, Any]:
    """How often each value occurs (as text), and the share of it."""
    counts = column.dropna().astype(str).value_counts().sort_index()
    total = int(counts.sum())
    return {
        "kind": CATEGORICAL,
        "dtype": str(column.dtype),
        "count": total,
        "missing": int(column.isna().sum()),
        "groups": {str(group): int(count) for group, count in counts.items()},
        "pmf": {str(group): int(count) / total for group, count in counts.items()},
    }


def merge_mean(snapshots: list[dict[str, Any]]) -> dict[str, Any]:
    """One snapshot that stands for several, for comparing with all of them: counts added, quantiles averaged."""
    merged = {"rows": sum(snapshot["rows"] for snapshot in snapshots), "columns": {}}
    for name in dict.fromkeys(name for snapshot in snapshots for name in snapshot["columns"]):
        parts = [snapshot["columns"][name] for snapshot in snapshots if name in snapshot["columns"]]
        parts = [part for part in parts if part["kind"] == parts[0]["kind"] and part["count"]]
        if parts:
            merged["columns"][name] = (_merged_numeric if parts[0]["kind"] == NUMERIC else _merged_groups)(parts)
    return merged


def _merged_numeric(parts: list[dict[str, Any]]) -> dict[str, Any]:
    weights = [part["count"] for part in parts]
    drawn = np.concatenate([draw(part, max(QUANTILES, 2000 * part["count"] // sum(weights))) for part in parts])
    quantiles = np.quantile(drawn, np.linspace(0, 1, QUANTILES))
    mean = float(np.average([part["mean"] for part in parts], weights=weights))
    second = float(np.average([part["var"] + part["mean"] ** 2 for part in parts], weights=weights))
    deviation = max(0.0, second - mean**2) ** 0.5
    return {"kind": NUMERIC, "count": sum(weights), "mean": mean, "std": deviation, "quantiles": quantiles.tolist()}


def _merged_groups(parts: list[dict[str, Any]]) -> dict[str, Any]:
    groups: dict[str, int] = {}
    for part in parts:
        for group, count in part["groups"].items():
            groups[group] = groups.get(group, 0) + count
    return {"kind": CATEGORICAL, "count": sum(groups.values()), "groups": groups}


def draw(column: Mapping[str, Any], size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """So many values that are distributed like the column: its quantiles at evenly spaced places, nothing by chance."""
    places = (np.arange(size) + 0.5) / size
    drawn: np.ndarray[Any, np.dtype[np.float64]]
    drawn = np.interp(places, np.linspace(0, 1, len(column["quantiles"])), column["quantiles"])
    return drawn
