"""`DriftStats`: what comparisons of snapshots found, as a table, summed up, and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects.omegaml.monitoring._describe import is_numeric
from runlore.errors import InvalidArgument, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["DriftStats"]

COLUMNS = [
    "column", "statistic", "drift", "metric", "score", "pvalue", "stats", "kind", "dt_from", "dt_to", "seq_from",
    "seq_to", "baseline", "target",
]  # fmt: skip


class DriftStats:
    """What comparisons found. `stats["x"]`, `stats["x", "mean"]`, `stats["x", "mean", 0, 1]` select rows of `df`.

    Attributes:
        data: one mapping a comparison: `info` (`seq`, `dt_from`, `dt_to`, `ci`, `baseline`, `target`), `stats` (column
            → statistic → metric, score, pvalue, drift, stats) and `kinds` (column → kind).
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], monitor: Any = None) -> None:
        self.data = list(data)
        self.monitor = monitor

    def __repr__(self) -> str:
        return f"DriftStats({self.monitor!r}, drifts={len(self.summary(raw=True)['info']['seq'])})"

    def __getitem__(self, what: Any) -> pd.DataFrame:
        column, statistic, *seq = what if isinstance(what, tuple) else (what, None)
        return self.select(column, statistic, tuple(seq) or None)

    @property
    def df(self) -> pd.DataFrame:
        """A row a comparison, column and statistic; `mean` is the mean of the scores that decide."""
        import pandas as pd

        rows = []
        for one in self.data:
            info = one["info"]
            times = {name: pd.Timestamp(info[name]) for name in ("dt_from", "dt_to")}
            seq = dict(zip(("seq_from", "seq_to"), info["seq"], strict=True))
            for column, statistics in one["stats"].items():
                sides = {side: info[side][column] for side in ("baseline", "target")}
                about = {"column": column, "kind": one["kinds"][column], **times, **seq, **sides}
                for name, row in statistics.items():
                    rows.append({**about, "statistic": name, **row, "stats": ",".join(row["stats"])})
        return pd.DataFrame(rows, columns=COLUMNS).astype({"drift": bool, "pvalue": "float64"})

    def as_dataframe(self, drift_data: Any = None, **query: Any) -> pd.DataFrame:
        """`df`, or that of other comparisons; `query` selects by column."""
        frame = self.df if drift_data is None else DriftStats(drift_data).df
        for name, value in query.items():
            if name not in frame.columns:
                raise InvalidArgument(f"{name}={value!r}: there is no column {name!r}, but {', '.join(COLUMNS)}")
            frame = frame[frame[name] == value]
        return frame

    @property
    def columns(self) -> list[str]:
        """Names of the columns that were compared."""
        return list(dict.fromkeys(column for one in self.data for column in one["stats"]))

    features = columns

    @property
    def stats(self) -> pd.Series:
        """The statistics of each column."""
        return self.df.groupby("column")["statistic"].agg(list)

    def seq(self, column: str | None = None, statistic: str | None = None) -> list[int]:
        """The first and the last snapshot that were compared."""
        frame = self.select(column, statistic)
        return [] if frame.empty else [int(frame["seq_from"].min()), int(frame["seq_to"].max())]

    def select(self, column: Any = None, statistic: Any = None, seq: Any = None) -> pd.DataFrame:
        """Rows of `df`.

        Args:
            column: one, or several.
            statistic: one, or several.
            seq: number of a first snapshot, or (first, second).
        """
        frame = self.df
        first, *second = seq if isinstance(seq, (tuple, list)) else (seq,)
        wanted = {"column": column, "statistic": statistic, "seq_from": first, "seq_to": second[0] if second else None}
        for name, value in wanted.items():
            if value is not None:
                frame = frame[frame[name].isin(value if isinstance(value, (list, tuple)) else [value])]
        return frame

    def baseline(self, column: str | None = None, seq: Any = None) -> Any:
        """What the snapshot says that was compared with: of a column as a Series, else of each by name."""
        return self._side("baseline", column, seq)

    def target(self, column: str | None = None, seq: Any = None) -> Any:
        """What the snapshot says that was compared: see `baseline`."""
        return self._side("target", column, seq)

    def _side(self, side: str, column: str | None, seq: Any) -> Any:
        import pandas as pd

        found = self.select(column, "mean", seq).drop_duplicates("column", keep="last")
        series = {row["column"]: pd.Series(row[side], name=row["column"], dtype=object) for _, row in found.iterrows()}
        if column is None:
            return series
        if column not in series:
            raise InvalidArgument(f"column={column!r} was not compared; there are {', '.join(self.columns)}")
        return series[column]

    def describe(
        self, column: Any = None, statistic: Any = None, percentiles: Sequence[float] | None = None,
        kind: str = "drift", **query: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Count, mean, std, percentiles of metric and p-value over the comparisons, by column and statistic."""
        if kind != "drift":
            raise InvalidArgument(f"kind={kind!r} must be 'drift'; monitor.df has the snapshots")
        rows = self.select(column, statistic)
        rows = rows.loc[rows.index.intersection(self.as_dataframe(**query).index)]
        return rows.groupby(["column", "statistic"])[["metric", "pvalue"]].describe(percentiles=percentiles)

    def summary(self, column: Any = None, statistic: Any = None, raw: bool = False, **query: Any) -> Any:
        """Which columns have drifted in some comparison.

        Args:
            column: only these.
            statistic: what decides; `mean` by default.
            raw: a mapping instead: `columns` (column → drifted), `summary` (kind → drifted), `info` (kind → columns
                that drifted, `seq`: comparisons with drift), `score` (kind → the greatest).
            query: values of columns of `df`.

        Returns:
            A DataFrame: column, drift, kind, seq (the last comparison with drift, else the last), score (the greatest).
        """
        import pandas as pd

        rows = self.select(column, statistic or "mean")
        rows = rows.loc[rows.index.intersection(self.as_dataframe(**query).index)]
        found = []
        for name, group in rows.groupby("column"):
            last = (group[group["drift"]] if group["drift"].any() else group).iloc[-1]
            seq = [int(last["seq_from"]), int(last["seq_to"])]
            found.append([name, bool(group["drift"].any()), last["kind"], seq, float(group["score"].max())])
        frame = pd.DataFrame(found, columns=["column", "drift", "kind", "seq", "score"])
        if not raw:
            return frame
        drifted = rows[rows["drift"]][["seq_from", "seq_to"]].drop_duplicates()
        kinds = dict(iter(frame.groupby("kind")))
        return {
            "columns": dict(zip(frame["column"], frame["drift"].tolist(), strict=True)),
            "summary": {kind: bool(group["drift"].any()) for kind, group in kinds.items()},
            "info": {
                **{kind: group["column"][group["drift"]].tolist() for kind, group in kinds.items()},
                "seq": drifted.to_numpy(dtype=int).tolist(),
            },
            "score": {kind: float(group["score"].max()) for kind, group in kinds.items()},
        }

    def plot(
        self, column: Any = None, statistic: str | None = None, seq: Any = None, kind: str = "dist", ax: Any = None,
        sample: bool = True, logx: bool = False, logy: bool = False, xlim: Any = None, ylim: Any = None,
        raw: bool = False, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Draw both sides of a comparison, or a statistic over the comparisons.

        Args:
            column: one, or several; by default all, of which the last is drawn on top.
            statistic: for `time`; `mean` by default.
            seq: see `select`; the last comparison by default.
            kind: `dist`: densities of numbers, shares of categories; `time`: the statistic by snapshot.
            ax: Matplotlib axes; new ones by default.
            sample: refused where it is a number: the snapshot's own counts are drawn.
            logx: logarithmic x axis.
            logy: logarithmic y axis.
            xlim: limits of the x axis.
            ylim: limits of the y axis.
            raw: (axes, what was drawn as a DataFrame, kind) instead of the axes.
            kwargs: for `DataFrame.plot`.

        Raises:
            MissingDependency: Matplotlib is not installed.
        """
        if kind not in ("dist", "time"):
            raise InvalidArgument(f"kind={kind!r} must be 'dist' or 'time'")
        if sample is not True and sample is not None:
            raise InvalidArgument(
                f"sample={sample!r} is not supported: the snapshots' own counts are drawn; leave it out"
            )
        from importlib.util import find_spec

        if find_spec("matplotlib") is None:
            raise MissingDependency("matplotlib", "media", "drawing a comparison")
        rows = self.select(column, (statistic or "mean") if kind == "time" else "mean", seq)
        if rows.empty:
            raise InvalidArgument(f"column={column!r}, seq={seq!r}: nothing of this was compared")
        options = {"logx": logx, "logy": logy, "xlim": xlim, "ylim": ylim, **kwargs}
        if kind == "time":
            drawn = rows.pivot_table(index="seq_to", columns="column", values="metric")
            ax = drawn.plot(ax=ax, **{"marker": "o", **options})
            return (ax, drawn, kind) if raw else ax
        for name, group in rows.groupby("column", sort=False):
            row = group.iloc[-1]
            drawn = _sides(str(name), row["baseline"], row["target"])
            style = {"drawstyle": "steps-post"} if is_numeric(row["target"]) else {"kind": "bar"}
            ax = drawn.plot(ax=ax, **{**style, **options})
        return (ax, drawn, kind) if raw else ax


def _sides(name: str, baseline: Mapping[str, Any], target: Mapping[str, Any]) -> pd.DataFrame:
    """Densities by the left edge of their bin, or shares by category, of both sides."""
    import pandas as pd

    sides = {}
    for side, stats in (("baseline", baseline), ("target", target)):
        if is_numeric(stats):
            density, edges = stats["pdf"]
            sides[f"{name} {side}"] = pd.Series([*density, 0.0], index=edges)
        else:
            sides[f"{name} {side}"] = pd.Series(stats["pmf"], dtype="float64")
    return pd.DataFrame(sides).sort_index().ffill().fillna(0.0)
