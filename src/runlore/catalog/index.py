"""Bringing the catalog up to date: reading what journals gained, and applying it once, whoever else does the same.

Journals are read outside of any transaction. Inside it, the offsets from which they were read are compared with those
that the catalog has by then; where another reader was faster, that run is left as it is.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from sqlalchemy import bindparam, delete, func, select

from runlore import model
from runlore.catalog import schema
from runlore.catalog.changes import Changes, find_changes
from runlore.catalog.database import insert_rows
from runlore.catalog.journals import JournalsReader, Mark
from runlore.journal.decode import Context
from runlore.model import uid_time_ns
from runlore.store.detail import Detail
from runlore.store.summary import MetricSummary, RunSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

_BATCH_RUNS = 500
_SEALED = "events.parquet"


class _Known(NamedTuple):
    """What the catalog knew of a run when its journals were read."""

    run_id: int
    detail: str
    sealed: str | None
    points: int
    marks: dict[str, Mark]
    """By writer."""


class _Gain(NamedTuple):
    """What reading a run's files brought, to be applied in a transaction."""

    path: str
    mtime_ns: int
    known: _Known | None
    summary: RunSummary
    """Of the gain alone; its `detail` of the whole run."""
    marks: dict[str, Mark]
    alive: bool | None
    """Whether some writer lives; None: every journal is closed."""
    liveness: str | None
    settled: bool
    """Nothing more can come without the directory changing."""
    sealed: str | None
    replace: bool
    """What the catalog has of the run is to be replaced, not added to."""
    damage: list[str]
    """What of the run cannot be read at all at the moment, and why."""


def refresh(engine: Engine, root: str, progress: Callable[[int, int], None] | None = None) -> int:
    """Bring the catalog up to date with the runs under `root`.

    Args:
        engine: the catalog.
        root: the store's runs/ directory.
        progress: called with (runs looked at, runs to look at) after each batch.

    Returns:
        How many runs were looked at.
    """
    with engine.connect() as connection:
        changes = find_changes(connection, root)
    total = len(changes.candidates)
    for start in range(0, total, _BATCH_RUNS):
        batch = changes.candidates[start : start + _BATCH_RUNS]
        with engine.connect() as connection:
            known = _load(connection, [candidate.path for candidate in batch])
        gains = [_read_run(root, candidate.path, candidate.mtime_ns, known.get(candidate.path)) for candidate in batch]
        changed = [gain for gain in gains if gain is not None]
        if changed:
            with engine.connect().execution_options(begin="IMMEDIATE") as connection, connection.begin():
                _apply(connection, changed)
        if progress is not None:
            progress(min(start + _BATCH_RUNS, total), total)
    _remember(engine, changes)
    return total


def _remember(engine: Engine, changes: Changes) -> None:
    if not (changes.directories or changes.gone or changes.gone_directories):
        return
    with engine.connect().execution_options(begin="IMMEDIATE") as connection, connection.begin():
        paths = [*changes.directories, *changes.gone_directories]
        connection.execute(
            schema.directories.delete().where(schema.directories.c.path == bindparam("p")),
            [{"p": path} for path in paths],
        )
        if changes.directories:
            connection.execute(
                schema.directories.insert(), [{"path": p, "mtime_ns": m} for p, m in changes.directories.items()]
            )
        if changes.gone:
            connection.execute(
                schema.runs.delete().where(schema.runs.c.id == bindparam("i")), [{"i": i} for i in changes.gone]
            )


# -- reading --------------------------------------------------------------------------------------------------------


def _load(connection: Connection, paths: Sequence[str]) -> dict[str, _Known]:
    runs, journals = schema.runs, schema.journals
    rows = connection.execute(
        select(runs.c.path, runs.c.id, runs.c.detail, runs.c.sealed, runs.c.points).where(runs.c.path.in_(paths))
    ).all()
    marks: dict[int, dict[str, Mark]] = {row.id: {} for row in rows}
    if rows:
        columns = [journals.c[name] for name in Mark._fields]
        for run_id, writer, *mark in connection.execute(
            select(journals.c.run_id, journals.c.writer, *columns).where(journals.c.run_id.in_(list(marks)))
        ):
            marks[run_id][writer] = Mark(*mark)
    return {row.path: _Known(row.id, row.detail, row.sealed, row.points, marks[row.id]) for row in rows}


def _read_run(
    root: str, path: str, mtime_ns: int, known: _Known | None, *, anew: bool = False
) -> _Gain | None:  # fmt: skip
    """Read what a run's files gained; or all of it, anew. None where the directory vanished meanwhile."""
    directory = os.path.join(root, path)
    sealed = _sealed_identity(directory)
    replace = anew or known is None or sealed != known.sealed
    summary = RunSummary()
    marks: dict[str, Mark] = {}
    if sealed and replace:
        from runlore.store.sealed.files import read_summary

        footer = read_summary(directory)
        summary = RunSummary.load(footer["summary"])
        for writer, about in footer["writers"].items():
            offset = Context.load(about["context"]).offset
            marks[writer] = Mark(offset, "sealed", about["context"], about["lost"], json.dumps(about["damage"]), "")
    elif known is not None and not replace:
        summary.detail = Detail.load(known.detail)
        marks = dict(known.marks)
    reader = JournalsReader(directory, summary, marks)
    if not reader.read():
        return None
    if reader.is_doubtful and not replace:
        return _read_run(root, path, mtime_ns, known, anew=True)
    return _Gain(
        path, mtime_ns, known, summary, marks, reader.alive, reader.liveness, reader.settled, sealed, replace,
        reader.unreadable,
    )  # fmt: skip


def _sealed_identity(directory: str) -> str | None:
    try:
        found = os.stat(os.path.join(directory, _SEALED))
    except FileNotFoundError:
        return None
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


# -- applying -------------------------------------------------------------------------------------------------------


def _apply(connection: Connection, gains: list[_Gain]) -> None:
    """Write what was read, of those runs that nobody else has brought up to date meanwhile."""
    current = _load(connection, [gain.path for gain in gains])
    gains = [gain for gain in gains if _guard(current.get(gain.path)) == _guard(gain.known)]
    next_id = (connection.execute(select(func.max(schema.runs.c.id))).scalar() or 0) + 1
    new: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
    for gain in gains:
        if gain.known is None:
            run_id, next_id = next_id, next_id + 1
            new["runs"].append({"id": run_id, **_run_row(gain)})
        else:
            run_id = gain.known.run_id
            _make_way(connection, gain, run_id)
            connection.execute(schema.runs.update().where(schema.runs.c.id == run_id), _run_row(gain))
        _collect(new, gain, run_id)
    for name, rows in new.items():
        if rows:
            insert_rows(connection, _TABLES[name], rows)


_TABLES = {
    table.name: table
    for table in (schema.runs, schema.params, schema.tags, schema.metrics, schema.artifacts, schema.journals)
}


def _guard(known: _Known | None) -> Any:
    return None if known is None else (known.sealed, {writer: mark.offset for writer, mark in known.marks.items()})


def _make_way(connection: Connection, gain: _Gain, run_id: int) -> None:
    """Remove the rows that the gain replaces, and fold those into it that it adds to."""
    summary = gain.summary
    connection.execute(delete(schema.journals).where(schema.journals.c.run_id == run_id))
    if gain.replace:
        for table in (schema.params, schema.tags, schema.metrics, schema.artifacts):
            connection.execute(delete(table).where(table.c.run_id == run_id))
        return
    _merge_known(connection, summary, run_id)
    for table, keys in (
        (schema.params, summary.params),
        (schema.tags, summary.tags),
        (schema.metrics, summary.metrics),
    ):
        if keys:
            connection.execute(
                delete(table).where(table.c.run_id == bindparam("r"), table.c.key == bindparam("k")),
                [{"r": run_id, "k": _text(key)} for key in keys],
            )


def _merge_known(connection: Connection, summary: RunSummary, run_id: int) -> None:
    """Fold what the catalog has under the keys of the gain into the gain."""
    table = schema.metrics
    if summary.metrics:
        for row in connection.execute(select(table).where(table.c.run_id == run_id)).mappings():
            if row["key"] in summary.metrics:
                known = MetricSummary(row["count"], *(_nan(row[name], name) for name in _METRIC_COLUMNS))
                summary.metrics[row["key"]] = known.merge(summary.metrics[row["key"]])
    if summary.params:
        for key, time, text in connection.execute(
            select(schema.params.c.key, schema.params.c.time_ns, schema.params.c.json).where(
                schema.params.c.run_id == run_id
            )
        ):
            if key in summary.params and time > summary.params[key][0]:
                summary.params[key] = (time, text)
    if summary.tags:
        for key, time, value in connection.execute(
            select(schema.tags.c.key, schema.tags.c.time_ns, schema.tags.c.value).where(schema.tags.c.run_id == run_id)
        ):
            if key in summary.tags and time > summary.tags[key][0]:
                summary.tags[key] = (time, value)


_METRIC_COLUMNS = (
    "finite", "sum", "min", "min_step", "max", "max_step", "first", "first_step", "first_time_ns",
    "last", "last_step", "last_time_ns",
)  # fmt: skip


def _nan(value: Any, column: str) -> Any:
    """A NULL value of a metric is NaN; a NULL step is none."""
    return math.nan if value is None and not column.endswith("step") else value


def _run_row(gain: _Gain) -> dict[str, Any]:
    detail = gain.summary.detail
    status, ended, ended_ns, _ = detail.conclude()
    if not ended and not gain.alive:
        status, ended_ns = model.CRASHED, detail.last_ns
    directory, _, uid = gain.path.rpartition("/")
    started = detail.started_ns if detail.started_ns is not None else detail.first_ns
    damage = gain.damage + [item for mark in gain.marks.values() for item in json.loads(mark.damage)]
    points = gain.summary.points + (gain.known.points if gain.known and not gain.replace else 0)
    return {
        "uid": uid,
        "experiment": _text(detail.attribute("experiment") or unquote(directory)),
        "number": detail.attribute("number"),
        "name": _text(detail.attribute("name")),
        "status": status,
        "started_ns": started if started is not None else uid_time_ns(uid),
        "ended_ns": ended_ns,
        "updated_ns": detail.last_ns or uid_time_ns(uid),
        "user": detail.start.get("user"),
        "host": detail.start.get("host"),
        "description": _text(detail.attribute("description")),
        "group_name": _text(detail.attribute("group")),
        "parent_uid": detail.attribute("parent"),
        "points": points,
        "lost": sum(mark.lost for mark in gain.marks.values()),
        "detail": detail.dump(),
        "liveness": gain.liveness,
        "damage": json.dumps(damage) if damage else None,
        "deleted": int(bool(detail.attribute("deleted"))),
        "archived": int(bool(detail.attribute("archived"))),
        "path": gain.path,
        "state": ("sealed" if gain.sealed and not gain.alive else "ended") if gain.settled else "open",
        "mtime_ns": gain.mtime_ns,
        "sealed": gain.sealed,
    }


def _text(text: Any) -> str | None:
    """Text as SQL can hold it: lone surrogates as escapes. The exact text is in the run's events."""
    return None if text is None else str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def _collect(new: dict[str, list[dict[str, Any]]], gain: _Gain, run_id: int) -> None:
    """Rows of the other tables."""
    summary = gain.summary
    for key, (time, text) in summary.params.items():
        if text is None:
            continue
        number, words = _param_columns(text)
        new["params"].append(
            {"run_id": run_id, "key": _text(key), "num": number, "text": words, "json": text, "time_ns": time}
        )
    for key, (time, value) in summary.tags.items():
        if value is not None:
            new["tags"].append({"run_id": run_id, "key": _text(key), "value": _text(value), "time_ns": time})
    for key, metric in summary.metrics.items():
        new["metrics"].append(
            {
                "run_id": run_id,
                "key": _text(key),
                "count": metric.points,
                **dict(zip(_METRIC_COLUMNS, metric[1:], strict=True)),
            }
        )
    for (writer, sequence), values in summary.artifacts.items():
        new["artifacts"].append(
            {"run_id": run_id, "writer": writer, "sequence": sequence, **values, "name": _text(values["name"])}
        )
    for writer, mark in gain.marks.items():
        new["journals"].append({"run_id": run_id, "writer": writer, **mark._asdict()})


def _param_columns(text: str) -> tuple[float | None, str | None]:
    """What a param's JSON is as a number, and as a text, for comparison in SQL."""
    value = json.loads(text)
    if isinstance(value, str):
        return None, _text(value)
    if isinstance(value, (int, float)):
        try:
            return float(value), text
        except OverflowError:
            return (math.inf if value > 0 else -math.inf), text
    return None, (None if value is None else text)
