"""What clients log of a run: metrics, params, tags, alone and in batches. The hot path: no index is asked."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import contextmanager
from itertools import repeat
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from runlore import model
from runlore.errors import NotStored, RunNotFound
from runlore.names import is_uid
from runlore.plain import from_text
from runlore.server.endpoint import JSON, WRITE, Endpoint
from runlore.server.mlflow import entities
from runlore.server.mlflow.message import (
    MISSING,
    PATH,
    Message,
    MlflowError,
    as_number,
    endpoint,
    guarded,
    lacking,
    read,
)
from runlore.server.mlflow.values import (
    MAX_BATCH_BYTES,
    MAX_PARAM,
    MAX_TAG,
    check_counts,
    check_key,
    read_pair,
    read_point,
)
from runlore.server.problems import NO_ROOM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from runlore.recorder import Recorder
    from runlore.server.context import Context
    from runlore.server.endpoint import Call
    from runlore.server.mlflow.values import Point
    from runlore.server.recorders import Held

_RUN_ID = re.compile(rb'"run_id"\s*:\s*"([0-9a-f]{32})"')
_LINKS = ("model_id", "dataset_name", "dataset_digest")
"""Fields of a point by which it is one of something besides the run."""
_ATTRIBUTES = {entities.RUN_NAME: "name", entities.PARENT: "parent", entities.NOTE: "description"}
"""Tags that say what runs have as attributes."""


def no_run(uid: str) -> MlflowError:
    """That there is no such run."""
    return MlflowError(f"Run with id={uid[:100]} not found", MISSING)


def run_id(message: Message) -> str:
    """The run that is meant, by either of the names that the field has had.

    Raises:
        MlflowError: none is named.
    """
    return message.text("run_id") or message.text("run_uuid") or message.required("run_id")


@contextmanager
def held(context: Context, uid: str, *, deleted_too: bool = False) -> Iterator[Held]:
    """A run that is written to. What its recorder cannot keep, and counts, the client is told here, who can repeat it.

    Args:
        context: what the server works on.
        uid: of the run.
        deleted_too: also one in the trash.

    Raises:
        MlflowError: there is none, or it is in the trash.
        NotStored: the disk was full meanwhile. Of what was to be recorded, a part at the beginning may be.
    """
    if not is_uid(uid):
        raise no_run(uid)
    try:
        with context.recorders.hold(uid) as found:
            if "deleted" not in found.known:
                found.known["deleted"] = _is_deleted(found)
            if found.known["deleted"] and not deleted_too:
                raise MlflowError(f"The run {uid} must be in the 'active' state. Current state is deleted.")
            lost = found.lost
            yield found
            if found.lost > lost:
                raise NotStored(f"not everything could be recorded of run {uid}: the disk is full. Send it again later")
    except RunNotFound:
        raise no_run(uid) from None


def _is_deleted(found: Held) -> bool:
    said = [event for event in found.run.events([model.ATTRIBUTE]) if event.key == "deleted"]
    return bool(said and said[-1].value)


# -- one at a time ----------------------------------------------------------------------------------------------------


async def log_metric_soon(call: Call) -> Response:
    """Record one point, without a thread of its own where the run's recorder is open: that takes microseconds."""
    call.raw = await call.context.read_body(call.request)
    if call.context.recorders.is_open(_uid_in(call.raw)):
        return guarded(lambda: log_metric(read(call)))
    return await run_in_threadpool(guarded, lambda: log_metric(read(call)))


def _uid_in(raw: bytes) -> str:
    """The run that a body names; empty where it does not say so plainly."""
    found = _RUN_ID.search(raw)
    return found[1].decode() if found else ""


@contextmanager
def _held_alone(message: Message, uid: str) -> Iterator[Held]:
    """As `held`, by a call that changes nothing but this run."""
    if message.call is not None:
        message.call.wrote = (uid,)
    with held(message.context, uid) as found:
        yield found


def log_metric(message: Message) -> dict[str, Any]:
    """Record one point."""
    uid = run_id(message)
    point = read_point(message.fields)
    with _held_alone(message, uid) as found:
        found.recorder.scalar(*point)
        link_to_model(found, point, message)
    return {}


def link_to_model(found: Held, point: Point, message: Message) -> None:
    """Record that a point is one of a logged model, or of a dataset, where it says so."""
    if message.fields.keys().isdisjoint(_LINKS):
        return
    said = {name: message.text(name) for name in _LINKS if message.has(name)}
    if not said:
        return
    time_ns = None if point.time is None else round(point.time.timestamp() * 1e3) * entities.MILLISECOND
    value = {"value": as_number(point.value), **said}
    found.recorder.event(MODEL_METRIC, point.key, value, step=point.step, time_ns=time_ns)
    mark = f"{entities.HIDDEN}model:{said.get('model_id')}"
    if "model_id" in said and mark not in found.known:
        found.known[mark] = True
        found.recorder.event(model.TAG, mark, "")


MODEL_METRIC = "mlflow.metric"
"""Kind of the event that says of which logged model, and of which dataset, a point is."""


def log_param(message: Message) -> dict[str, Any]:
    """Record a param; the same again with another value changes it."""
    uid = run_id(message)
    key, value = read_pair(message, "Parameter", MAX_PARAM)
    with _held_alone(message, uid) as found:
        found.recorder.event(model.PARAM, key, from_text(value))
    return {}


def set_tag(message: Message) -> dict[str, Any]:
    """Set a tag."""
    uid = run_id(message)
    key, value = read_pair(message, "Tag", MAX_TAG)
    with _held_alone(message, uid) as found:
        record_tag(found.recorder, key, value)
    return {}


def record_tag(recorder: Recorder, key: str, value: str) -> None:
    """Record a tag, and what it says of the run."""
    if key in _ATTRIBUTES and (key != entities.RUN_NAME or value):
        recorder.event(model.ATTRIBUTE, _ATTRIBUTES[key], value)
    recorder.event(model.TAG, key, value)


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag that there is."""
    uid = run_id(message)
    key = message.required("key")
    with held(message.context, uid) as found:
        said = [event for event in found.run.events([model.TAG]) if event.key == key]
        if not said or said[-1].value is None:
            raise MlflowError(f"No tag with name: {key} in run with id {uid}", MISSING)
        if key in _ATTRIBUTES and key != entities.RUN_NAME:
            found.recorder.event(model.ATTRIBUTE, _ATTRIBUTES[key], None)
        found.recorder.event(model.TAG, key, None)
    return {}


# -- many at once -----------------------------------------------------------------------------------------------------


def log_batch(message: Message) -> dict[str, Any]:
    """Record metrics, params and tags: all of them, or none."""
    uid = run_id(message)
    if message.call is not None and len(message.call.raw) > MAX_BATCH_BYTES:
        raise MlflowError(
            f"Batched logging API requests must be at most {MAX_BATCH_BYTES} bytes, got a request of size "
            f"{len(message.call.raw)}."
        )
    metrics, params, tags = message.parts("metrics"), message.parts("params"), message.parts("tags")
    check_counts(metrics, params, tags)
    points = [read_point(item.fields, f"metrics[{place}].") for place, item in enumerate(_whole(metrics))]
    pairs = [read_pair(item, "Parameter", MAX_PARAM, f"params[{place}].") for place, item in enumerate(params)]
    words = [read_pair(item, "Tag", MAX_TAG, f"tags[{place}].") for place, item in enumerate(tags)]
    _check_unique(pairs)
    with _held_alone(message, uid) as found:
        recorder = found.recorder
        _make_room(recorder, uid, _sizes(points, metrics, [*pairs, *words]))
        for point, item in zip(points, metrics, strict=True):
            recorder.scalar(*point)
            link_to_model(found, point, item)
        for key, value in pairs:
            recorder.event(model.PARAM, key, from_text(value))
        for key, value in words:
            record_tag(recorder, key, value)
    return {}


def _sizes(points: list[Point], metrics: list[Message], texts: list[tuple[str, str]]) -> Iterator[int]:
    """At most how long the payloads are of the records that a batch becomes."""
    yield from repeat(0, len(points))
    yield from (_as_json(key) for key in {point.key for point in points})
    for point, item in zip(points, metrics, strict=True):
        if not item.fields.keys().isdisjoint(_LINKS):
            said = [item.text(name) for name in _LINKS if item.has(name)]
            yield _as_json([point.key, said])
            yield _as_json(said)
    for key, value in texts:
        size = max(_as_json([key, from_text(value)]), _as_json([key, value]))
        yield size
        if key in _ATTRIBUTES:
            yield size


def _as_json(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) + _AROUND


_AROUND = 200
"""What an event has around its key and value, at most, in bytes."""


def _make_room(recorder: Recorder, uid: str, sizes: Iterator[int]) -> None:
    """See that a batch is kept as a whole: a client whose batch is refused sends all of it once more.

    Raises:
        NotStored: there is no room for it. Nothing of it was recorded.
    """
    try:
        recorder.reserve(sizes)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise NotStored(
            f"nothing of the batch was recorded for run {uid}: the disk is full. Send it again later"
        ) from None


def _whole(metrics: list[Message]) -> list[Message]:
    """The metrics of a batch, if each has what it needs.

    Raises:
        MlflowError: one lacks its key, value or time.
    """
    for place, metric in enumerate(metrics):
        for name in ("key", "value", "timestamp"):
            if not metric.has(name):
                raise lacking(f"metrics[{place}].{name}")
    return metrics


def _check_unique(pairs: list[tuple[str, str]]) -> None:
    counted = Counter(key for key, _ in pairs)
    twice = [key for key, count in counted.items() if count > 1]
    if twice:
        raise MlflowError(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains only one param "
            "value per param key."
        )


def log_model(message: Message) -> dict[str, Any]:
    """Record that the run logged a model, as older clients say it: one more entry of a tag."""
    uid = run_id(message)
    try:
        said = json.loads(message.required("model_json"))
    except (ValueError, RecursionError) as error:
        raise MlflowError(f"Malformed model info. It is not a valid JSON: {error}") from None
    named = said if isinstance(said, dict) else {}
    gone = [key for key in ("artifact_path", "flavors", "utc_time_created", "run_id") if key not in named]
    if gone:
        raise MlflowError(f"Model json is missing mandatory fields: {gone}")
    key = check_key("mlflow.log-model.history", "Tag")
    with held(message.context, uid) as found:
        events = [event for event in found.run.events([model.TAG]) if event.key == key]
        known = json.loads(events[-1].value) if events and events[-1].value else []
        found.recorder.event(model.TAG, key, json.dumps([*known, said]))
    return {}


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PATH}/runs/log-metric",
        log_metric_soon,
        "Record one point of a metric.",
        WRITE,
        body=JSON,
        answer=JSON,
    ),
    endpoint("POST", "/runs/log-batch", log_batch, "Record metrics, params and tags at once.", WRITE),
    endpoint("POST", "/runs/log-parameter", log_param, "Record a param.", WRITE),
    endpoint("POST", "/runs/set-tag", set_tag, "Set a tag of a run.", WRITE),
    endpoint("POST", "/runs/delete-tag", delete_tag, "Remove a tag of a run.", WRITE),
    endpoint("POST", "/runs/log-model", log_model, "Say that a run logged a model, in the older way.", WRITE),
)
