"""The tracker of an experiment: omega-ml's `OmegaSimpleTracker` on native runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.dialects._absent import Absent
from runlore.dialects._several import do_each
from runlore.dialects.omegaml import objects, reading
from runlore.dialects.omegaml.recording import RecordingTracker
from runlore.dialects.omegaml.times import time_bound
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd


class NotForced(InvalidArgument, AssertionError):
    """`clear` was called without `force=True`: nothing was removed."""


class SimpleTracker(RecordingTracker):
    """Provider `simple`, or `default`: one native run a run. Arguments are those of `RecordingTracker`."""

    dataset = Absent("what it recorded are native runs: runlore.experiment(name), or exp.data()")

    # -- reading --------------------------------------------------------------------------------------------------

    def data(
        self, experiment: str | None = None, run: Any = None, event: Any = None, step: Any = None, key: Any = None,
        raw: bool = False, lazy: bool = False, since: Any = None, end: Any = None, batchsize: int | None = None,
        slice: Any = None, **extra: Any,  # noqa: A002 - the argument's name is given
    ) -> Any:  # fmt: skip
        """What was logged, sorted by time, with a RangeIndex; None where nothing ever was.

        Args:
            experiment: another experiment.
            run: see `reading.select_runs`. By default the current run of this handle, else the latest; with a bound in
                time, all.
            event: `metric`, `param` (or `parameter`) …, or several; None, `*` and `all` mean all.
            step: one or several; NaN, or None within a list, stands for rows without a step.
            key: one or several.
            raw: dicts instead of a DataFrame, `dt` as ISO text.
            lazy: a cursor: rows as dicts, read when they are asked for.
            since: earliest time; see `times.time_bound`.
            end: latest time, inclusive.
            batchsize: a generator of pieces of so many rows.
            slice: a pair: the rows from the first up to the second number; None past the end.
            extra: a column must have this value, or one of these.

        Raises:
            InvalidArgument: a selector or bound that cannot be understood.
        """
        bounds = {"since": time_bound(since, "since"), "end": time_bound(end, "end")}
        read: Callable[[], pd.DataFrame | None] = partial(
            self._frame, experiment or self._experiment, run, event, key, step, extra=extra, **bounds
        )
        if batchsize is not None and (not isinstance(batchsize, int) or batchsize < 1):
            raise InvalidArgument(f"batchsize={batchsize!r} must be a number of rows, 1 or more")
        if slice is not None:
            read = partial(reading.sliced, read, reading.rows_of(slice))
        if lazy and batchsize is None:
            return reading.Cursor(read)
        frame = read()
        if frame is None:
            return None
        finish = reading.raw_rows if raw else lambda piece: piece.reset_index(drop=True)
        if batchsize is None:
            return finish(frame)
        return (finish(frame.iloc[at : at + batchsize]) for at in range(0, len(frame), batchsize))

    def _frame(self, experiment: str, run: Any, *filters: Any, since: Any, **others: Any) -> pd.DataFrame | None:
        found = reading.open_experiment(experiment, self._store)
        if found is None:
            return None
        if run is None and since is None and others["end"] is None:
            current = self._number if experiment == self._experiment else None
            run = current or found.numbers[-1]
        runs = found.numbers if run is None else reading.select_runs(run, found.numbers)
        return reading.read_frame(found, runs, *filters, since=since, **others)

    def restore_artifacts(
        self, key: Any = None, experiment: str | None = None, run: Any = None, since: Any = None, step: Any = None,
        value: Any = None, event: Any = None, name: Any = None, *, trusted: Iterable[str] | bool = (),
        allow_pickle: bool | None = None,
    ) -> list[Any]:  # fmt: skip
        """The logged objects that match, oldest first.

        A `RuntimeWarning` names those that cannot be restored; the others are.

        Args:
            key: as for `data`.
            experiment: as for `data`.
            run: as for `data`.
            since: as for `data`.
            step: as for `data`.
            value: a cell of the `value` column, or several, instead of a query.
            event: `artifact` by default.
            name: of the artifact.
            trusted: types in models that may be loaded, beside those that the tracker was made with; or True.
            allow_pickle: unpickle what was pickled; by default what the tracker was made with.

        Raises:
            UnsafeLoad: all of them are pickles, or have types that are not trusted; see `SimpleTracker`.
            ArtifactNotFound: the contents of all of them are gone.
        """
        if value is None:
            event = model.ARTIFACT if event is None else event
            frame = self.data(experiment, run, event, step, key, since=since, name=name)
            cells = [] if frame is None else frame["value"].tolist()
            cells = [cell for cell in cells if isinstance(cell, dict) and cell.get("digest")]
        else:
            cells = [value] if isinstance(value, dict) else list(value)
        restore = partial(
            objects.restore, store=self._store, trusted=objects.trust(self._trusted, trusted),
            allow_pickle=self._allow_pickle if allow_pickle is None else allow_pickle,
        )  # fmt: skip
        return do_each(restore, cells, "restored", depth=2)

    def restore_data(
        self, key: Any, run: Any = None, event: Any = None, since: Any = None, concat: bool = True, **options: Any
    ) -> Any:
        """What `log_data` logged: frames and series below one another, arrays and lists as one; or as a list.

        `options` are those of `restore_artifacts`, which also says what is raised.
        """
        found = self.restore_artifacts(key, run=run, event=event or "data", since=since, **options)
        return objects.concatenate(found) if concat else found

    def clear(self, force: bool = False) -> None:
        """Remove the experiment: all its runs, for good. The next run is number 1.

        Raises:
            NotForced: without `force=True`.
        """
        if not force:
            raise NotForced(f"clear() removes all runs of {self._experiment!r}; pass force=True if you mean it")
        while self._open:
            self.stop()
        self._number = self._selected = None
        found = reading.open_experiment(self._experiment, self._store)
        if found is not None:
            found.delete()
