"""What the catalog answers of runs: rows as frozen records, by uid, in batches."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select

from runlore.catalog import schema
from runlore.catalog.search.experiments import experiment_condition
from runlore.errors import InvalidArgument
from runlore.index.records import ArtifactRecord, ExperimentRecord, RunFacts, RunRecord, SeriesRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, RowMapping

    from runlore.catalog.search import QueryFunctions
    from runlore.index.reference import RunReference

_IDS = select(func.json_each(bindparam("ids", type_=Text)).table_valued("value").c.value)
"""Keys of rows as one parameter, however many they are: the database has no limit for them, and reads the SQL once."""

KINDS = {"params": schema.params, "metrics": schema.metrics, "tags": schema.tags}


def _as_parameter(values: Iterable[Any]) -> dict[str, str]:
    return {"ids": json.dumps(list(values))}


def runs_by_id(connection: Connection, ids: Sequence[int], *, facts: bool) -> list[RunRecord]:
    """Runs in the order of their row ids; those that are gone are left out."""
    rows = connection.execute(select(schema.runs).where(schema.runs.c.id.in_(_IDS)), _as_parameter(ids)).mappings()
    by_id = {row["id"]: row for row in rows}
    return _records(connection, [by_id[run_id] for run_id in ids if run_id in by_id], facts=facts)


def runs_by_uid(connection: Connection, uids: Sequence[str], *, facts: bool) -> list[RunRecord]:
    """Runs in the order of their uids; those that are gone are left out."""
    rows = connection.execute(select(schema.runs).where(schema.runs.c.uid.in_(_IDS)), _as_parameter(uids)).mappings()
    by_uid = {row["uid"]: row for row in rows}
    return _records(connection, [by_uid[uid] for uid in uids if uid in by_uid], facts=facts)


def find_runs(connection: Connection, reference: RunReference, *, facts: bool) -> list[RunRecord]:
    """The runs that a reference could mean, at most three."""
    table = schema.runs
    query = select(table).limit(3)
    if reference.uid is not None:
        query = query.where(table.c.uid == reference.uid)
    elif reference.prefix is not None:
        query = query.where(table.c.uid >= reference.prefix, table.c.uid < reference.prefix + "g").order_by(table.c.uid)
    elif reference.number is None:
        return []
    elif reference.number < 0:
        mine = query.where(table.c.experiment == reference.experiment, table.c.deleted == 0)
        query = mine.order_by(table.c.number.desc(), table.c.id.desc()).offset(-reference.number - 1).limit(1)
    else:
        mine = query.where(table.c.experiment == reference.experiment, table.c.number == reference.number)
        query = mine.order_by(table.c.deleted, table.c.uid)
    return _records(connection, connection.execute(query).mappings().all(), facts=facts)


def _records(connection: Connection, rows: Sequence[RowMapping], *, facts: bool) -> list[RunRecord]:
    found = _facts(connection, rows) if facts else {}
    return [_record(row, found.get(row["id"])) for row in rows]


def _record(row: RowMapping, facts: RunFacts | None) -> RunRecord:
    end_ns = row["ended_ns"] if row["ended_ns"] is not None else row["updated_ns"]
    return RunRecord(
        uid=row["uid"],
        experiment=row["experiment"],
        number=row["number"],
        name=row["name"],
        status=row["status"],
        started_ns=row["started_ns"],
        ended_ns=row["ended_ns"],
        updated_ns=row["updated_ns"],
        active_ns=end_ns - row["started_ns"],
        user=row["user"],
        host=row["host"],
        description=row["description"],
        group=row["group_name"],
        parent=row["parent_uid"],
        points=row["points"],
        lost=row["lost"],
        liveness=row["liveness"],
        damage=tuple(json.loads(row["damage"])) if row["damage"] else (),
        archived=bool(row["archived"]),
        deleted=bool(row["deleted"]),
        is_open=row["state"] == "open",
        facts=facts,
    )


def _facts(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, RunFacts]:
    ids = [row["id"] for row in rows]
    params: dict[int, dict[str, Any]] = {run_id: {} for run_id in ids}
    metrics: dict[int, dict[str, float]] = {run_id: {} for run_id in ids}
    tags: dict[int, dict[str, str]] = {run_id: {} for run_id in ids}
    for run_id, key, text in _cells(connection, schema.params, "json", ids):
        params[run_id][key] = json.loads(text)
    for run_id, key, value in _cells(connection, schema.metrics, "last", ids):
        metrics[run_id][key] = math.nan if value is None else value
    for run_id, key, value in _cells(connection, schema.tags, "value", ids):
        tags[run_id][key] = value
    return {row["id"]: RunFacts(params[row["id"]], metrics[row["id"]], tags[row["id"]], row["detail"]) for row in rows}


def _cells(connection: Connection, table: Any, column: str, ids: Sequence[int]) -> Sequence[Any]:
    chosen = select(table.c.run_id, table.c.key, table.c[column]).where(table.c.run_id.in_(_IDS))
    return connection.execute(chosen.order_by(table.c.run_id, table.c.key), _as_parameter(ids)).all()


_SERIES = (
    "count", "finite", "sum", "min", "min_step", "max", "max_step", "first", "first_step", "first_time_ns", "last",
    "last_step", "last_time_ns",
)  # fmt: skip


def series(
    connection: Connection, uids: Sequence[str], keys: Sequence[str] | None
) -> dict[str, dict[str, SeriesRecord]]:  # fmt: skip
    """Each series of runs in numbers."""
    table = schema.metrics
    query = (
        select(schema.runs.c.uid, table.c.key, *(table.c[name] for name in _SERIES))
        .join(table, table.c.run_id == schema.runs.c.id)
        .where(schema.runs.c.uid.in_(_IDS))
        .order_by(table.c.key)
    )
    if keys is not None:
        query = query.where(table.c.key.in_(list(keys)))
    found: dict[str, dict[str, SeriesRecord]] = {uid: {} for uid in uids}
    for uid, key, *numbers in connection.execute(query, _as_parameter(uids)):
        found[uid][key] = SeriesRecord(*map(_number, _SERIES, numbers))
    return found


def _number(column: str, value: Any) -> Any:
    """A NULL value of a metric is NaN; a NULL step is none."""
    return math.nan if value is None and not column.endswith("step") else value


def artifacts(connection: Connection, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:
    """Every version of every artifact of runs."""
    table = schema.artifacts
    query = (
        select(schema.runs.c.uid, table)
        .join(table, table.c.run_id == schema.runs.c.id)
        .where(schema.runs.c.uid.in_(_IDS))
        .order_by(table.c.time_ns, table.c.writer, table.c.sequence)
    )
    found: dict[str, list[ArtifactRecord]] = {uid: [] for uid in uids}
    for row in connection.execute(query, _as_parameter(uids)).mappings():
        about = json.loads(row["metadata"]) if row["metadata"] else {}
        found[row["uid"]].append(
            ArtifactRecord(
                row["uid"], row["name"], row["step"], row["digest"], row["size"], row["media_type"], row["kind"],
                about, row["time_ns"],
            )
        )  # fmt: skip
    for mine in found.values():
        mine.sort(key=lambda item: (item.name, item.step is not None, item.step or 0.0, item.time_ns))
    return found


def experiments(connection: Connection, pattern: Any, functions: QueryFunctions) -> list[ExperimentRecord]:
    """Experiments with runs that are not deleted, by name."""
    table = schema.runs
    query = (
        select(table.c.experiment, table.c.status, func.count(), func.max(table.c.updated_ns))
        .where(table.c.deleted == 0)
        .group_by(table.c.experiment, table.c.status)
        .order_by(table.c.experiment, table.c.status)
    )
    if pattern is not None:
        query = query.where(experiment_condition(pattern, functions))
    statuses: dict[str, dict[str, int]] = {}
    latest: dict[str, int] = {}
    for name, status, count, updated in connection.execute(query):
        statuses.setdefault(name, {})[status] = count
        latest[name] = max(latest.get(name, 0), updated)
    return [ExperimentRecord(name, sum(found.values()), found, latest[name]) for name, found in statuses.items()]


def keys(connection: Connection, kind: str, experiment: Any, functions: QueryFunctions) -> list[str]:
    """All keys of one kind that runs have which are not deleted."""
    if kind not in KINDS:
        raise InvalidArgument(f"kind={kind!r} must be one of {', '.join(KINDS)}")
    table = KINDS[kind]
    mine = select(table.c.key).distinct().join(schema.runs, schema.runs.c.id == table.c.run_id)
    query = mine.where(schema.runs.c.deleted == 0)
    if experiment is not None:
        query = query.where(experiment_condition(experiment, functions))
    return sorted(key for (key,) in connection.execute(query))
