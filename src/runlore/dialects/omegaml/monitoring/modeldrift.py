"""`ModelDriftMonitor`: drift of what goes into a model, of what comes out, and of its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import model as words
from runlore.dialects.omegaml.monitoring.base import EVENT, DriftMonitorBase
from runlore.dialects.omegaml.monitoring.datadrift import logged_data
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ModelDriftMonitor"]

KINDS = {"X": "feature", "Y": "label", "metrics": "metrics"}
"""The parts of a snapshot, and what `DriftStats` calls their kinds."""


class ModelDriftMonitor(DriftMonitorBase):
    """Watches a model: what it was called with, as autotrack logs it, or as `snapshot` is given it.

    Example:
        >>> import numpy as np
        >>> import runlore.dialects.omegaml as om
        >>> monitor = ModelDriftMonitor("mymodel", tracking=om.runtime.experiment("iris"))
        >>> values = np.linspace(0, 1, 200)
        >>> for shift in (0, 5):
        ...     _ = monitor.snapshot(X={"x": values + shift}, Y={"y": values})
        >>> monitor.summary(raw=True)["summary"]
        {'feature': True, 'label': False}
    """

    default_kind = "model"

    def snapshot(
        self, model: Any = None, run: Any = None, X: Any = None, Y: Any = None, rename: Mapping[str, str] | None = None,  # noqa: N803 - the field's words
        event: Any = None, catcols: Sequence[str] | None = None, since: Any = None, ignore_empty: bool = False,
        groupby: Any = None,
    ) -> dict[str, Any] | None:  # fmt: skip
        """Take a snapshot of X, Y and of the metrics that were logged; it is logged as a `snapshot` event.

        Args:
            model: what `info` calls the model; the resource by default.
            run: of logged data and metrics, those of these runs; all by default.
            X: what goes in; by default what autotrack logged.
            Y: what comes out; likewise.
            rename: columns: old → new name, of X and Y.
            event: of logged data; `fit` and `predict` by default.
            catcols: columns of X and Y whose numbers are categories.
            since: of logged data and metrics, those since this time; `"last"`: since the last snapshot.
            ignore_empty: give None where there is no data, and log nothing.
            groupby: refused: take a snapshot of each group.

        Returns:
            `X`, `Y`, `metrics` (each with `stats` and `info`, or None) and `info`.

        Raises:
            InvalidArgument: there is no data, or an argument does not fit. Nothing was logged.
        """
        if groupby is not None:
            raise InvalidArgument(f"groupby={groupby!r} is not supported; take a snapshot of each group: snapshot(X=…)")
        given: dict[str, Any] = {"X": X, "Y": Y}
        if X is None and Y is None:
            events = event or ["fit", "predict"]
            given = {key: logged_data(self, key, run=run, event=events, since=since) for key in given}
        if all(data is None for data in given.values()):
            if ignore_empty:
                return None
            raise InvalidArgument(
                f"{self.resource!r}: no X or Y was logged{'' if since is None else f' since {since!r}'}. Give them to "
                "snapshot(X=…, Y=…), or use exp.watch(model) with autotrack=True"
            )
        taken: dict[str, Any] = {"info": self._info(model if isinstance(model, str) else None)}
        for key, data in given.items():
            taken[key] = None if data is None else self._part(data, key, rename, catcols)
        metrics = self._metrics(run, since)
        taken["metrics"] = None if metrics is None else self._described(metrics, None, None, correlate=False)
        self._log(EVENT, self.resource, taken)
        return taken

    def _part(self, data: Any, key: str, rename: Any, catcols: Any) -> dict[str, Any]:
        from runlore.dialects.omegaml.monitoring._describe import frame_of

        frame = frame_of(data)
        own = {old: new for old, new in (rename or {}).items() if old in frame.columns}
        categorical = [column for column in catcols or () if column in frame.columns]
        return self._described(frame, own, categorical, prefix=f"{key}_")

    def _metrics(self, run: Any, since: Any) -> Any:
        """A column a metric; None where none was logged."""
        import pandas as pd

        if since == "last":
            taken = self.data
            since = pd.Timestamp(taken[-1]["info"]["dt"]) if taken else None
        frame = self.tracking.data(run="*" if run is None else run, event=words.METRIC, since=since)
        if frame is None or frame.empty:
            return None
        numbers = frame.assign(value=pd.to_numeric(frame["value"], errors="coerce"))
        return pd.DataFrame({key: group["value"].reset_index(drop=True) for key, group in numbers.groupby("key")})

    @staticmethod
    def _columns(snapshot: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
        """Column → (kind, stats)."""
        return {
            column: (kind, stats)
            for part, kind in KINDS.items()
            for column, stats in ((snapshot[part] or {}).get("stats") or {}).items()
        }
