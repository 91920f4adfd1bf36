"""What monitors have in common: snapshots that are kept as events of runs, and their comparison."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Any

from runlore.dialects._absent import Absent
from runlore.dialects.omegaml.monitoring._describe import describe, frame_of, is_numeric
from runlore.dialects.omegaml.monitoring._distances import categorical_statistics, numeric_statistics
from runlore.dialects.omegaml.monitoring.stats import DriftStats
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["DriftMonitorBase"]

EVENT = "snapshot"


class DriftMonitorBase(ABC):
    """Takes snapshots and says whether they differ.

    A snapshot is one `snapshot` event, in the open run or in one of its own: moments, quantiles and counts a column,
    no rows.

    Args:
        resource: what is watched, such as the name of a data set or a model: the key of its events.
        store: where data is that a snapshot names: a mapping, or an object with `get(name)`.
        query: refused, and so are other arguments: select rows of the data instead.
        tracking: the experiment, or its tracker.
        kind: of the snapshots; `data` or `model` by default.
        alerts: rules for `capture`; see there.
    """

    default_kind = "data"

    def __init__(
        self, resource: Any = None, store: Any = None, query: Any = None, tracking: Any = None, kind: str | None = None,
        *, alerts: Sequence[Mapping[str, Any]] | None = None, **others: Any,
    ) -> None:  # fmt: skip
        refused = {"query": query, **others}
        for name, value in refused.items():
            if value is not None:
                raise InvalidArgument(f"{name}={value!r} is not supported; select rows first: monitor.snapshot(frame)")
        if tracking is None:
            raise InvalidArgument("tracking=None: give the experiment, as in tracking=om.runtime.experiment('myexp')")
        if resource is not None and not (isinstance(resource, str) and resource):
            raise InvalidArgument(f"resource={resource!r} must be a name; give data to snapshot()")
        self.resource: str = resource or "data"
        self.store = store
        self.tracking = tracking
        self.kind = kind or self.default_kind
        self._alerts = [{"event": "drift", "recipients": []}] if alerts is None else list(alerts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.resource})"

    report = Absent("compare() gives DriftStats, whose df, summary() and plot() say the same")
    statscalc = Absent("the statistics are SciPy's; compare().data has all of them")
    dataset = Absent("snapshots are events of runs: monitor.data, or exp.data(event='snapshot')")

    @abstractmethod
    def snapshot(self, *args: Any, **options: Any) -> dict[str, Any] | None:
        """Take a snapshot."""

    def _described(
        self, frame: Any, rename: Mapping[str, str] | None, catcols: Sequence[str] | None, *, prefix: str = "",
        correlate: bool = True, name: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """`stats` of each column, and `info`.

        Raises:
            InvalidArgument: there are no rows, or columns are named that it does not have.
        """
        frame = frame_of(frame)
        for argument, names in (("rename", rename or {}), ("catcols", catcols or ())):
            missing = [column for column in names if column not in frame.columns]
            if missing:
                raise InvalidArgument(f"{argument}: there is no column {missing[0]!r}, but {', '.join(frame.columns)}")
        if frame.empty:
            raise InvalidArgument(f"the data of {self.resource!r} has no rows; nothing was logged")
        frame = frame.rename(columns=dict(rename or {})).add_prefix(prefix)
        categorical = {prefix + (rename or {}).get(column, column) for column in catcols or ()}
        stats = describe(frame, categorical, correlate=correlate)
        numeric = [column for column in stats if is_numeric(stats[column])]
        return {
            "stats": stats,
            "info": {
                **self._info(name), "len": len(frame), "num_columns": numeric,
                "cat_columns": [column for column in stats if column not in numeric],
            },
        }  # fmt: skip

    def _info(self, name: str | None = None) -> dict[str, Any]:
        from datetime import datetime, timezone

        return {"resource": name or self.resource, "kind": self.kind,
                "dt": datetime.now(timezone.utc).replace(tzinfo=None).isoformat()}  # fmt: skip

    @property
    def data(self) -> list[dict[str, Any]]:
        """All snapshots of the resource, oldest first."""
        frame = self.tracking.data(run="*", event=EVENT, key=self.resource)
        return [] if frame is None else frame["value"].tolist()

    @property
    def df(self) -> pd.DataFrame:
        """The snapshots as a DataFrame: one row each, columns such as `stats.x.mean`."""
        import pandas as pd

        return pd.json_normalize(self.data)

    def refresh(self) -> None:  # noqa: B027 - omega-ml has it
        """Nothing: snapshots are read when they are asked for."""

    def clear(self, force: bool = False) -> None:
        """Remove the experiment with all that was logged, as `exp.clear` does."""
        self.tracking.clear(force=force)

    # -- comparing ----------------------------------------------------------------------------------------------

    def compare(
        self, seq: str | Sequence[int] | None = None, d1: Any = None, d2: Any = None, ci: float = 0.95,
        baseline: int = 0, raw: bool = False, matcher: Mapping[str, Any] | None = None, since: Any = None,
    ) -> Any:  # fmt: skip
        """Compare snapshots, or two data sets.

        Args:
            seq: `recent` (the default): the one before the last with the last; `baseline`: one with all later ones;
                `series`: each with the next; or numbers of snapshots, each of which is compared with the next (negative
                ones count from the end).
            d1: data, compared with `d2`: neither is logged. Or the number of a snapshot.
            d2: as `d1`.
            ci: confidence; a test calls it drift where its p-value is below 1 - ci.
            baseline: number of the snapshot for `seq="baseline"`.
            raw: a list of mappings instead; see `DriftStats.data`.
            matcher: columns that have other names now: old → new.
            since: only snapshots since this time; `"last"`: only the last two.

        Raises:
            InvalidArgument: there are fewer than two snapshots, or none of these numbers.
            MissingDependency: SciPy is not installed (extra `drift`).
        """
        if not isinstance(ci, (int, float)) or not 0 < ci < 1:
            raise InvalidArgument(f"ci={ci!r} must be between 0 and 1")
        if (d1 is None) != (d2 is None):
            raise InvalidArgument("d1= and d2= are compared with each other; give both")
        if isinstance(d1, int) and isinstance(d2, int):
            seq, d1, d2 = [d1, d2], None, None
        if d1 is not None:
            first, second = (self._described(data, None, None) for data in (d1, d2))
            found = [self._compared(first, second, (-2, -1), ci, matcher)]
        else:
            kept = self._since(since)
            pairs = _pairs("recent" if seq is None else seq, len(kept), baseline)
            found = [self._compared(kept[i], kept[j], (i, j), ci, matcher) for i, j in pairs]
        return found if raw else DriftStats(found, self)

    def summary(
        self, seq: Any = None, d1: Any = None, d2: Any = None, ci: float = 0.95, raw: bool = False, column: Any = None,
        statistic: Any = None,
    ) -> Any:  # fmt: skip
        """`compare(…).summary(…)`."""
        return self.compare(seq, d1, d2, ci).summary(column, statistic, raw)

    def _since(self, since: Any) -> list[dict[str, Any]]:
        kept = self.data
        if since == "last":
            kept = kept[-2:]
        elif since is not None:
            frame = self.tracking.data(run="*", event=EVENT, key=self.resource, since=since)
            kept = [] if frame is None else frame["value"].tolist()
        if len(kept) < 2:
            raise InvalidArgument(
                f"{self.resource!r} has {len(kept)} snapshots{'' if since is None else f' since {since!r}'}; "
                "a comparison needs at least two"
            )
        return kept

    @staticmethod
    def _columns(snapshot: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
        """Column → (kind, stats)."""
        return {column: ("data", stats) for column, stats in snapshot["stats"].items()}

    def _compared(
        self, first: Mapping[str, Any], second: Mapping[str, Any], seq: tuple[int, int], ci: float,
        matcher: Mapping[str, Any] | None,
    ) -> dict[str, Any]:  # fmt: skip
        """One comparison: the columns that both have, of one type, with values in both."""
        old, new = self._columns(first), self._columns(second)
        names = {column: (matcher or {}).get(column, column) for column in old}
        found, kinds = {}, {}
        for column, (kind, stats) in old.items():
            _, others = new.get(names[column], (kind, None))
            if others is None or is_numeric(stats) != is_numeric(others) or not stats["count"] or not others["count"]:
                continue
            compute = numeric_statistics if is_numeric(stats) else categorical_statistics
            found[column], kinds[column] = compute(stats, others, ci), kind
        info = {
            "seq": list(seq), "ci": ci, "dt_from": first["info"]["dt"], "dt_to": second["info"]["dt"],
            "baseline": {column: old[column][1] for column in found},
            "target": {column: new[names[column]][1] for column in found},
        }  # fmt: skip
        return {"info": info, "stats": found, "kinds": kinds}

    # -- capturing ----------------------------------------------------------------------------------------------

    def capture(
        self, column: Any = None, statistic: Any = None, rules: Sequence[Mapping[str, Any]] | None = None,
        seq: str | Sequence[int] = "baseline", since: Any = None, baseline: int = 0, *,
        alerts: Sequence[Mapping[str, Any]] | None = None,
    ) -> bool:  # fmt: skip
        """Compare; where there is drift, log a `drift` event, and an `alert` for each rule.

        Args:
            column: only these.
            statistic: what decides; `mean` by default.
            rules: each a mapping with `event` (`drift`) and `recipients`, names that are kept with the alert. Nobody is
                written to: read the alerts. By default those that the monitor was made with; `[]`: no alert.
            seq: as for `compare`.
            since: as for `compare`.
            baseline: as for `compare`.
            alerts: the same as `rules`.

        Returns:
            Whether there is drift.
        """
        chosen = next((given for given in (rules, alerts) if given is not None), self._alerts)
        for rule in chosen:
            if not hasattr(rule, "get") or rule.get("event", "drift") != "drift":
                raise InvalidArgument(f"rules: {rule!r} must be a mapping with event='drift', and recipients")
        stats = self.compare(seq, baseline=baseline, since=since)
        found = stats.summary(column, statistic, raw=True)
        if not found["info"]["seq"]:
            return False
        self._log("drift", self.resource, found, monitor=self.resource)
        for rule in chosen:
            recipients = rule.get("recipients") or []
            named = [recipients] if isinstance(recipients, str) else list(recipients)
            self._log("alert", f"drift:{self.resource}", [found], recipients=named)
        return True

    def events(
        self, event: str = "drift", column: Any = None, statistic: Any = None, run: Any = None, since: Any = None,
        stats: bool = True, raw: bool = False,
    ) -> Any:  # fmt: skip
        """Events of this monitor, of all runs by default.

        Args:
            event: `drift`, `alert` or `snapshot`.
            column: of drift events, those of this column.
            statistic: refused: compare() has all statistics.
            run: as for `exp.data`.
            since: as for `exp.data`.
            stats: of drift events, `DriftStats` of the comparisons that found it.
            raw: a list of mappings instead of a DataFrame, where `stats` is false.
        """
        if statistic is not None:
            raise InvalidArgument(f"statistic={statistic!r} is not kept with an event; compare().select() has all")
        key = f"drift:{self.resource}" if event == "alert" else self.resource
        frame = self.tracking.data(run="*" if run is None else run, event=event, key=key, since=since)
        values = [] if frame is None else frame["value"].tolist()
        keep = [column is None or event != "drift" or bool(value["columns"].get(column)) for value in values]
        if stats and event == "drift":
            pairs = {tuple(seq) for value in compress(values, keep) for seq in value["info"]["seq"]}
            taken = self.data
            return DriftStats([self._compared(taken[i], taken[j], (i, j), 0.95, None) for i, j in sorted(pairs)], self)
        if frame is None:
            return [] if raw else None
        frame = frame[keep].reset_index(drop=True)
        return frame.to_dict("records") if raw else frame

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


def _pairs(seq: str | Sequence[int], count: int, baseline: int) -> list[tuple[int, int]]:
    def number(index: int) -> int:
        if isinstance(index, bool) or not isinstance(index, int) or not -count <= index < count:
            raise InvalidArgument(f"seq={seq!r}, baseline={baseline!r}: snapshots have the numbers 0 to {count - 1}")
        return index % count

    if seq == "recent":
        return [(count - 2, count - 1)]
    if seq == "series":
        return list(pairwise(range(count)))
    if seq == "baseline":
        return [(number(baseline), index) for index in range(count) if index != number(baseline)]
    if isinstance(seq, str) or len(seq) < 2:
        raise InvalidArgument(f"seq={seq!r} must be recent, baseline, series, or the numbers of two snapshots or more")
    return list(pairwise(map(number, seq)))
