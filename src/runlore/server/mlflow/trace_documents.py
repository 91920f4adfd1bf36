"""Traces as MLflow's clients write and read them: the forms of the protocol's versions 3 and 2."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from runlore.server.mlflow import _otlp
from runlore.server.mlflow.entities import as_pairs
from runlore.server.mlflow.message import Message, invalid, whole
from runlore.server.mlflow.trace_book import ARTIFACTS, SOURCE_RUN, Books, Trace

if TYPE_CHECKING:
    from runlore.server.context import Context

LINKED_PROMPTS = "mlflow.linkedPrompts"
"""Tag of a trace: which versions of prompts it used, as JSON."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"(-?\d{1,12})(\.\d{1,9})?s", re.ASCII)
_STATES = {"0": "STATE_UNSPECIFIED", "1": "OK", "2": "ERROR", "3": "IN_PROGRESS"}
_KNOWN_STATES = frozenset(_STATES.values())


def to_ms(text: str, name: str) -> int:
    """A time as protocol buffers write it in JSON, in ms since 1970.

    Example:
        >>> to_ms("2026-11-28T09:00:00.125Z", "request_time")
        1795856400125
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise invalid(name, text, "should be a time such as '2026-11-28T09:00:00.125Z'")
    moment = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    return (moment - _EPOCH) // timedelta(milliseconds=1) + round(float(found[2] or 0) * 1000)


def from_ms(milliseconds: int) -> str:
    """A time in ms since 1970, as protocol buffers write it in JSON."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def duration_ms(text: str, name: str) -> int:
    """A duration as protocol buffers write it in JSON, in ms."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise invalid(name, text, "should be a duration such as '1.5s'")
    return int(found[1]) * 1000 + round(float(found[2] or 0) * 1000)


def read_info(message: Message) -> dict[str, Any]:
    """What a client says of a trace, as it is recorded.

    Raises:
        MlflowError: a field cannot be one.
    """
    info: dict[str, Any] = {"request_time": to_ms(message.required("request_time"), "request_time")}
    if message.has("execution_duration"):
        info["execution_duration"] = duration_ms(message.text("execution_duration"), "execution_duration")
    state = _STATES.get(message.text("state"), message.text("state"))
    if state and state not in _KNOWN_STATES:
        raise invalid("state", state, f"should be one of {', '.join(sorted(_KNOWN_STATES))}")
    info["state"] = state
    for name in ("client_request_id", "request_preview", "response_preview"):
        if message.has(name):
            info[name] = message.text(name)
    return info


def experiment_of(message: Message) -> str:
    """The id of the experiment that a trace location names."""
    location = message.part("trace_location") if message.has("trace_location") else message
    return location.part("mlflow_experiment").text("experiment_id") or "0"


def info_document(context: Context, trace: Trace) -> dict[str, Any]:
    """A trace's information, in version 3."""
    books = Books(context)
    place = location_id(context, trace)
    found: dict[str, Any] = {
        "trace_id": trace.id, "request_time": from_ms(trace.start_ms), "state": trace.state,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": place}},
        "trace_metadata": trace.all_metadata(),
        "tags": {ARTIFACTS: books.artifact_location(trace.native, trace.id), **trace.all_tags()},
        "assessments": list(trace.assessments.values()),
    }  # fmt: skip
    if trace.duration_ms is not None:
        found["execution_duration"] = f"{trace.duration_ms / 1000:.3f}s"
    if trace.info.get("client_request_id"):
        found["client_request_id"] = trace.info["client_request_id"]
    for which in ("request", "response"):
        preview = trace.preview(which)
        if preview is not None:
            found[f"{which}_preview"] = preview
    return found


def location_id(context: Context, trace: Trace) -> str:
    """The id of the experiment of a trace."""
    from runlore.server.mlflow.experiments import Experiments

    return Experiments(context).place_of(trace.native).id


def trace_document(context: Context, trace: Trace) -> dict[str, Any]:
    """A trace with its spans."""
    spans = [_otlp.to_document(name, span) for name, span in trace.spans()]
    return {"trace_info": info_document(context, trace), "spans": spans}


def old_document(context: Context, trace: Trace) -> dict[str, Any]:
    """A trace's information, in version 2."""
    found = info_document(context, trace)
    document: dict[str, Any] = {
        "request_id": trace.id, "experiment_id": location_id(context, trace), "timestamp_ms": trace.start_ms,
        "status": trace.state, "request_metadata": as_pairs(found["trace_metadata"]), "tags": as_pairs(found["tags"]),
    }  # fmt: skip
    if trace.duration_ms is not None:
        document["execution_time_ms"] = trace.duration_ms
    return document


def runs_of(trace: Trace) -> set[str]:
    """Uids of the runs that a trace belongs to."""
    source = trace.metadata.get(SOURCE_RUN)
    return trace.runs | ({source} if source else set())


def prompts_of(trace: Trace) -> list[str]:
    """Which versions of prompts a trace used, as `name/version`."""
    try:
        known = json.loads(trace.tags.get(LINKED_PROMPTS, "[]"))
    except ValueError:
        return []  # a client wrote something else into the tag
    every = known if isinstance(known, list) else []
    return [f"{item.get('name')}/{item.get('version')}" for item in every if isinstance(item, dict)]


def page_size(message: Message, default: int, most: int) -> int:
    """How many results are wanted."""
    size = whole(message.fields.get("max_results", default))
    if size is None or not 1 <= size <= most:
        raise invalid("max_results", message.fields.get("max_results"), f"must be from 1 to {most}")
    return size
