"""`DataDriftMonitor`: drift of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects.omegaml.monitoring._describe import frame_of
from runlore.dialects.omegaml.monitoring.base import EVENT, DriftMonitorBase
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DataDriftMonitor"]


class DataDriftMonitor(DriftMonitorBase):
    """Watches a data set; arguments as of `DriftMonitorBase`, of which `resource` may be called `dataset`.

    Example:
        >>> import numpy as np
        >>> import runlore.dialects.omegaml as om
        >>> exp = om.runtime.experiment("iris")
        >>> monitor = DataDriftMonitor("flowers", tracking=exp)
        >>> values = np.linspace(0, 1, 200)
        >>> for shift in (0, 5):
        ...     _ = monitor.snapshot({"x": values + shift})
        >>> monitor.compare().summary(raw=True)["columns"]
        {'x': True}
    """

    def __init__(self, dataset: Any = None, *args: Any, **options: Any) -> None:
        super().__init__(options.pop("resource", None) if dataset is None else dataset, *args, **options)

    def snapshot(
        self, dataset: Any = None, chunksize: int | None = None, columns: Sequence[str] | None = None,
        groupby: Any = None, prefix: str | None = None, name: str | None = None, kind: str | None = None,
        catcols: Sequence[str] | None = None, rename: Mapping[str, str] | None = None,
        filter: Mapping[str, Any] | None = None, logged: bool = True, correlate: bool = True, *,  # noqa: A002 - given
        since: Any = None, **query: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Take a snapshot, which is logged as a `snapshot` event.

        Args:
            dataset: data: a DataFrame, a series, a mapping of columns or an array; or a name in the monitor's store. By
                default the monitor's resource, from its store, or as `exp.log_data` logged it, of all runs.
            chunksize: refused: data is described as a whole.
            columns: only these.
            groupby: refused: take a snapshot of each group, under a `name=` of its own.
            prefix: before the name of each column.
            name: what `info` calls the data.
            kind: as for the monitor.
            catcols: columns whose numbers are categories. Text, bools and categories are by themselves.
            rename: columns: old → new name.
            filter: only rows with these values: column → value, or several.
            logged: whether to log it.
            correlate: whether to describe how columns correlate.
            since: of logged data, only what was logged since this time; `"last"`: since the last snapshot.
            query: the same as `filter`.

        Returns:
            `stats`, by column, and `info`.

        Raises:
            InvalidArgument: there are no rows, or an argument does not fit. Nothing was logged.
        """
        if chunksize is not None or groupby is not None:
            raise InvalidArgument(
                f"chunksize={chunksize!r}, groupby={groupby!r} are not supported; for name, part in "
                "frame.groupby(column): monitor.snapshot(part, name=name)"
            )
        frame = frame_of(self._find(self.resource if dataset is None else dataset, since))
        for column, value in {**(filter or {}), **query}.items():
            if column not in frame.columns:
                known = ", ".join(frame.columns)
                raise InvalidArgument(f"{column}={value!r}: there is no column {column!r}, but {known}")
            frame = frame[frame[column].isin(value if isinstance(value, (list, tuple, set)) else [value])]
        missing = [column for column in columns or () if column not in frame.columns]
        if missing:
            raise InvalidArgument(f"columns: there is no column {missing[0]!r}, but {', '.join(frame.columns)}")
        frame = frame[list(columns)] if columns is not None else frame
        taken = self._described(frame, rename, catcols, prefix=prefix or "", correlate=correlate, name=name)
        if kind is not None:
            taken["info"]["kind"] = kind
        if logged:
            self._log(EVENT, self.resource, taken)
        return taken

    def _find(self, dataset: Any, since: Any) -> Any:
        """The data itself, of data or of its name."""
        if not isinstance(dataset, str):
            if since is not None:
                raise InvalidArgument(f"since={since!r} selects logged data, and dataset= is data; select its rows")
            return dataset
        if self.store is not None:
            if since is not None:
                raise InvalidArgument(f"since={since!r} selects logged data; the store gives {dataset!r} as a whole")
            found = self.store.get(dataset)
        else:
            found = logged_data(self, dataset, since=since)
        if found is None:
            raise InvalidArgument(
                f"dataset={dataset!r}: neither the store nor a log_data() of the experiment has data of this name. "
                "Give the data itself: monitor.snapshot(frame)"
            )
        return found


def logged_data(monitor: DriftMonitorBase, key: str, *, run: Any = None, event: Any = None, since: Any = None) -> Any:
    """What `log_data` logged under a key, of all runs, below one another; None where there is nothing."""
    import pandas as pd

    if since == "last":
        taken = monitor.data
        since = pd.Timestamp(taken[-1]["info"]["dt"]) if taken else None
    found = monitor.tracking.restore_data(key, run="*" if run is None else run, event=event, since=since, concat=False)
    return pd.concat(map(frame_of, found), ignore_index=True) if found else None
