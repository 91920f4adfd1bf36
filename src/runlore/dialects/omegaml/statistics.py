"""`exp.summary()` and `exp.stats`: metrics, latency, throughput and utilization, described over runs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from runlore import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

PERCENTILES = (0.25, 0.5, 0.75)
TIME_EVENTS = (model.START, model.STOP)


def describe(series: Iterable[tuple[str, Any]], percentiles: Sequence[float] | None = None) -> pd.DataFrame:
    """One row a series of numbers: event, key, count, mean, std (of a sample), min, percentiles, max.

    `event` and `key` are columns and, without names, levels of the index: `summary["key"]` and
    `summary.loc["metric"]` both work.
    """
    import pandas as pd

    wanted = sorted(percentiles or PERCENTILES)
    rows = []
    for key, values in series:
        numbers = pd.Series(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), dtype="float64").dropna()
        row = {"event": model.METRIC, "key": key, "count": len(numbers), "mean": numbers.mean(), "std": numbers.std()}
        row |= {"min": numbers.min()} | {f"{100 * p:g}%": numbers.quantile(p) for p in wanted} | {"max": numbers.max()}
        rows.append(row)
    columns = ["event", "key", "count", "mean", "std", "min", *(f"{100 * p:g}%" for p in wanted), "max"]
    index = pd.MultiIndex.from_arrays([[row["event"] for row in rows], [row["key"] for row in rows]])
    return pd.DataFrame(rows, columns=columns, index=index).astype({"count": "int64"})


class ExperimentStatistics:
    """Statistics over all runs of an experiment, or over those that a `run=` selects. `exp.stats` is one.

    All methods take `percentiles` and every filter of `exp.data()`; `time_events` names the events that begin and end
    a group, and `groupby` the column that tells groups apart. A group without an end, such as a run that is still
    running, is left out.
    """

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def summary(
        self, time_key: str = "latency", time_events: Sequence[str] = TIME_EVENTS,
        percentiles: Sequence[float] | None = None, groupby: str = "run", perf_stats: bool = False, **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """A row a metric, sorted by key, then latency; with `perf_stats` also group latency and utilization."""
        rows = self._metrics(**filters)
        spans = self._spans(time_events, groupby, **filters)
        if rows or spans:
            rows.append((time_key, [end - start for start, end in spans]))
        if perf_stats and spans:
            rows += [(f"group_{time_key}", _between_ends(spans)), ("utilization", _utilization(spans))]
        return describe(rows, percentiles)

    def metrics(self, percentiles: Sequence[float] | None = None, **filters: Any) -> pd.DataFrame:
        """A row a metric."""
        return describe(self._metrics(**filters), percentiles)

    def latency(
        self, time_key: str = "latency", time_events: Sequence[str] = TIME_EVENTS,
        percentiles: Sequence[float] | None = None, groupby: str = "run", **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Seconds from the first to the last event of a group."""
        spans = self._spans(time_events, groupby, **filters)
        return describe([(time_key, [end - start for start, end in spans])], percentiles)

    def throughput(
        self, tp_unit: float = 60, time_events: Sequence[str] = TIME_EVENTS, percentiles: Sequence[float] | None = None,
        groupby: str = "run", **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Groups in `tp_unit` seconds, were they to follow one another: `tp_unit` / latency."""
        spans = self._spans(time_events, groupby, **filters)
        rates = [tp_unit / (end - start) for start, end in spans if end > start]
        return describe([("throughput", rates)], percentiles)

    def group_latency(
        self, time_events: Sequence[str] = TIME_EVENTS, percentiles: Sequence[float] | None = None,
        groupby: str = "run", **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Seconds between the ends of groups that follow one another: how often one is done, also in parallel."""
        return describe([("group_latency", _between_ends(self._spans(time_events, groupby, **filters)))], percentiles)

    def utilization(
        self, time_events: Sequence[str] = TIME_EVENTS, percentiles: Sequence[float] | None = None,
        groupby: str = "run", **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Share of the time, 0 to 1, in which at least one group was at work, in each tenth of the whole time."""
        return describe([("utilization", _utilization(self._spans(time_events, groupby, **filters)))], percentiles)

    def _metrics(self, **filters: Any) -> list[tuple[str, Any]]:
        data = self._data(event=model.METRIC, **filters)
        return [] if data is None else [(key, group["value"]) for key, group in data.groupby("key", sort=True)]

    def _spans(self, time_events: Sequence[str], groupby: str, **filters: Any) -> list[tuple[float, float]]:
        """First and last moment of each group that is complete, in seconds, by the end."""
        filters.pop("key", None)  # of a metric: the groups are those of all keys
        data = self._data(event=list(time_events), **filters)
        if data is None or groupby not in data.columns:
            return []
        whole = len(set(time_events))
        spans = []
        for _, group in data.groupby(groupby):
            if group["event"].nunique() == whole:
                seconds = group["dt"].astype("int64") / 1e9
                spans.append((float(seconds.min()), float(seconds.max())))
        return sorted(spans, key=lambda span: span[1])

    def _data(self, **filters: Any) -> Any:
        return self._tracker.data(**{"run": "all", **filters})


def _between_ends(spans: Sequence[tuple[float, float]]) -> list[float]:
    return [b[1] - a[1] for a, b in pairwise(spans)]


def _utilization(spans: Sequence[tuple[float, float]], parts: int = 10) -> list[float]:
    """Share of each part of the whole time that is covered by some span."""
    if not spans:
        return []
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    width = (last - first) / parts
    if width <= 0:
        return [1.0]
    covered = [0.0] * parts
    reached = first
    for start, end in sorted(spans):
        begin = max(start, reached)
        reached = max(reached, end)
        for part in range(parts):
            low = first + part * width
            covered[part] += max(0.0, min(reached, low + width) - max(begin, low)) if reached > begin else 0.0
    return [min(1.0, part / width) for part in covered]
