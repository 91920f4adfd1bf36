"""Runs and experiments as plain values: for programs that print or send them, and need no DataFrame.

Nothing here imports pandas, so the answer comes as fast as the catalog gives it. Times are ISO 8601 in UTC with
nanoseconds; a metric that is NaN is the float NaN, one that a run does not have is absent.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from runlore.catalog import schema
from runlore.catalog.search.experiments import experiment_condition
from runlore.errors import RunNotFound
from runlore.reader.run_view import RunView
from runlore.reader.session import grouped, json_or_none, nan_if_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import RowMapping

    from runlore.reader.session import Session


def iso_time(time_ns: int | None) -> str | None:
    """A time in ns as ISO 8601 text with nine digits after the second; None stays None.

    Example:
        >>> iso_time(1_700_000_000_123_456_789)
        '2023-11-14T22:13:20.123456789Z'
    """
    if time_ns is None:
        return None
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def experiment_records(session: Session, pattern: str | None = None) -> list[dict[str, Any]]:
    """The experiments of a store by name: `experiment`, `runs`, `statuses` (count of each), `updated`.

    Args:
        session: the store, up to date.
        pattern: a name or a glob such as `vision/*`; None: all.
    """
    table = schema.runs
    query = (
        select(table.c.experiment, table.c.status, func.count(), func.max(table.c.updated_ns))
        .where(table.c.deleted == 0)
        .group_by(table.c.experiment, table.c.status)
        .order_by(table.c.experiment, table.c.status)
    )
    if pattern is not None:
        query = query.where(experiment_condition(pattern, session.functions))
    found: dict[str, dict[str, Any]] = {}
    latest: dict[str, int] = {}
    with session.catalog.connect() as connection, session.functions.session(connection, 30.0):
        for name, status, count, updated in connection.execute(query):
            record = found.setdefault(name, {"experiment": name, "runs": 0, "statuses": {}, "updated": None})
            record["runs"] += count
            record["statuses"][status] = count
            latest[name] = max(latest.get(name, 0), updated)
    for name, record in found.items():
        record["updated"] = iso_time(latest[name])
    return list(found.values())


def keys_of(session: Session, kind: str) -> list[str]:
    """All keys that runs have, sorted.

    Args:
        session: the store, up to date.
        kind: `params`, `metrics` or `tags`.
    """
    table = {"params": schema.params, "metrics": schema.metrics, "tags": schema.tags}[kind]
    with session.catalog.connect() as connection:
        return sorted(key for (key,) in connection.execute(select(table.c.key).distinct()))


def run_records(session: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Runs in the order of the ids: their attributes, then `params`, `metrics` (last values) and `tags` by key."""
    rows = session.rows(ids)
    present = [row["id"] for row in rows]
    params = grouped(session.select(schema.params, present))
    metrics = grouped(session.select(schema.metrics, present))
    tags = grouped(session.select(schema.tags, present))
    return [
        {
            **attributes(row),
            "params": _by_key(params.get(row["id"], ()), lambda item: json_or_none(item["json"])),
            "metrics": _by_key(metrics.get(row["id"], ()), lambda item: nan_if_none(item["last"])),
            "tags": _by_key(tags.get(row["id"], ()), lambda item: item["value"]),
        }
        for row in rows
    ]


def attributes(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What the catalog's table of runs says of one run."""
    end_ns = row["ended_ns"] if row["ended_ns"] is not None else row["updated_ns"]
    return {
        "uid": row["uid"],
        "experiment": row["experiment"],
        "number": row["number"],
        "name": row["name"],
        "status": row["status"],
        "started": iso_time(row["started_ns"]),
        "ended": iso_time(row["ended_ns"]),
        "duration_s": (end_ns - row["started_ns"]) / 1e9,
        "user": row["user"],
        "host": row["host"],
        "group": row["group_name"],
        "parent": row["parent_uid"],
        "description": row["description"],
        "points": row["points"],
        "lost": row["lost"],
        "archived": bool(row["archived"]),
        "deleted": bool(row["deleted"]),
    }


def _by_key(rows: Iterable[RowMapping], value: Any) -> dict[str, Any]:
    return {row["key"]: value(row) for row in sorted(rows, key=lambda row: row["key"])}


def metric_records(session: Session, run_id: int) -> dict[str, dict[str, Any]]:
    """The series of one run in numbers, by key: count, last, last_step, first, min, min_step, max, max_step, mean."""
    found = {}
    for row in sorted(session.select(schema.metrics, [run_id]), key=lambda row: row["key"]):
        values = {name: nan_if_none(row[name]) for name in ("last", "first", "min", "max")}
        steps = {name: row[name] for name in ("last_step", "min_step", "max_step")}
        mean = row["sum"] / row["finite"] if row["finite"] and row["sum"] is not None else math.nan
        found[row["key"]] = {"count": row["count"], **values, **steps, "mean": mean}
    return found


def find_view(session: Session, run: str) -> RunView:
    """The run that a person means, deleted ones included: its uid, the beginning of it, or `experiment#number`.

    A negative number counts from the experiment's latest run back: `iris#-1`.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    name, mark, number = run.rpartition("#")
    if not mark or not number.lstrip("-").isdigit():
        return RunView(session, session.find(run))
    table = schema.runs
    query = select(table).where(table.c.experiment == name)
    wanted = int(number)
    if wanted < 0:
        query = query.where(table.c.deleted == 0).order_by(table.c.number.desc(), table.c.id.desc())
        query = query.offset(-wanted - 1).limit(1)
    else:
        query = query.where(table.c.number == wanted).order_by(table.c.deleted).limit(2)
    with session.catalog.connect() as connection:
        rows = connection.execute(query).mappings().all()
    if not rows:
        raise RunNotFound(
            f"no run {run!r} in the store {session.store.root!r}; `runlore ls` lists experiments, "
            "`runlore runs` lists runs"
        )
    if len(rows) > 1 and rows[0]["deleted"] == rows[1]["deleted"]:
        raise RunNotFound(
            f"{run!r}: several runs have this number, for example {rows[0]['uid']} and {rows[1]['uid']}; "
            "name one by its uid, and give them numbers of their own with `runlore doctor --repair`"
        )
    return RunView(session, rows[0])
