"""Statistics of an experiment's runs: of one value of each, or of all points together."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument
from runlore.query.expression import Attribute, OrderKey
from runlore.query.globs import literal_glob
from runlore.reader import columns
from runlore.reader.facts import facts_of, is_system, similar
from runlore.reader.goals import best_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session

VALUES = ("last", "first", "min", "max", "mean", "best")
ATTRIBUTES = ("group", "name", "status", "user", "host", "parent")
_STATISTICS = ("count", "mean", "std", "ci_low", "ci_high", "min", "25%", "50%", "75%", "max")
_DURATION = ("run", "duration_s")


def of_runs(
    session: Session, experiment: str, group_by: str | Sequence[str] | None, value: str, confidence: float
) -> pd.DataFrame:
    """Statistics of one value of each run, by metric and group; see `Experiment.summary`."""
    if value not in VALUES:
        raise InvalidArgument(f"value={value!r} must be one of {', '.join(VALUES)}")
    if not 0 < confidence < 1:
        raise InvalidArgument(f"confidence={confidence!r} must be between 0 and 1, for example 0.95")
    fields = [group_by] if isinstance(group_by, str) else list(group_by or ())
    order = OrderKey(Attribute("number"))
    runs = session.page(None, order, experiment=literal_glob(experiment), facts=True, last=True).runs
    for field in fields:
        check_field(field, runs)
    groups = groups_of(runs, fields)
    values = _values(session, runs, value)
    rows: list[dict[str, Any]] = []
    for key in sorted({key for of_run in values.values() for key in of_run}):
        for cells, members in groups:
            known = [values[run.uid][key] for run in members if key in values[run.uid]]
            if known:
                statistics = _statistics(known, confidence)
                rows.append({"event": model.METRIC, "key": key, **dict(zip(fields, cells, strict=True)), **statistics})
    for cells, members in groups or [([None] * len(fields), [])]:
        spans = [run.active_ns / 1e9 for run in members if run.ended_ns is not None]
        named = dict(zip(fields, cells, strict=True))
        rows.append({"event": _DURATION[0], "key": _DURATION[1], **named, **_statistics(spans, confidence)})
    texts = {name: columns.text([row[name] for row in rows]) for name in ("event", "key")}
    chosen = {field: columns.values([row[field] for row in rows]) for field in fields}
    counts = {"count": columns.integers([row["count"] for row in rows])}
    rest = {name: columns.numbers([row[name] for row in rows]) for name in _STATISTICS[1:]}
    return columns.table({**texts, **chosen, **counts, **rest}, len(rows))


def check_field(field: Any, runs: Sequence[RunRecord], argument: str = "group_by") -> None:
    """Refuse a field that no run can be grouped by.

    Raises:
        InvalidArgument: it is none, or no run has such a param or tag.
    """
    kind, _, key = str(field).partition(".")
    if kind not in ("params", "tags") or not key:
        if field not in ATTRIBUTES:
            raise InvalidArgument(
                f"{argument}={field!r} must be one of {', '.join(ATTRIBUTES)}, or begin with params. or tags."
            )
        return
    known = {name for run in runs for name in getattr(facts_of(run), kind)}
    if key not in known:
        raise InvalidArgument(f"{argument}={field!r}: no run of the experiment has it{similar(key, known)}")


def groups_of(runs: Sequence[RunRecord], fields: Sequence[str]) -> list[tuple[list[Any], list[RunRecord]]]:
    """The runs that have the same in all fields, with what that is; in the order of their oldest runs."""
    found: dict[str, tuple[list[Any], list[RunRecord]]] = {}
    for run in runs:
        cells = [_cell(run, field) for field in fields]
        found.setdefault(json.dumps(cells, sort_keys=True), (cells, []))[1].append(run)
    return list(found.values())


def _cell(run: RunRecord, field: str) -> Any:
    kind, _, key = field.partition(".")
    if kind == "params":
        return facts_of(run).params.get(key)
    return facts_of(run).tags.get(key) if kind == "tags" else getattr(run, field)


def _values(session: Session, runs: Sequence[RunRecord], value: str) -> dict[str, Mapping[str, float]]:
    """Of each run by uid, the value of each metric."""
    if value == "last":
        found: dict[str, Mapping[str, float]] = {run.uid: facts_of(run).metrics for run in runs}
    elif value == "best":
        return best_values(session, runs)
    else:
        series = session.index.series([run.uid for run in runs])
        found = {
            run.uid: {key: getattr(known, value) for key, known in series.get(run.uid, {}).items()} for run in runs
        }
    return {uid: {key: number for key, number in of_run.items() if not is_system(key)} for uid, of_run in found.items()}


def _statistics(known: Sequence[float], confidence: float) -> dict[str, Any]:
    import numpy as np

    from runlore.reader.series import student_quantile

    numbers = np.array([number for number in known if not math.isnan(number)], dtype=np.float64)
    count = len(numbers)
    if not count:
        return {"count": 0, **dict.fromkeys(_STATISTICS[1:], math.nan)}
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(numbers.mean())
        std = float(numbers.std(ddof=1)) if count > 1 else math.nan
        low, first, middle, third, high = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]).tolist()
    half = student_quantile(count - 1, (1 + confidence) / 2) * std / math.sqrt(count) if count > 1 else math.nan
    found = (count, mean, std, mean - half, mean + half, low, first, middle, third, high)
    return dict(zip(_STATISTICS, found, strict=True))


def of_points(data: pd.DataFrame, runs: Sequence[RunRecord]) -> pd.DataFrame:
    """Statistics of every point of every run, by metric.

    Args:
        data: events of kind `metric`.
        runs: of which the duration is described, as far as they ended.
    """
    import pandas as pd

    places: dict[str, int] = {}  # by number: pandas cannot group by every text that is a key
    groups = pd.to_numeric(data["value"], errors="coerce").groupby(
        [places.setdefault(key, len(places)) for key in data["key"].tolist()]
    )
    rows: list[dict[str, Any]] = [
        {"event": model.METRIC, "key": key, **_described(groups.get_group(places[key]))}
        for key in sorted(places)
        if not is_system(key)
    ]
    spans = pd.Series([run.active_ns / 1e9 for run in runs if run.ended_ns is not None], dtype="float64")
    rows.append({"event": _DURATION[0], "key": _DURATION[1], **_described(spans)})
    found: dict[str, Any] = {name: columns.text([row[name] for row in rows]) for name in ("event", "key")}
    found["count"] = columns.integers([int(row["count"]) for row in rows])
    for name in ("mean", "std", "min", "25%", "50%", "75%", "max"):
        found[name] = columns.numbers([row[name] for row in rows])
    return columns.table(found, len(rows))


def _described(values: pd.Series[Any]) -> dict[str, float]:
    return {str(name): float(number) for name, number in values.describe().items()}
