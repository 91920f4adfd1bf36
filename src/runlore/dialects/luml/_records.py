"""What a run recorded, in the shapes in which LUML gives it."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.dialects._native import is_number
from runlore.dialects.luml._experiments import ID_TAG
from runlore.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runlore.index.records import RunRecord
    from runlore.reader import Artifact
    from runlore.reader.session import Session
    from runlore.store.content import StoredEvent

EVAL = "eval"
EVAL_TRACE = "eval_trace"
ANNOTATION = "annotation"
MODEL_ARCHIVE = "model_archive"

_STATUSES = {model.SUCCEEDED: "completed", model.FAILED: "error", model.STOPPED: "error", model.CRASHED: "error"}
"""Everything else is `active`."""

_NO_ATTACHMENTS = frozenset({"code", "diff", "model", MODEL_ARCHIVE})
"""Kinds of artifacts that are no attachments: what is captured by itself, and models."""

SPAN_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
SPAN_STATUSES = ("unset", "ok", "error")


def status_of(status: str) -> str:
    """A run's status in LUML's words: `active`, `completed` or `error`."""
    return _STATUSES.get(status, "active")


def time_text(time_ns: int) -> str:
    """A time as LUML's databases write it, in UTC, with microseconds.

    Example:
        >>> time_text(1_700_000_000_123_456_789)
        '2023-11-14 22:13:20.123456'
    """
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}.{rest // 1000:06d}"


def list_experiments(session: Session, query: Any, order_by: Any, limit: int | None) -> list[dict[str, Any]]:
    """The experiments that a query finds; by default all, oldest first."""
    return _summaries(session, session.page(query, order_by or "started", limit, facts=True, last=True).runs)


def _summaries(session: Session, runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Experiments of a list: id, name, created_at, status, group, tags (in the order in which they were set)."""
    tags = {run.uid: dict(RunView(session, run).tags) for run in runs}
    several = [uid for uid, mine in tags.items() if len(mine.keys() - {ID_TAG}) > 1]
    for uid, events in session.store.events(several, [model.TAG]) if several else ():
        place = {event.key: number for number, event in enumerate(events)}
        tags[uid] = dict(sorted(tags[uid].items(), key=lambda tag: (place.get(tag[0], -1), tag[0])))
    return [_summary(run, tags[run.uid]) for run in runs]


def _summary(run: RunRecord, tags: Mapping[str, str]) -> dict[str, Any]:
    own = tags.get(ID_TAG)
    return {
        "id": run.uid if own is None else own,
        "name": run.name or (f"{run.experiment}#{run.number}" if own is None else own),
        "created_at": time_text(run.started_ns),
        "status": status_of(run.status),
        "group": run.experiment if own is None else run.group,
        "tags": [f"{key}={value}" if value else key for key, value in tags.items() if key != ID_TAG],
    }


def experiment(session: Session, view: RunView) -> dict[str, Any]:
    """One experiment, whole."""
    about = _summaries(session, [session.find(view.uid)])[0]
    return {
        "experiment_id": about["id"],
        "metadata": {key: about[key] for key in ("name", "created_at", "status", "group", "tags")},
        "static_params": params(view),
        "dynamic_metrics": {
            key: [{"value": point["value"], "step": point["step"]} for point in points]
            for key, points in series(view).items()
        },
        "attachments": {
            name: {"file_path": name, "created_at": time_text(item.time_ns)} for name, item in attachments(view).items()
        },
    }


def params(view: RunView) -> dict[str, Any]:
    """The params, in the order in which they were logged first."""
    logged = dict.fromkeys(event.key for event in view.events(model.PARAM) if event.key in view.params)
    return {key: view.params[key] for key in {**logged, **view.params}}


def series(view: RunView, key: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """The points of each series by step: value, step, logged_at. Of several points at one step the last one counts.

    Points that were recorded without a step get one: they go on after the greatest step, in the order of their times.
    """
    found: dict[str, dict[float, tuple[float, int]]] = {}
    without: dict[str, list[tuple[float, int]]] = {}
    for name, step, value, time in _points(view, key):
        points = found.setdefault(name, {})
        if math.isnan(step):
            without.setdefault(name, []).append((value, time))
        else:
            points[step] = (value, time)
    for name, rest in without.items():
        last = max((step for step in found[name] if math.isfinite(step)), default=-1.0)
        found[name].update({last + 1 + index: point for index, point in enumerate(rest)})
    return {
        name: [
            {"value": value, "step": int(step) if step.is_integer() else step, "logged_at": time_text(time)}
            for step, (value, time) in sorted(points.items())
        ]
        for name, points in sorted(found.items())
    }


def _points(view: RunView, key: str | None) -> list[tuple[str, float, float, int]]:
    """(key, step, value, time in ns) of every point, in time order; without what was measured of the machine."""
    points = view.recorded().points(None if key is None else [key])
    names = [points.names[number] for number in points.key.tolist()]
    found = list(zip(names, points.step.tolist(), points.value.tolist(), points.time_ns.tolist(), strict=True))
    with_columns = [
        (event.key, math.nan if event.step is None else event.step, float(event.value), event.time_ns)
        for event in view.events(model.METRIC)
        if is_number(event.value) and key in (None, event.key)
    ]
    if with_columns:
        found = sorted([*found, *with_columns], key=lambda point: point[3])
    return [point for point in found if not point[0].startswith("system/")]


def attachments(view: RunView) -> dict[str, Artifact]:
    """The latest version of each attachment, by name."""
    return {
        item.name: item
        for item in sorted(view.artifacts(), key=lambda item: item.time_ns)
        if item.kind not in _NO_ATTACHMENTS and item.digest is not None
    }


def spans(view: RunView) -> list[dict[str, Any]]:
    """Spans by start: of those with the same trace and span id the one that was recorded last."""
    found = {}
    for event in _in_order(view.events(model.SPAN)):
        if isinstance(event.value, dict):
            found[event.value["trace_id"], event.value["span_id"]] = {"name": event.key, **event.value}
    return sorted(found.values(), key=lambda span: span["start_ns"])


def evals(view: RunView) -> list[dict[str, Any]]:
    """Evaluated samples: of those with the same dataset and id the one that was recorded last."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for event in _in_order(view.events(EVAL)):
        sample = {"id": event.key, **event.value, "time_ns": event.time_ns}
        before = found.get((event.value["dataset_id"], event.key))
        sample["created_ns"] = before["created_ns"] if before else event.time_ns
        found[event.value["dataset_id"], event.key] = sample
    return list(found.values())


def facts(view: RunView, kind: str) -> list[dict[str, Any]]:
    """Links between samples and traces, or annotations, in time order."""
    return [{"key": event.key, **event.value, "time_ns": event.time_ns} for event in view.events(kind)]


def _in_order(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """In the order of recording, as far as it is known: a span's time is its start."""
    return sorted(events, key=lambda event: (event.writer, event.sequence))


def span_type(attributes: Mapping[str, Any]) -> int:
    """What LUML takes a span for: 1 chat, 2 agent, 3 tool, 4 embedder, 0 anything else."""
    operation = attributes.get("gen_ai.operation.name")
    return {
        "chat": 1, "text_completion": 1, "generate_content": 1, "create_agent": 2, "invoke_agent": 2,
        "execute_tool": 3, "embeddings": 4,
    }.get(operation if isinstance(operation, str) else "", 0)  # fmt: skip


def json_text(value: Any) -> str | None:
    """A value as LUML's JSON columns hold it; empty ones are NULL."""
    return json.dumps(value) if value else None
