"""One experiment: its runs and everything that they recorded."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from runlore import model
from runlore.catalog import schema
from runlore.errors import InvalidArgument, RunNotFound
from runlore.reader import events as records
from runlore.reader.asking import find_runs
from runlore.reader.run_view import RunView
from runlore.reader.tables import is_system, run_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from runlore.reader.session import Session


class Experiment:
    """A named container of runs, for reading. Made by `runlore.experiment`.

    Attributes:
        path: its name, such as `vision/cifar10`.

    Example:
        >>> import runlore
        >>> for lr in (0.1, 0.01):
        ...     with runlore.start("iris", params={"lr": lr}) as run:
        ...         run.log_metric("acc", 1 - lr, step=1)
        >>> iris = runlore.experiment("iris")
        >>> iris.runs(order_by="-metrics.acc")[["run", "params.lr", "metrics.acc"]].values.tolist()
        [[2.0, 0.01, 0.99], [1.0, 0.1, 0.9]]
    """

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self.path = path

    def __repr__(self) -> str:
        return f"<Experiment {self.path!r} in {self._session.store.root!r}>"

    def __len__(self) -> int:
        """How many runs it has."""
        return len(self._rows())

    @property
    def numbers(self) -> list[int]:
        """The numbers of its runs, ascending. Cheap: one query of the catalog."""
        return sorted({row["number"] for row in self._rows() if row["number"] is not None})

    def delete(self) -> int:
        """Remove the experiment: its runs, and the claims of their numbers, so that the next run is number 1.

        At once and for good. Runs of other experiments, also of those whose names begin with this one's, stay.
        Contents of artifacts stay in the store. A program that is still recording a removed run loses what it records.

        Returns:
            How many runs were removed.

        Example:
            >>> import runlore
            >>> runlore.start("scratch", capture=False).finish()
            >>> runlore.experiment("scratch").delete()
            1
            >>> runlore.start("scratch", capture=False).number
            1
        """
        from runlore.store.deletion import delete_experiment

        removed = delete_experiment(self._session.store, self.path)
        self._session.refresh()
        return removed

    def _rows(self, run: Any = None) -> list[dict[str, Any]]:
        """Rows of the runs that a selector names, oldest first."""
        table = schema.runs
        with self._session.refresh().catalog.connect() as connection:
            mine = select(table).where(table.c.experiment == self.path, table.c.deleted == 0)
            rows = connection.execute(mine.order_by(table.c.number, table.c.id)).mappings().all()
        wanted = records.choices(run)
        return [dict(row) for row in rows if wanted is None or row["number"] in wanted or row["uid"] in wanted]

    def data(
        self, event: Any = None, key: Any = None, run: Any = None, step: Any = None, since: Any = None,
        until: Any = None, **extra: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Everything that the runs recorded, one row a record, in time order with a RangeIndex.

        Columns: experiment, run (number), step (int64, or float64 with NaN for none), event, key, value (float64 when
        all are numbers, else object), dt (datetime64[ns], naive UTC), node (host), userid; then one per extra column.

        Args:
            event: kind of event, or several: `metric`, `param`, `start` …
            key: key, or several.
            run: number or uid, or several; by default all runs.
            step: step, or several; NaN stands for "no step".
            since: earliest time: a datetime (naive: UTC), seconds since 1970, a timedelta back from now, or text such
                as `2026-11-01` or `-2h`.
            until: latest time, inclusive.
            extra: an extra column, or `value`, `node`, `userid`, must equal this, or one of these.

        Raises:
            InvalidArgument: a bound in time cannot be understood.
        """
        wanted = records.Filter(
            event, key, step, records.time_bound_ns(since, "since"), records.time_bound_ns(until, "until"), extra
        )
        parts = []
        for row in self._rows(run):
            columns = records.run_columns(row, self._session.directory(row["path"]), wanted)
            if columns is not None:
                parts.append(columns)
        return records.frame(parts)

    def summary(self) -> pd.DataFrame:
        """Statistics of every metric over all points of all runs, and of the duration of runs. Hardware is left out.

        Columns: event, key, count, mean, std (of a sample), min, 25%, 50%, 75%, max. The last row is the runs' duration
        in seconds, over runs that ended.
        """
        import pandas as pd

        data = self.data(event=model.METRIC)
        values = pd.to_numeric(data["value"], errors="coerce")
        places: dict[str, int] = {}  # by number: pandas cannot group by every text that is a key
        groups = values.groupby([places.setdefault(key, len(places)) for key in data["key"].tolist()])
        rows = [
            {"event": model.METRIC, "key": key, **groups.get_group(places[key]).describe().to_dict()}
            for key in sorted(places)
            if not is_system(key)
        ]
        spans = [(row["ended_ns"] - row["started_ns"]) / 1e9 for row in self._rows() if row["ended_ns"] is not None]
        rows.append({"event": "run", "key": "duration_s", **pd.Series(spans, dtype="float64").describe().to_dict()})
        kinds = {"event": "object", "key": "object", "count": "int64"}
        columns = ["event", "key", "count", "mean", "std", "min", "25%", "50%", "75%", "max"]
        return pd.DataFrame(
            {name: pd.Series([row[name] for row in rows], dtype=kinds.get(name, "float64")) for name in columns}
        )

    def runs(self, query: str | None = None, order_by: Any = None, limit: int | None = None) -> pd.DataFrame:
        """The runs as a table: one row a run, with `params.*`, `metrics.*` (last values) and `tags.*`.

        Args:
            query: in the query language, for example `metrics.loss < 0.1 and params.lr = 0.1`.
            order_by: for example `-metrics.acc` or `metrics.acc desc, started`; the newest first by default.
            limit: at most so many.

        Raises:
            QuerySyntaxError: the query cannot be understood; the message points at the column.

        Warns:
            NothingMatches: no run is found, or the order is in vain, for a name that no run of the store has.
        """
        found = find_runs(self._session.refresh(), query, order_by, limit, experiment=[_literal(self.path)])
        found.warn()
        return run_frame(self._session, [key.id for key in found.page.runs])

    def metric(self, key: str, runs: Any = None) -> pd.DataFrame:
        """The points of a metric, of several runs: columns run, step, value, dt, in time order.

        Args:
            key: the metric.
            runs: numbers or uids; by default all.
        """
        data = self.data(event=model.METRIC, key=key, run=runs)
        return data.loc[:, ["run", "step", "value", "dt"]]

    def run(self, run: int | str) -> RunView:
        """One run, by its number (negative: from the latest back) or uid.

        Raises:
            RunNotFound: the experiment has no such run.
        """
        if not isinstance(run, str):
            try:
                run = operator.index(run)
            except TypeError as error:
                raise InvalidArgument(f"run={run!r} must be a number or a uid") from error
        rows = self._rows()
        if isinstance(run, str):
            found = [row for row in rows if row["uid"].startswith(run)] if len(run) >= 6 else []
        else:
            number = int(run)
            found = (
                rows[number : number + 1 or None] if number < 0 else [row for row in rows if row["number"] == number]
            )
        if len(found) != 1:
            known = f"it has {len(rows)}, the latest is {rows[-1]['number']}" if rows else "it has none"
            raise RunNotFound(f"experiment {self.path!r} has no run {run!r}; {known}")
        return RunView(self._session, found[0])

    def __iter__(self) -> Iterator[RunView]:
        """The runs, oldest first."""
        return (RunView(self._session, row) for row in self._rows())


def _literal(name: str) -> str:
    """The name as a glob that matches it alone."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
