"""Runs as a DataFrame: one row a run, one column an attribute, param, metric or tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.catalog import schema
from runlore.reader.session import Session, grouped, json_or_none, nan_if_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from sqlalchemy import RowMapping

ATTRIBUTES = (
    "experiment", "run", "uid", "name", "status", "started", "ended", "duration", "user", "host", "group", "parent",
    "description", "points", "lost",
)  # fmt: skip


def run_frame(session: Session, ids: Sequence[int], *, system: bool = False) -> pd.DataFrame:
    """One row a run, in the order of the ids. Hardware metrics (`system/…`) are left out unless `system` is true.

    Columns: the attributes (`run` is the number; `started` and `ended` are datetime64[ns] in naive UTC, `duration` is
    a timedelta), then `params.*`, `metrics.*` (last values, float64) and `tags.*`, each sorted by name.
    """
    import pandas as pd

    rows = session.rows(ids)
    columns: dict[str, Any] = {}
    for name in ATTRIBUTES:
        columns[name] = _attribute(name, rows)
    at = {row["id"]: index for index, row in enumerate(rows)}
    present = list(at)
    metrics = session.cells(schema.metrics, "last", present)
    if not system:
        metrics = [cell for cell in metrics if not is_system(cell[1])]
    _pivot(columns, "params.", session.cells(schema.params, "json", present), at, json_or_none)
    _pivot(columns, "metrics.", metrics, at, nan_if_none)
    _pivot(columns, "tags.", session.cells(schema.tags, "value", present), at, str)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def _attribute(name: str, rows: list[RowMapping]) -> Any:
    import pandas as pd

    if name in ("started", "ended"):
        return pd.to_datetime(pd.array([row[f"{name}_ns"] for row in rows], dtype="Int64"), unit="ns")
    if name == "duration":
        ends = [row["updated_ns"] if row["ended_ns"] is None else row["ended_ns"] for row in rows]
        spans = [end - row["started_ns"] for end, row in zip(ends, rows, strict=True)]
        return pd.to_timedelta(pd.array(spans, dtype="int64"), unit="ns")
    column = {"run": "number", "group": "group_name", "parent": "parent_uid"}.get(name, name)
    values = [row[column] for row in rows]
    if name in ("points", "lost"):
        return pd.array(values, dtype="int64")
    if name == "run":
        return pd.array(values, dtype="int64" if None not in values else "Int64")
    return pd.Series(values, dtype=object)


def _pivot(
    columns: dict[str, Any], prefix: str, rows: list[tuple[int, str, Any]], at: dict[int, int], value: Any
) -> None:  # fmt: skip
    """Add a column for each key among the cells: (run id, key, what the catalog has)."""
    import numpy as np
    import pandas as pd

    cells: dict[str, dict[int, Any]] = {}
    for run_id, key, found in rows:
        cells.setdefault(key, {})[at[run_id]] = value(found)
    for key in sorted(cells):
        filled = cells[key]
        if prefix == "metrics.":
            numbers = np.full(len(at), np.nan)
            numbers[list(filled)] = list(filled.values())
            columns[prefix + key] = numbers
        else:
            values = [filled.get(index) for index in range(len(at))]
            columns[prefix + key] = _typed(values) if prefix == "params." else pd.Series(values, dtype=object)


def _typed(values: list[Any]) -> Any:
    """A column of params: numbers where all that are present are numbers of one kind, objects otherwise."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    complete = None not in values
    if kinds == {int} and complete and all(abs(value) < 1 << 63 for value in values):
        return pd.array(values, dtype="int64")
    if kinds == {bool} and complete:
        return pd.array(values, dtype="bool")
    if kinds == {float} or (kinds == {int, float} and all(v is None or abs(v) <= 1 << 53 for v in values)):
        return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")
    return pd.Series(values, dtype=object)


def is_system(key: str) -> bool:
    """Whether a metric is about the hardware, not about the model."""
    return key.startswith("system/")


def settings(session: Session, run_id: int) -> tuple[dict[str, Any], dict[str, float], dict[str, str]]:
    """Params, last values of metrics, and tags of one run, sorted by name."""
    params = {
        row["key"]: json_or_none(row["json"])
        for row in grouped(session.select(schema.params, [run_id])).get(run_id, [])
    }
    metrics = {row["key"]: nan_if_none(row["last"]) for row in session.select(schema.metrics, [run_id])}
    tags = {row["key"]: row["value"] for row in session.select(schema.tags, [run_id])}
    return dict(sorted(params.items())), dict(sorted(metrics.items())), dict(sorted(tags.items()))
