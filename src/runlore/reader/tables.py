"""Runs as a DataFrame: one row a run, one column an attribute, param, metric or tag."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import literal_column, select, union_all

from runlore.catalog import schema
from runlore.reader.session import IDS, Session, as_parameter, grouped, json_or_none, nan_if_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

_NOT_A_TIME = -(1 << 63)
"""NaT, as int64."""

_runs, _params, _metrics, _tags = schema.runs.c, schema.params.c, schema.metrics.c, schema.tags.c
_ATTRIBUTES = select(
    _runs.id, _runs.experiment, _runs.number, _runs.uid, _runs.name, _runs.status, _runs.started_ns, _runs.ended_ns,
    _runs.updated_ns, _runs.user, _runs.host, _runs.group_name, _runs.parent_uid, _runs.description, _runs.points,
    _runs.lost,
).where(_runs.id.in_(IDS))  # fmt: skip
_LAST_VALUES = select(_metrics.run_id, _metrics.key, _metrics.last).where(_metrics.run_id.in_(IDS))
_PARAMS_AND_TAGS = union_all(
    select(_params.run_id, _params.key, _params.json, literal_column("1")).where(_params.run_id.in_(IDS)),
    select(_tags.run_id, _tags.key, _tags.value, literal_column("0")).where(_tags.run_id.in_(IDS)),
)


def run_frame(session: Session, ids: Sequence[int], *, system: bool = False) -> pd.DataFrame:
    """One row a run, in the order of the ids. Hardware metrics (`system/…`) are left out unless `system` is true.

    Columns: the attributes (`run` is the number; `started` and `ended` are datetime64[ns] in naive UTC, `duration` is
    a timedelta), then `params.*`, `metrics.*` (last values, float64) and `tags.*`, each sorted by name.
    """
    import pandas as pd

    with session.catalog.connect() as connection:
        found = {row[0]: row for row in connection.execute(_ATTRIBUTES, as_parameter(ids)).all()}
        at = {run_id: place for place, run_id in enumerate(filter(found.__contains__, ids))}
        present = list(at)
        numbers = connection.execute(_LAST_VALUES, as_parameter(present)).all()
        texts: Sequence[Any] = connection.execute(_PARAMS_AND_TAGS, as_parameter(present)).all()
    index = pd.RangeIndex(len(at))  # one for all columns, which need not be aligned then
    columns = _attributes([found[run_id] for run_id in present], index)
    for key, values in _pivot(((run, key, text) for run, key, text, is_param in texts if is_param), at, None):
        columns[f"params.{key}"] = _typed([json_or_none(value) for value in values], index)
    for key, values in _pivot(numbers, at, math.nan):
        if system or not is_system(key):
            columns[f"metrics.{key}"] = np.array(values, dtype="float64")  # None, a NaN in the catalog, becomes NaN
    for key, values in _pivot(((run, key, text) for run, key, text, is_param in texts if not is_param), at, None):
        columns[f"tags.{key}"] = pd.Series(values, dtype=object, index=index)
    return pd.DataFrame(columns, index=index)


def _attributes(rows: list[Any], index: pd.RangeIndex) -> dict[str, Any]:
    """The columns that every run has, from rows of `_ATTRIBUTES`."""
    import pandas as pd

    def words(values: Sequence[Any]) -> pd.Series[Any]:
        return pd.Series(values, dtype=object, index=index)

    def integers(values: Sequence[int]) -> Any:
        return np.array(values, dtype="int64")

    (
        _, experiment, number, uid, name, status, started, ended, updated, user, host, group, parent, description,
        points, lost,
    ) = zip(*rows, strict=True) if rows else [()] * 16  # fmt: skip
    ends = [late if end is None else end for end, late in zip(ended, updated, strict=True)]
    return {
        "experiment": words(experiment),
        "run": pd.array(list(number), dtype="Int64") if None in number else integers(number),
        "uid": words(uid),
        "name": words(name),
        "status": words(status),
        "started": integers(started).view("datetime64[ns]"),
        "ended": integers([_NOT_A_TIME if end is None else end for end in ended]).view("datetime64[ns]"),
        "duration": (integers(ends) - integers(started)).view("timedelta64[ns]"),
        "user": words(user),
        "host": words(host),
        "group": words(group),
        "parent": words(parent),
        "description": words(description),
        "points": integers(points),
        "lost": integers(lost),
    }


def _pivot(cells: Iterable[Any], at: Mapping[int, int], missing: Any) -> list[tuple[str, list[Any]]]:
    """Each key among the cells (run id, key, value), sorted, with its value in every row: `at` places the runs."""
    columns: dict[str, list[Any]] = {}
    for run_id, key, value in cells:
        column = columns.get(key)
        if column is None:
            column = columns[key] = [missing] * len(at)
        column[at[run_id]] = value
    return sorted(columns.items())


def _typed(values: list[Any], index: pd.RangeIndex) -> Any:
    """A column of params: numbers where all that are present are numbers of one kind, objects otherwise."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    complete = None not in values
    if kinds == {int} and complete and all(abs(value) < 1 << 63 for value in values):
        return np.array(values, dtype="int64")
    if kinds == {bool} and complete:
        return np.array(values, dtype="bool")
    if kinds == {float} or (kinds == {int, float} and all(v is None or abs(v) <= 1 << 53 for v in values)):
        return np.array([math.nan if value is None else float(value) for value in values], dtype="float64")
    return pd.Series(values, dtype=object, index=index)


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
