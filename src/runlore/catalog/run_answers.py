"""What the catalog answers of runs: rows as frozen records, by uid, in batches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runlore.catalog.packed import KeysReader, PackedSeries
from runlore.catalog.records import FROM_FACTS, RecordsReader, text_or_none
from runlore.errors import InvalidArgument
from runlore.index.records import ArtifactRecord, ExperimentRecord
from runlore.stored_text import from_stored, to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.catalog.database.base import Connection
    from runlore.index.records import RunRecord, SeriesRecord
    from runlore.index.reference import RunReference

KINDS = ("params", "metrics", "tags")


def runs_by_id(connection: Connection, ids: Sequence[int], *, facts: bool) -> list[RunRecord]:
    """Runs in the order of their row ids."""
    reader = RecordsReader(facts=facts)
    rows = connection.rows(f"SELECT runs.id, {reader.columns} FROM runs {reader.joined} WHERE runs.id IN ??", list(ids))
    by_id = {run_id: row for run_id, *row in rows}
    return [reader.record(by_id[run_id]) for run_id in ids if run_id in by_id]


def runs_by_uid(connection: Connection, uids: Sequence[str], *, facts: bool) -> list[RunRecord]:
    """Runs in the order of their uids; those that are gone are left out."""
    reader = RecordsReader(facts=facts)
    rows = connection.rows(f"SELECT {reader.columns} FROM runs {reader.joined} WHERE runs.uid IN ??", list(uids))
    by_uid = {row[0]: row for row in rows}
    return [reader.record(by_uid[uid]) for uid in uids if uid in by_uid]


def latest_runs(connection: Connection, limit: int, *, facts: bool) -> list[RunRecord]:
    """The runs that were recorded to, or whose directories changed, last."""
    reader = RecordsReader(facts=facts)
    latest = "CASE WHEN runs.mtime_ns > runs.updated_ns THEN runs.mtime_ns ELSE runs.updated_ns END"
    chosen = f"SELECT id FROM runs ORDER BY {latest} DESC, runs.uid DESC LIMIT ?"
    rows = connection.rows(
        f"SELECT {reader.columns} FROM runs {reader.joined} WHERE runs.id IN ({chosen}) "
        f"ORDER BY {latest} DESC, runs.uid DESC",
        limit,
    )
    return [reader.record(row) for row in rows]


def arrived_runs(connection: Connection, limit: int, *, facts: bool) -> list[RunRecord]:
    """The runs that the catalog took in last: those with the greatest row ids."""
    ids = [run_id for (run_id,) in connection.rows("SELECT id FROM runs ORDER BY id DESC LIMIT ?", limit)]
    return runs_by_id(connection, ids, facts=facts)


def find_runs(connection: Connection, reference: RunReference, *, facts: bool) -> list[RunRecord]:
    """The runs that a reference could mean, at most three."""
    reader = RecordsReader(facts=facts)
    condition, *values = _meaning(reference)
    rows = connection.rows(f"SELECT {reader.columns} FROM runs {reader.joined} WHERE {condition}", *values)
    return [reader.record(row) for row in rows]


def _meaning(reference: RunReference) -> tuple[Any, ...]:
    """A condition, an order and a limit, and the values in them."""
    if reference.uid is not None:
        return "runs.uid = ? LIMIT 1", reference.uid
    if reference.prefix is not None:
        return "runs.uid >= ? AND runs.uid < ? ORDER BY runs.uid LIMIT 3", reference.prefix, reference.prefix + "g"
    if reference.number is None:
        return ("FALSE",)
    experiment = to_stored(reference.experiment or "")
    if reference.number >= 0:
        order = "ORDER BY deleted, runs.uid LIMIT 3"
        return f"experiment = ? AND number = ? {order}", experiment, reference.number
    order = "ORDER BY number DESC, runs.uid DESC LIMIT 1 OFFSET ?"
    return f"experiment = ? AND number IS NOT NULL AND deleted = 0 {order}", experiment, -reference.number - 1


def series(
    connection: Connection, uids: Sequence[str], keys: Sequence[str] | None
) -> dict[str, dict[str, SeriesRecord]]:  # fmt: skip
    """Each series of runs in numbers."""
    reader = KeysReader()
    rows = connection.rows(f"SELECT runs.uid, keys, last, series {FROM_FACTS} WHERE runs.uid IN ??", list(uids))
    by_uid = {uid: PackedSeries(reader.read(known), last, others) for uid, known, last, others in rows}
    return {uid: by_uid[uid].records(keys) for uid in uids if uid in by_uid}


_ARTIFACTS = (
    "SELECT runs.uid, artifacts.name, step, digest, size, media_type, kind, metadata, time_ns "
    "FROM runs JOIN artifacts ON artifacts.run_id = runs.id WHERE runs.uid IN ?? "
    "ORDER BY time_ns, writer, sequence"
)


def artifacts(connection: Connection, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:
    """Every version of every artifact of runs."""
    known = {uid for (uid,) in connection.rows("SELECT uid FROM runs WHERE uid IN ??", list(uids))}
    found: dict[str, list[ArtifactRecord]] = {uid: [] for uid in uids if uid in known}
    for uid, name, step, digest, size, media_type, kind, metadata, time_ns in connection.rows(_ARTIFACTS, list(uids)):
        about = json.loads(metadata) if metadata else {}
        found[uid].append(
            ArtifactRecord(
                uid,
                from_stored(name),
                step,
                text_or_none(digest),
                size,
                text_or_none(media_type),
                from_stored(kind),
                about,
                time_ns,
            )
        )
    for mine in found.values():
        mine.sort(key=lambda item: (item.name, item.step is not None, item.step or 0.0, item.time_ns))
    return found


def _matcher(experiment: Any) -> Callable[[str], bool]:
    """Whether a name is wanted. The language of queries is loaded for nothing less than a name."""
    if experiment is None:
        return lambda _: True
    from runlore.query.globs import experiment_matcher

    return experiment_matcher(experiment)


_EXPERIMENTS = (
    "SELECT experiment, status, count(*), max(updated_ns) FROM runs WHERE deleted = 0 "
    "GROUP BY experiment, status ORDER BY experiment, status"
)


def experiments(connection: Connection, pattern: Any) -> list[ExperimentRecord]:
    """Experiments with runs that are not deleted, by name."""
    wanted = _matcher(pattern)
    statuses: dict[str, dict[str, int]] = {}
    latest: dict[str, int] = {}
    for stored, status, count, updated in connection.rows(_EXPERIMENTS):
        name = from_stored(stored)
        if wanted(name):
            statuses.setdefault(name, {})[from_stored(status)] = count
            latest[name] = max(latest.get(name, 0), updated)
    return [ExperimentRecord(name, sum(found.values()), found, latest[name]) for name, found in statuses.items()]


def keys(connection: Connection, kind: str, experiment: Any) -> list[str]:
    """All keys of one kind that runs have which are not deleted."""
    if kind not in KINDS:
        raise InvalidArgument(f"kind={kind!r} must be one of {', '.join(KINDS)}")
    wanted = _matcher(experiment)
    reader = KeysReader()
    rows = connection.rows(f"SELECT DISTINCT experiment, keys {FROM_FACTS} WHERE deleted = 0")
    shared = {known for name, known in rows if wanted(from_stored(name))}
    return sorted({key for known in shared for key in getattr(reader.read(known), kind)})
