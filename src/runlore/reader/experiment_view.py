"""One experiment: its runs and everything that they recorded."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument, NotFound, RunNotFound
from runlore.index.reference import RunReference
from runlore.query.expression import Attribute, In, Or, OrderKey
from runlore.query.globs import literal_glob
from runlore.reader.facts import similar
from runlore.reader.filters import Filter, choices, time_bound_ns
from runlore.reader.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session

_OLDEST_FIRST = (OrderKey(Attribute("number")), OrderKey(Attribute("started")))
_MOST_NAMED = 1_000
"""Runs that a query names one by one."""


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
        return f"<Experiment {self.path!r} in {self._session.store.location!r}>"

    def _repr_html_(self) -> str:
        """Its latest runs as a table, for notebooks."""
        from runlore.reader import shown

        return shown.experiment_html(self.path, self._session.refresh())

    def __len__(self) -> int:
        """How many runs it has."""
        return sum(known.runs for known in self._session.refresh().index.experiments(literal_glob(self.path)))

    @property
    def numbers(self) -> list[int]:
        """The numbers of its runs, ascending."""
        return [record.number for record in self._runs() if record.number is not None]

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
        removed = self._session.store.delete_experiment(self.path)
        self._session.refresh()
        return removed

    def _runs(self, chosen: Any = None) -> Sequence[RunRecord]:
        """Its runs that a selector names, oldest first, without those in the trash."""
        session = self._session.refresh()
        mine = literal_glob(self.path)
        wanted = choices(chosen)
        if wanted is None:
            return session.page(None, _OLDEST_FIRST, experiment=mine, last=True).runs
        numbers, references = _selected(wanted, self.path)
        uids = {record.uid for record in session.index.each(references, facts=False)} if references else set()
        parts = [In(Attribute("number"), tuple(sorted(numbers)))] if numbers else []
        parts += [In(Attribute("uid"), tuple(sorted(uids)))] if uids else []
        query = Or(tuple(parts)) if len(wanted) <= _MOST_NAMED else None
        found = session.page(query, _OLDEST_FIRST, experiment=mine, last=True).runs
        return [record for record in found if record.number in numbers or record.uid in uids]

    def data(
        self, event: Any = None, key: Any = None, run: Any = None, step: Any = None, since: Any = None,
        until: Any = None, **extra: Any,
    ) -> pd.DataFrame:  # fmt: skip
        """Everything that the runs recorded, one row a record, in time order with a RangeIndex.

        Columns: experiment, run (number), step (int64, or float64 with NaN for none), event, key, value (float64 when
        all are numbers, else object), time (datetime64[ns, UTC]), node (host), userid; then one per extra column. An
        extra column that is called as one of these has an underscore behind its name.

        Args:
            event: kind of event, or several: `metric`, `param`, `start` …
            key: key, or several.
            run: number (negative: from the latest back), uid or its beginning, or several; by default all runs.
            step: step, or several; NaN stands for "no step".
            since: earliest time: a datetime (naive: UTC), seconds since 1970, a timedelta back from now, or text such
                as `2026-11-01` or `-2h`.
            until: latest time, inclusive.
            extra: an extra column, or `value`, `node`, `userid`, must equal this, or one of these.

        Raises:
            InvalidArgument: a bound in time cannot be understood.
            RunNotFound: a text names no run.
        """
        from runlore.reader import frames

        wanted = Filter(event, key, step, time_bound_ns(since, "since"), time_bound_ns(until, "until"), extra)
        recorded = frames.read_runs(self._session.store, self._runs(run), wanted, self.path)
        return frames.record_frame(recorded, wanted)

    def summary(
        self, group_by: str | Sequence[str] | None = None, value: str = "last", *, confidence: float = 0.95,
        points: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        """How runs turned out: statistics of one value of each run, for each metric and for how long runs took.

        That is what runs with several seeds are compared by. Hardware metrics are left out, and so are runs in the
        trash.

        Args:
            group_by: what runs have in common that belong together, such as `group` or `params.lr`, or several:
                attributes (`group`, `name`, `status`, `user`, `host`, `parent`), `params.…` and `tags.…`.
            value: of a run: its `last` one, `first`, `min`, `max` or `mean`; or its `best`, for the metrics of
                which `Run.define_metric` said what that is.
            confidence: of the interval around the mean, by Student's t distribution.
            points: statistics of every point of every run together instead. Runs with many points weigh more.

        Returns:
            Columns event, key, those of `group_by`, count (runs that have a value), mean, std (of a sample), ci_low,
            ci_high, min, 25%, 50%, 75%, max. NaN counts as no value; std and interval need two. The last rows are of
            the runs' duration in seconds, over runs that ended. With `points`, count is of points, and there is no
            interval.

        Raises:
            InvalidArgument: an argument is none of these, or no run of the experiment has such a param or tag.

        Example:
            >>> import runlore
            >>> for seed in (1, 2, 3):
            ...     with runlore.start("iris", group="small", params={"seed": seed}) as run:
            ...         run.log_metrics({"acc": 0.5}, step=0)
            ...         run.log_metrics({"acc": 0.7 + seed / 10}, step=1)
            >>> found = runlore.experiment("iris").summary("group")
            >>> row = found.loc[0]
            >>> row["key"], row["group"], int(row["count"]), f"{row['mean']:.1f} ± {row['std']:.1f}"
            ('acc', 'small', 3, '0.9 ± 0.1')
        """
        from runlore.reader import summaries

        if points:
            if group_by is not None or value != "last":
                raise InvalidArgument("points=True describes all points together: leave group_by and value out")
            return summaries.of_points(self.data(event=model.METRIC), self._runs())
        return summaries.of_runs(self._session.refresh(), self.path, group_by, value, confidence)

    def stats(
        self, key: str, group_by: str | Sequence[str] | None = None, over: str | None = "seed", *, value: str = "last",
        best: str | None = None, baseline: Any = None, confidence: float = 0.95, resamples: int = 10_000,
    ) -> pd.DataFrame:  # fmt: skip
        """What the seeds of each configuration say together of one metric, and which configuration is better.

        Intervals are of the percentile bootstrap (Efron 1979): they assume no distribution, and are too narrow for
        fewer than about five runs. `iqm`, the interquartile mean, is the mean of the middle half of the runs, and
        `p_better` the probability of improvement (both after Agarwal et al., NeurIPS 2021): how probably a run of this
        group is better than one of the baseline; 0.5 is no difference. The same runs always give the same numbers.

        Args:
            key: the metric.
            group_by: as for `summary`.
            over: the param in which the runs of a group differ, such as `seed`: of several runs of a group with the
                same one the latest counts, and runs without it do not. None: every run counts.
            value: of each run, as for `summary`; NaN counts as none.
            best: `min` or `max`; by default what `Run.define_metric` said.
            baseline: the group that the others are compared with, by its value, or values; by default the first.
            confidence: of the intervals.
            resamples: of the bootstrap.

        Returns:
            Those of `group_by`, then count, mean, mean_low, mean_high, iqm, iqm_low, iqm_high, std (of a sample); where
            there are several groups and it is known what is better, p_better, p_better_low, p_better_high, which are
            NaN for the baseline. Intervals need two runs.

        Raises:
            InvalidArgument: an argument is none of these, or no run of the experiment has such a param or tag.
            NotFound: no run has the metric.

        Example:
            >>> import runlore
            >>> for depth in (2, 4):
            ...     for seed in range(5):
            ...         with runlore.start("iris", params={"depth": depth, "seed": seed}) as run:
            ...             run.log_metric("acc", 0.7 + depth / 20 + seed / 100)
            >>> found = runlore.experiment("iris").stats("acc", "params.depth", best="max")
            >>> found[["params.depth", "iqm", "p_better"]].round(2).to_numpy().tolist()
            [[2.0, 0.82, nan], [4.0, 0.92, 1.0]]
        """
        from runlore.reader import seed_statistics

        return seed_statistics.stats(
            self._session.refresh(), self.path, key, group_by, over, value, best, baseline, confidence, resamples
        )

    def plot(
        self, key: str, *, runs: Any = None, group_by: str | Sequence[str] | None = None, smooth: float = 0.0,
        x: str | None = None, backend: str = "matplotlib", axes: Any = None,
    ) -> Any:  # fmt: skip
        """A figure of a metric over steps: a line for each run, or for each group the mean of its runs.

        Args:
            key: the metric.
            runs: numbers or uids; by default all.
            group_by: as for `summary`: each line is the mean of a group, with its 95 % confidence interval as a band.
            smooth: weight of the exponential moving average, from 0 (none) to below 1. Of a run, what was smoothed is
                drawn faintly behind it; of a group, each run is smoothed before the mean is taken.
            x: `step`, `time` (seconds since the first point of each run), or another metric, whose values at the same
                steps are taken. By default what `Run.define_metric` said, else the step; points that were logged
                without steps are counted.
            backend: `matplotlib` or `plotly`.
            axes: of Matplotlib, to be drawn on.

        Returns:
            A figure of that library. Nothing is shown by itself but in a notebook.

        Raises:
            InvalidArgument: an argument is none of these, or there are more than 200 lines.
            MissingDependency: the library is not installed.
            NotFound: none of the runs has such a metric.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     for step in range(5):
            ...         run.log_metric("loss", 1 / (step + 1), step=step)
            >>> figure = runlore.experiment("iris").plot("loss", smooth=0.5)
            >>> figure.axes[0].get_ylabel()
            'loss'
        """
        from runlore.reader import plots

        return plots.plot(self, self._session.refresh(), key, runs, group_by, smooth, x, backend, axes)

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
        from runlore.reader.asking import ask
        from runlore.reader.tables import run_frame

        mine = literal_glob(self.path)
        question = ask(self._session.refresh(), query, order_by, experiment=mine)
        found = run_frame(question.pages(limit))
        question.warn(found=len(found) > 0, had=found.columns)
        return found

    def metric(self, key: str, runs: Any = None) -> pd.DataFrame:
        """The points of a metric, of several runs: columns run, step, value, time, in time order.

        Args:
            key: the metric.
            runs: numbers or uids; by default all.

        Raises:
            NotFound: none of them has such a metric; the message names similar ones.
            RunNotFound: a text names no run.
        """
        data = self.data(event=model.METRIC, key=key, run=runs)
        if data.empty:
            known = self._session.index.keys("metrics", experiment=literal_glob(self.path))
            which = f"run of experiment {self.path!r}" if runs is None else f"chosen run of experiment {self.path!r}"
            raise NotFound(f"no {which} has a metric {key!r}{similar(key, [name for name in known if name != key])}")
        return data.loc[:, ["run", "step", "value", "time"]]

    def run(self, run: int | str) -> RunView:
        """One run, by its number (negative: from the latest back), by its uid, its beginning, or `experiment#number`.

        Raises:
            RunNotFound: the experiment has no such run.
        """
        session = self._session.refresh()
        if isinstance(run, str):
            record = session.find(run)
            if record.experiment != self.path:
                raise RunNotFound(f"experiment {self.path!r} has no run {run!r}: that is one of {record.experiment!r}")
            return RunView(session, record)
        try:
            reference = numbered(self.path, operator.index(run))
        except TypeError as error:
            raise InvalidArgument(f"run={run!r} must be a number or a uid") from error
        found = session.index.find(reference)
        if not found:
            numbers = [record.number for record in self._runs() if record.number is not None]
            known = f"it has {len(numbers)}, the latest is {numbers[-1]}" if numbers else "it has none"
            raise RunNotFound(f"experiment {self.path!r} has no run {run!r}; {known}")
        return RunView(session, session.index.settled(reference, found))

    def __iter__(self) -> Iterator[RunView]:
        """The runs, oldest first."""
        session = self._session.refresh()
        mine = literal_glob(self.path)
        for runs in session.all_pages(None, _OLDEST_FIRST, experiment=mine):
            for record in runs:
                yield RunView(session, record)


def numbered(experiment: str, number: int) -> RunReference:
    """The run of this number; a negative one counts from the experiment's latest run back."""
    return RunReference(f"{experiment}#{number}", experiment=experiment, number=number)


def _selected(wanted: set[Any], experiment: str) -> tuple[set[int], list[RunReference]]:
    """What a selector says: numbers of runs, and what has to be looked up."""
    numbers: set[int] = set()
    references: list[RunReference] = []
    for item in wanted:
        if isinstance(item, str):
            references.append(RunReference.parse(item, "run"))
        elif not isinstance(item, (int, float)) and not hasattr(item, "__index__"):
            raise InvalidArgument(f"run={item!r} must be a number, a uid, or several")
        elif item >= 0:
            numbers.add(int(item))
        else:
            references.append(numbered(experiment, int(item)))
    return numbers, references
