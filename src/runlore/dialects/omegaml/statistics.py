"""`exp.summary()` and `exp.stats`: metrics, latency, throughput and utilization, described over runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    Row = tuple[Mapping[str, Any], Any]

PERCENTILES = (0.25, 0.5, 0.75)
TIME_EVENTS = (model.START, model.STOP)
LABELS = ("event", "key")


def describe(
    rows: Iterable[Row], percentiles: Sequence[float] | bool | None = None, labels: Sequence[str] = LABELS
) -> pd.DataFrame:
    """One row a series: what it is called (plain columns), count, mean, std (of a sample), min, percentiles, max.

    What is no number among the values is left out.
    """
    import pandas as pd

    chosen = PERCENTILES if percentiles is None or isinstance(percentiles, bool) else percentiles
    wanted = {f"{100 * share:g}%": share for share in sorted(chosen)}
    found = []
    for called, values in rows:
        numbers = pd.Series(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), dtype="float64").dropna()
        row = {**called, "count": len(numbers), "mean": numbers.mean(), "std": numbers.std(), "min": numbers.min()}
        found.append(row | {name: numbers.quantile(share) for name, share in wanted.items()} | {"max": numbers.max()})
    columns = [*labels, "count", "mean", "std", "min", *wanted, "max"]
    return pd.DataFrame(found, columns=columns).astype({"count": "int64"})


class ExperimentStatistics:
    """Statistics over all runs of an experiment, or over those that a `run=` selects. `exp.stats` is one.

    All methods take `percentiles` and every filter of `exp.data()`; `time_events` names the events that begin and end
    a group, and `groupby` the column that tells groups apart. A group without an end, such as a run that is still
    running, is left out. Every frame has plain columns and a RangeIndex.
    """

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def summary(
        self, time_key: str | None = None, time_events: Sequence[str] | None = None,
        percentiles: Sequence[float] | None = None, groupby: str | None = None, tp_unit: float | None = None,
        perf_stats: bool = False, **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """A row a metric, sorted by key, then latency.

        Args:
            time_key: what the row of latency is called; `latency` by default.
            time_events: see the class.
            percentiles: shares, such as 0.9.
            groupby: see the class; `run` by default.
            tp_unit: seconds that the throughput is counted in; 60 by default.
            perf_stats: whether `group_<time_key>`, `throughput` and `utilization` follow.
            filters: as for `exp.data()`.
        """
        time_key = time_key or "latency"
        rows = self._metric_rows(None, "", filters)
        spans = self._spans(time_events, groupby, filters)
        if rows or spans:
            rows.append((_called(time_key), _seconds(spans)))
        if perf_stats and spans:
            slots = self._slots(time_events, None, filters)
            rows += [(_called(f"group_{time_key}"), slots), (_called("throughput"), _rates(spans, tp_unit)),
                     (_called("utilization"), _utilization(spans))]  # fmt: skip
        return describe(rows, percentiles)

    def metrics(
        self, event: Any = None, percentiles: Sequence[float] | None = None, groupby: str | None = None, **filters: Any
    ) -> pd.DataFrame:
        """A row a run and metric: run, event, key, then the statistics.

        Args:
            event: of the values; `metric` by default.
            percentiles: shares, such as 0.9.
            groupby: another column instead of `run`; `""` describes all runs together.
            filters: as for `exp.data()`.
        """
        groupby = "run" if groupby is None else groupby
        labels = [groupby, *(name for name in LABELS if name != groupby)] if groupby else LABELS
        return describe(self._metric_rows(event, groupby, filters), percentiles, labels)

    def latency(
        self, time_key: str | None = None, time_events: Sequence[str] | None = None,
        percentiles: Sequence[float] | bool | None = None, groupby: str | None = None, delta: bool | None = None,
        **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Seconds from the first to the last event of a group: a row a group, or with `percentiles` one of statistics.

        Args:
            time_key: what the column, or the row, is called; `latency` by default.
            time_events: see the class.
            percentiles: True, or shares such as 0.9.
            groupby: see the class; `run` by default.
            delta: refused; omega-ml fails on it.
            filters: as for `exp.data()`.

        Returns:
            The first record of each group and its latency, by group; or statistics, as `summary` has them.
        """
        import pandas as pd

        if delta:
            raise InvalidArgument(f"delta={delta!r} is not supported; take latency()['dt'].diff() between starts")
        time_key, groupby = time_key or "latency", groupby or "run"
        spans = self._spans(time_events, groupby, filters)
        if percentiles:
            return describe([(_called(time_key), _seconds(spans))], percentiles)
        rows = [{**first.to_dict(), time_key: end - start} for start, end, first in sorted(spans, key=lambda s: s[0])]
        frame = pd.DataFrame(rows, columns=[*(spans[0][2].index if spans else ()), time_key])
        return frame[[groupby, *(name for name in frame.columns if name != groupby)]] if spans else frame

    def throughput(
        self, time_key: str | None = None, tp_unit: float | None = None, groupby: str | None = None,
        time_events: Sequence[str] | None = None, percentiles: Sequence[float] | None = None, **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Groups in `tp_unit` seconds (60 by default), were they to follow one another: `tp_unit` / latency.

        `time_key` is what the row is called; `throughput` by default.
        """
        rates = _rates(self._spans(time_events, groupby, filters), tp_unit)
        return describe([(_called(time_key or "throughput"), rates)], percentiles)

    def group_latency(
        self, time_events: Sequence[str] | None = None, percentiles: Sequence[float] | None = None,
        time_slots: int | None = None, **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Seconds from the first to the last event in each of `time_slots` equal parts of the whole time.

        By default there are as many as a tenth of the events. Parts in which nothing happened are left out.
        """
        slots = self._slots(time_events, time_slots, filters)
        return describe([(_called("group_latency"), slots)], percentiles)

    def utilization(
        self, tp_unit: float | None = None, time_events: Sequence[str] | None = None,
        percentiles: Sequence[float] | None = None, groupby: str | None = None, **filters: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Share of the time, 0 to 1, in which at least one group was at work, in each tenth of the whole time.

        A share has no unit: `tp_unit` changes nothing, as in omega-ml.
        """
        _rates([], tp_unit)
        spans = self._spans(time_events, groupby, filters)
        return describe([(_called("utilization"), _utilization(spans))], percentiles)

    def data(self, **filters: Any) -> Any:
        """As `exp.data()`, of all runs."""
        return self._tracker.data(**{"run": "all", **filters})

    def _metric_rows(self, event: Any, groupby: str, filters: Mapping[str, Any]) -> list[Row]:
        data = self.data(**{**filters, "event": event or model.METRIC})
        names = list(dict.fromkeys(filter(None, (groupby, *LABELS))))
        if data is None or data.empty:
            return []
        if groupby and groupby not in data.columns:
            raise InvalidArgument(f"groupby={groupby!r} is no column; there are {', '.join(data.columns)}")
        groups = data.groupby(names, sort=True)
        return [(dict(zip(names, values, strict=True)), group["value"]) for values, group in groups]

    def _times(self, time_events: Sequence[str] | None, filters: Mapping[str, Any]) -> Any:
        """The events of `time_events`, with their times in seconds; None where there are none."""
        if "event" in filters:
            raise InvalidArgument(f"event={filters['event']!r}: use time_events= here, or exp.stats.metrics(event=)")
        wanted = {**filters, "event": list(time_events or TIME_EVENTS)}
        wanted.pop("key", None)  # of a metric: the groups are those of all keys
        data = self.data(**wanted)
        return None if data is None or data.empty else data.assign(_seconds=data["dt"].astype("int64") / 1e9)

    def _spans(self, time_events: Sequence[str] | None, groupby: str | None, filters: Mapping[str, Any]) -> list[Any]:
        """(first moment, last moment, first record) of each group that is complete, by the end."""
        data, groupby = self._times(time_events, filters), groupby or "run"
        if data is None:
            return []
        if groupby not in data.columns:
            raise InvalidArgument(f"groupby={groupby!r} is no column; there are {', '.join(data.columns[:-1])}")
        whole = len(set(time_events or TIME_EVENTS))
        spans = [
            (float(group["_seconds"].min()), float(group["_seconds"].max()), group.iloc[0].drop("_seconds"))
            for _, group in data.groupby(groupby)
            if group["event"].nunique() == whole
        ]
        return sorted(spans, key=lambda span: span[1])

    def _slots(
        self, time_events: Sequence[str] | None, count: int | None, filters: Mapping[str, Any]
    ) -> list[float]:  # fmt: skip
        import pandas as pd

        if count is not None and (not isinstance(count, int) or count < 1):
            raise InvalidArgument(f"time_slots={count!r} must be a number of parts, 1 or more")
        data = self._times(time_events, filters)
        if data is None:
            return []
        seconds = data["_seconds"]
        groups = seconds.groupby(pd.cut(seconds, count or -(-len(seconds) // 10)), observed=True)
        return [float(found) for found in groups.max() - groups.min()]


def _called(key: str) -> dict[str, str]:
    return {"event": model.METRIC, "key": key}


def _seconds(spans: Sequence[Any]) -> list[float]:
    return [end - start for start, end, _ in spans]


def _rates(spans: Sequence[Any], unit_s: float | None) -> list[float]:
    if unit_s is not None and (not isinstance(unit_s, (int, float)) or not unit_s > 0):
        raise InvalidArgument(f"tp_unit={unit_s!r} must be a number of seconds, more than 0")
    return [(unit_s or 60) / latency for latency in _seconds(spans) if latency > 0]


def _utilization(spans: Sequence[Any], parts: int = 10) -> list[float]:
    """Share of each part of the whole time that is covered by some span."""
    if not spans:
        return []
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    width = (last - first) / parts
    if width <= 0:
        return [1.0]
    covered = [0.0] * parts
    reached = first
    for start, end in sorted((start, end) for start, end, _ in spans):
        begin = max(start, reached)
        reached = max(reached, end)
        for part in range(parts):
            low = first + part * width
            covered[part] += max(0.0, min(reached, low + width) - max(begin, low)) if reached > begin else 0.0
    return [min(1.0, part / width) for part in covered]
