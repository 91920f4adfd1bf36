"""What the lists of a run in memory say of it, worked out point by point and event by event: the oracle of an index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.index.records import ArtifactRecord, RunFacts, RunRecord, SeriesRecord
from runlore.store.detail import Detail
from runlore.store.summary import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.store.content import StoredEvent
    from runlore.testing.memory_run import MemoryRun

SAID_LATER = frozenset({model.ATTRIBUTE, model.TAG, model.NOTE, "removed"})
"""What people add to runs that are over: no sign of life."""


def record_of(run: MemoryRun, *, facts: bool) -> RunRecord:
    """The run as an index has it."""
    events = run.events()
    detail = detail_of(run, events)
    status, ended, ended_ns, _ = detail.conclude()
    alive = run.is_alive()[0]
    if not ended and not alive:
        status, ended_ns = model.CRASHED, detail.last_ns
    started = detail.started_ns if detail.started_ns is not None else detail.first_ns
    started = model.uid_time_ns(run.uid) if started is None else started
    updated = detail.last_ns or model.uid_time_ns(run.uid)
    series = series_of(run, events)
    return RunRecord(
        uid=run.uid,
        experiment=detail.attribute("experiment") or run.experiment,
        number=detail.attribute("number"),
        name=detail.attribute("name"),
        status=status,
        started_ns=started,
        ended_ns=ended_ns,
        updated_ns=updated,
        active_ns=detail.active_ns(),
        user=detail.start.get("user"),
        host=detail.start.get("host"),
        description=detail.attribute("description"),
        group=detail.attribute("group"),
        parent=detail.attribute("parent"),
        points=sum(found.points for found in series.values()),
        lost=0,
        liveness="lock" if alive else None if ended else "closed",
        damage=(),
        archived=bool(detail.attribute("archived")),
        deleted=bool(detail.attribute("deleted")),
        is_open=alive,
        facts=_facts(events, series, detail) if facts else None,
    )


def detail_of(run: MemoryRun, events: Iterable[StoredEvent]) -> Detail:
    """What the events say of the run itself."""
    detail = Detail()
    for event in events:
        if event.kind not in SAID_LATER:
            detail.saw(event.writer, event.time_ns, event.time_ns)
        detail.apply(event)
    for point in run.points_:
        detail.saw(point.writer, point.time_ns, point.time_ns)
    return detail


def _facts(events: Iterable[StoredEvent], series: dict[str, SeriesRecord], detail: Detail) -> RunFacts:
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    for event in events:
        if event.kind == model.PARAM:
            params[event.key] = event.value
        elif event.kind == model.UNSET and event.value == model.PARAM:
            params.pop(event.key, None)
        elif event.kind == model.TAG and event.value is None:
            tags.pop(event.key, None)
        elif event.kind == model.TAG:
            tags[event.key] = event.value
    return RunFacts(
        dict(sorted(params.items())),
        {key: found.last for key, found in sorted(series.items())},
        dict(sorted(tags.items())),
        detail.dump(),
    )


def series_of(run: MemoryRun, events: Iterable[StoredEvent]) -> dict[str, SeriesRecord]:
    """Each series in numbers. Points with columns of their own are events of kind `metric`."""
    points: dict[str, list[tuple[float, int, str, int, float]]] = {}
    for point in run.points_:
        place = -math.inf if math.isnan(point.step) else point.step
        points.setdefault(point.key, []).append((place, point.time_ns, point.writer, point.sequence, point.value))
    for event in events:
        if event.kind == model.METRIC and is_number(event.value):
            place = -math.inf if event.step is None else event.step
            row = (place, event.time_ns, event.writer, event.sequence, float(event.value))
            points.setdefault(event.key, []).append(row)
    return {key: _in_numbers(sorted(rows, key=lambda row: row[:4])) for key, rows in sorted(points.items())}


def value_at(run: MemoryRun, key: str, step: float) -> float | None:
    """The last value of a series at exactly this step, or None."""
    points = run.points([key])
    at = points.value[points.step == step]
    return float(at[-1]) if len(at) else None


def _in_numbers(rows: list[tuple[float, int, str, int, float]]) -> SeriesRecord:
    known = [row for row in rows if not math.isnan(row[4])]
    low = min(known, key=lambda row: row[4], default=rows[0])
    high = max(known, key=lambda row: row[4], default=rows[0])
    first, last = rows[0], rows[-1]
    return SeriesRecord(
        len(rows), len(known), sum(row[4] for row in known) if known else 0.0,
        low[4], _step(low[0]), high[4], _step(high[0]),
        first[4], _step(first[0]), first[1], last[4], _step(last[0]), last[1],
    )  # fmt: skip


def _step(place: float) -> float | None:
    return None if place == -math.inf else place


def artifacts_of(run: MemoryRun) -> list[ArtifactRecord]:
    """Every version of every artifact, by name, step and time."""
    found = []
    for event in run.events([model.ARTIFACT]):
        if isinstance(event.value, dict):
            known = {name: event.value.get(name) for name in ("digest", "size", "media_type")}
            kind = event.value.get("kind", "file")
            rest = {k: v for k, v in event.value.items() if k not in (*known, "kind")}
            about = {**rest, **event.extra}
            found.append(
                ArtifactRecord(
                    run.uid, event.key, event.step, kind=kind, metadata=about, time_ns=event.time_ns, **known
                )
            )
    return sorted(found, key=lambda item: (item.name, item.step is not None, item.step or 0.0, item.time_ns))
