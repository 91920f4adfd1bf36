"""A run as rows of the catalog's tables."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from runlore import model
from runlore.catalog.database.tables import ENDED, FLAG, NULL, NUMBER, OPEN, OTHER, SEALED, WORDS
from runlore.model import uid_time_ns
from runlore.query.params import param_text
from runlore.query.values import as_float
from runlore.store.summary import UNSET
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.catalog.reading import Gain
    from runlore.store.series import SeriesColumns
    from runlore.store.summary import RunSummary


def run_row(gain: Gain) -> tuple[Any, ...]:
    """The row of `runs`, but for the id."""
    detail = gain.summary.detail
    status, ended, ended_ns, _ = detail.conclude()
    directory, _, uid = gain.path.rpartition("/")
    updated_ns = detail.last_ns or uid_time_ns(uid) or gain.mtime_ns
    if not ended and not gain.alive:
        status, ended_ns = model.CRASHED, updated_ns
    started = detail.started_ns if detail.started_ns is not None else detail.first_ns
    damage = gain.damage + [item for mark in gain.marks.values() for item in json.loads(mark.damage)]
    return (
        uid,
        _text(detail.attribute("experiment") or unquote(directory)),
        _whole(detail.attribute("number")),
        _text(detail.attribute("name")),
        _text(status),
        _whole(started if started is not None else uid_time_ns(uid) or gain.mtime_ns),
        _whole(ended_ns),
        _whole(updated_ns),
        _whole(detail.active_ns()),
        _text(detail.start.get("user")),
        _text(detail.start.get("host")),
        _text(detail.attribute("description")),
        _text(detail.attribute("group")),
        _text(detail.attribute("parent")),
        gain.summary.points,
        sum(mark.lost for mark in gain.marks.values()),
        gain.liveness,
        json.dumps(damage) if damage else None,
        int(bool(detail.attribute("archived"))),
        int(bool(detail.attribute("deleted"))),
        (SEALED if gain.sealed and not gain.alive else ENDED) if gain.settled else OPEN,
        gain.path,
        gain.mtime_ns,
        gain.sealed,
    )


def _text(text: Any) -> str | None:
    return None if text is None else to_stored(str(text))


def _whole(value: Any) -> int | None:
    """What a foreign journal may have in place of a number, as a column of integers can hold it."""
    return max(-_MOST - 1, min(_MOST, value)) if isinstance(value, int) else None


_MOST = 2**63 - 1


def param_rows(summary: RunSummary) -> Iterator[tuple[Any, ...]]:
    """Rows of `params`, but for the id of the run."""
    for key, (_, value) in sorted(summary.params.items()):
        if value is not UNSET:
            yield to_stored(key), *param_columns(value)


def param_columns(value: Any) -> tuple[int, float | None, str | None]:
    """What kind of value a param is; the value as a number, and as a text, for comparison in SQL."""
    if isinstance(value, str):
        return WORDS, None, to_stored(value)
    if isinstance(value, bool):
        return FLAG, float(value), "true" if value else "false"
    if isinstance(value, (int, float)):
        number = as_float(value)
        if math.isfinite(number):
            return NUMBER, number, repr(value)
        return NUMBER, None if math.isnan(number) else number, json.dumps(value)
    return (NULL, None, None) if value is None else (OTHER, None, to_stored(param_text(value)))


def tag_rows(summary: RunSummary) -> Iterator[tuple[Any, ...]]:
    """Rows of `tags`, but for the id of the run."""
    for key, (_, value) in sorted(summary.tags.items()):
        if value is not None:
            yield to_stored(key), to_stored(str(value))


def metric_rows(series: SeriesColumns) -> Iterator[tuple[Any, ...]]:
    """Rows of `metrics`, but for the id of the run."""
    columns = [_values(series, name) for name in ("last", "first", "min", "max")]
    means = map(_mean, series.column("sum"), series.column("finite"))
    return zip(map(to_stored, series.keys), series.column("points"), *columns, means, strict=True)


def _values(series: SeriesColumns, name: str) -> list[float | None]:
    """A column with None for NaN: in a database, NaN is NULL."""
    return [None if value != value else value for value in series.column(name)]  # noqa: PLR0124 - NaN alone is not itself


def _mean(total: float, finite: int) -> float | None:
    mean = total / finite if finite else math.nan
    return None if math.isnan(mean) else mean


def artifact_rows(summary: RunSummary) -> Iterator[tuple[Any, ...]]:
    """Rows of `artifacts`, but for the id of the run."""
    for (writer, sequence), about in summary.artifacts.items():
        yield (
            to_stored(writer), sequence, _text(about["name"]), about["step"], _text(about["digest"]),
            _whole(about["size"]), _text(about["media_type"]), _text(about["kind"]), about["metadata"],
            about["time_ns"],
        )  # fmt: skip
