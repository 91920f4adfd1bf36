"""Drift of data: snapshots of what a model saw, kept as events of runs, compared with one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects.omegaml.distributions import NUMERIC, describe_frame, merge_mean
from runlore.dialects.omegaml.drift_metrics import categorical_metrics, numeric_metrics
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

COLUMNS = [
    "column", "statistic", "drift", "metric", "score", "pvalue", "stats", "kind", "dt_from", "dt_to", "seq_from",
    "seq_to", "baseline", "target",
]  # fmt: skip
DRIFT_SCORE = 0.5
"""A column has drifted when the mean of its scores is above."""
_SCORED = ("ks", "wasserstein", "chisquare", "psi")


class DataDriftMonitor:
    """Takes snapshots of data and says whether they differ.

    A snapshot is one `snapshot` event, in the open run or in one of its own: moments, quantiles and counts a column,
    never the data.

    Args:
        resource: what is watched, such as the name of a model: the key of its events.
        tracking: the experiment, or its tracker.

    Example:
        >>> import numpy as np
        >>> import runlore.dialects.omegaml as om
        >>> exp = om.runtime.experiment("iris")
        >>> monitor = exp.as_monitor("mymodel")
        >>> values = np.linspace(0, 1, 200)
        >>> for shift in (0, 5):
        ...     _ = monitor.snapshot({"x": values + shift})
        >>> monitor.compare().summary
        {'x': True}
    """

    def __init__(self, resource: str = "data", *, tracking: Any) -> None:
        if not isinstance(resource, str) or not resource:
            raise InvalidArgument(f"resource={resource!r} must be a name")
        self.resource = resource
        self.tracking = tracking

    def snapshot(self, X: Any, **extra: Any) -> dict[str, Any]:  # noqa: N803 - the field's word for data
        """Take a snapshot of data: a DataFrame, a series, a mapping of columns or an array.

        Args:
            X: the data; text, bools and categories are compared as categories.
            extra: columns of the event.

        Returns:
            What was logged.

        Raises:
            InvalidArgument: the data has no rows.
        """
        taken = describe_frame(X)
        if not taken["rows"]:
            raise InvalidArgument("X has no rows; nothing was logged")
        self._log("snapshot", self.resource, taken, **extra)
        return taken

    def snapshots(self) -> list[dict[str, Any]]:
        """All snapshots of the resource, oldest first, each with its time `dt`."""
        frame = self.tracking.data(run="*", event="snapshot", key=self.resource)
        if frame is None:
            return []
        return [{**value, "dt": dt} for value, dt in zip(frame["value"], frame["dt"], strict=True)]

    def compare(self, seq: str | Sequence[int] = "recent") -> DriftStats:
        """Compare snapshots.

        Args:
            seq: `recent`: the one before the last with the last; `baseline`: the first with the last; `series`: each
                with the next; or the indices of several, of which the first is compared with the others taken together
                (negative ones count from the end).

        Raises:
            InvalidArgument: there are fewer than two snapshots, or none of these indices.
        """
        found = self.snapshots()
        if len(found) < 2:
            raise InvalidArgument(f"{self.resource!r} has {len(found)} snapshots; a comparison needs at least two")
        rows: list[dict[str, Any]] = []
        for first, others in _pairs(seq, len(found)):
            target = found[others[0]] if len(others) == 1 else merge_mean([found[i] for i in others])
            times = {"dt_from": found[first]["dt"], "dt_to": found[others[-1]]["dt"]}
            rows += _compared(found[first], target, {**times, "seq_from": first, "seq_to": others[-1]})
        return DriftStats(rows)

    def capture(
        self, rules: Mapping[str, Any] | None = None, *, seq: str | Sequence[int] = "recent",
        recipients: Sequence[str] = (),
    ) -> DriftStats:  # fmt: skip
        """Compare, and log a `drift` event; where columns have drifted an `alert` too, `drift:<resource>`.

        Args:
            rules: column → False to ignore it, or a score above which it counts as drift.
            seq: as for `compare`.
            recipients: kept with the alert. Nobody is written to: read `alerts`.
        """
        stats = self.compare(seq)
        drifted = stats.drifted(rules)
        scores = {str(row["column"]): row["score"] for row in stats.rows if row["statistic"] == "mean"}
        self._log("drift", self.resource, {"drift": bool(drifted), "columns": drifted, "scores": scores})
        if drifted:
            text = f"{self.resource}: data has drifted in {', '.join(drifted)}"
            about = {"text": text, "level": "warning", "columns": drifted, "recipients": list(recipients)}
            self._log("alert", f"drift:{self.resource}", about)
        return stats

    @property
    def events(self) -> pd.DataFrame | None:
        """Snapshots, drifts and alerts of all monitors of the experiment."""
        found: pd.DataFrame | None = self.tracking.data(run="*", event=["snapshot", "drift", "alert"])
        return found

    @property
    def alerts(self) -> pd.DataFrame | None:
        """Alerts of this monitor."""
        found: pd.DataFrame | None = self.tracking.data(run="*", event="alert", key=f"drift:{self.resource}")
        return found

    @property
    def summary(self) -> dict[str, bool]:
        """Whether each column has drifted between the last two snapshots."""
        return self.compare().summary

    def _log(self, event: str, key: str, value: Any, **extra: Any) -> None:
        """In the open run, or in one of its own."""
        alone = self.tracking.open_run() is None
        if alone:
            self.tracking.start()
        try:
            self.tracking.log_event(event, key, value, **extra)
        finally:
            if alone:
                self.tracking.stop()


class DriftStats:
    """The result of a comparison.

    Attributes:
        rows: one a column and metric, then one with the statistic `mean`; keys as in `COLUMNS`.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    @property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame with the columns `COLUMNS`."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=COLUMNS)

    @property
    def summary(self) -> dict[str, bool]:
        """Whether each column has drifted."""
        found: dict[str, bool] = {}
        for row in self.rows:
            if row["statistic"] == "mean":
                found[row["column"]] = found.get(row["column"], False) or row["drift"]
        return found

    def drifted(self, rules: Mapping[str, Any] | None = None) -> list[str]:
        """Columns that have drifted, under the rules of `capture`."""
        rules = rules or {}
        found = []
        for row in self.rows:
            rule = rules.get(row["column"], DRIFT_SCORE)
            above = row["drift"] if rule is True or row["column"] not in rules else rule and row["score"] > rule
            if row["statistic"] == "mean" and above and row["column"] not in found:
                found.append(row["column"])
        return found


def _pairs(seq: str | Sequence[int], count: int) -> list[tuple[int, list[int]]]:
    if isinstance(seq, str):
        pairs = {
            "recent": [(count - 2, [count - 1])],
            "baseline": [(0, [count - 1])],
            "series": [(index, [index + 1]) for index in range(count - 1)],
        }
        if seq not in pairs:
            raise InvalidArgument(f"seq={seq!r} must be recent, baseline, series, or indices of snapshots")
        return pairs[seq]
    indices = [int(index) for index in seq]
    if len(indices) < 2 or not all(-count <= index < count for index in indices):
        raise InvalidArgument(f"seq={seq!r} must name at least two of the {count} snapshots, 0 to {count - 1}")
    indices = [index % count for index in indices]
    return [(indices[0], indices[1:])]


def _compared(a: Mapping[str, Any], b: Mapping[str, Any], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows for every column that both have, is of the same kind and has values in both."""
    rows = []
    for name, left in a["columns"].items():
        right = b["columns"].get(name)
        if right is None or right["kind"] != left["kind"] or not left["count"] or not right["count"]:
            continue
        kind = left["kind"]
        metrics = (numeric_metrics if kind == NUMERIC else categorical_metrics)(left, right)
        shared = {"column": name, "kind": kind, **about, **_levels(left, right)}
        rows += [{**shared, "statistic": metric["metric"], **metric} for metric in metrics]
        scored = [metric for metric in metrics if metric["metric"] in _SCORED]
        score = sum(metric["score"] for metric in scored) / len(scored)
        drift = score > DRIFT_SCORE and any(metric["drift"] for metric in metrics)
        rows.append(
            {
                **shared,
                "statistic": "mean",
                "metric": "mean",
                "score": score,
                "pvalue": None,
                "stats": None,
                "drift": drift,
            }
        )
    return rows


def _levels(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """What stands on both sides: means, or the most frequent values."""
    if left["kind"] == NUMERIC:
        return {"baseline": left["mean"], "target": right["mean"]}
    return {
        "baseline": max(left["groups"], key=left["groups"].get),
        "target": max(right["groups"], key=right["groups"].get),
    }
