"""The calls about traces, and the endpoint to which OpenTelemetry's exporters send spans."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from runlore.server.endpoint import JSON, WRITE, Endpoint
from runlore.server.mlflow import _otlp
from runlore.server.mlflow.assessments import read_assessment
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.homes import TRACE_ID
from runlore.server.mlflow.logging import held
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, guarded, invalid, lacking
from runlore.server.mlflow.trace_book import Books, Trace, now_ms
from runlore.server.mlflow.trace_documents import (
    LINKED_PROMPTS,
    experiment_of,
    info_document,
    old_document,
    prompts_of,
    read_info,
    trace_document,
)
from runlore.server.mlflow.trace_search import search, search_old
from runlore.server.mlflow.values import MAX_KEY, MAX_TAG

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

OTLP = "application/x-protobuf"
EXPERIMENT_HEADER = "x-mlflow-experiment-id"
_MOST_LINKED = 100


def start(message: Message) -> dict[str, Any]:
    """Record a trace: in the form of version 3 as a whole, in that of version 2 its beginning."""
    if message.has("trace"):
        return _start(message.part("trace").part("trace_info"))
    context = message.context
    native = Experiments(context).active(message.required("experiment_id")).native
    from runlore.model import new_uid

    identifier = f"tr-{new_uid()}"
    info = {"request_time": message.integer("timestamp_ms") or now_ms(), "state": "IN_PROGRESS"}
    Books(context).say(
        native, identifier, info=info, metadata=message.pairs("request_metadata"), tags=message.pairs("tags")
    )
    return {"trace_info": old_document(context, Books(context).find(identifier))}


def _start(info: Message) -> dict[str, Any]:
    context = info.context
    native = Experiments(context).active(experiment_of(info)).native
    identifier = info.required("trace_id")
    if not TRACE_ID.fullmatch(identifier):
        raise invalid("trace_id", identifier, "should be letters, digits, - and _, at most 64")
    given = [read_assessment(item, identifier) for item in info.parts("assessments")]
    books = Books(context)
    books.say(
        native, identifier, info=read_info(info), metadata=info.pairs("trace_metadata"), tags=info.pairs("tags"),
        assessments={item["assessment_id"]: item for item in given},
    )  # fmt: skip
    return {"trace": {"trace_info": info_document(context, books.of(native)[identifier])}}


def end(message: Message) -> dict[str, Any]:
    """The end of a trace, in the form of version 2."""
    context, books = message.context, Books(message.context)
    trace = books.find(message.path("trace_id"))
    ended = message.integer("timestamp_ms") or now_ms()
    info = {"execution_duration": max(0, ended - trace.start_ms), "state": message.text("status") or "OK"}
    books.say(trace.native, trace.id, info=info, metadata=message.pairs("request_metadata"), tags=message.pairs("tags"))
    return {"trace_info": old_document(context, books.find(trace.id))}


def get(message: Message) -> dict[str, Any]:
    """A trace's information."""
    return {"trace": {"trace_info": info_document(message.context, _find(message))}}


def _find(message: Message) -> Trace:
    return Books(message.context).find(message.path("trace_id"))


def get_old(message: Message) -> dict[str, Any]:
    """A trace's information, in the form of version 2."""
    return {"trace_info": old_document(message.context, _find(message))}


def get_whole(message: Message) -> dict[str, Any]:
    """A trace with its spans."""
    trace = Books(message.context).find(message.required("trace_id"))
    return {"trace": trace_document(message.context, trace)}


def batch_get(message: Message) -> dict[str, Any]:
    """Traces with their spans; those that are not there are left out."""
    return {"traces": [trace_document(message.context, trace) for trace in _several(message)]}


def batch_get_infos(message: Message) -> dict[str, Any]:
    """Traces' information; those that are not there are left out."""
    return {"trace_infos": [info_document(message.context, trace) for trace in _several(message)]}


def _several(message: Message) -> list[Trace]:
    books, found = Books(message.context), []
    wanted = message.texts("experiment_ids")
    natives = {Experiments(message.context).get(identifier).native for identifier in wanted}
    for identifier in message.texts("trace_ids"):
        try:
            trace = books.find(identifier)
        except MlflowError:
            continue
        if not natives or trace.native in natives:
            found.append(trace)
    return found


def set_tag(message: Message) -> dict[str, Any]:
    """Set a tag of a trace."""
    trace, key = _find(message), message.required("key")
    if len(key) > MAX_KEY:
        raise MlflowError(f"'key' exceeds the maximum length of {MAX_KEY} characters")
    Books(message.context).say(trace.native, trace.id, tags={key: message.text("value")[:MAX_TAG]})
    return {}


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag of a trace."""
    trace, key = _find(message), message.required("key")
    if key not in trace.tags:
        raise MlflowError(f"No trace tag with key '{key[:200]}' for trace with ID '{trace.id}'", MISSING)
    Books(message.context).say(trace.native, trace.id, tags={key: None})
    return {}


def link_to_run(message: Message) -> dict[str, Any]:
    """Say that traces belong to a run."""
    identifiers, uid = message.texts("trace_ids"), message.required("run_id")
    if not identifiers:
        raise lacking("trace_ids")
    if len(identifiers) > _MOST_LINKED:
        raise MlflowError(f"Cannot link more than {_MOST_LINKED} traces to a run in a single request.")
    books = Books(message.context)
    traces = [books.find(identifier) for identifier in identifiers]
    with held(message.context, uid):  # it is there
        for trace in traces:
            books.say(trace.native, trace.id, runs=[uid])
    return {}


def link_prompts(message: Message) -> dict[str, Any]:
    """Say which versions of prompts a trace used: a tag, as MLflow's clients read it."""
    books = Books(message.context)
    trace = books.find(message.required("trace_id"))
    if not message.has("prompt_versions"):
        raise lacking("prompt_versions")
    said = [f"{item.required('name')}/{item.required('version')}" for item in message.parts("prompt_versions")]
    every = dict.fromkeys([*prompts_of(trace), *said])
    pairs = [dict(zip(("name", "version"), one.rsplit("/", 1), strict=True)) for one in every]
    books.say(trace.native, trace.id, tags={LINKED_PROMPTS: json.dumps(pairs)})
    return {}


def delete_traces(message: Message) -> dict[str, Any]:
    """Delete traces of an experiment: those named, or those up to a time."""
    context, books = message.context, Books(message.context)
    experiment = Experiments(context).find(message.required("experiment_id"))
    named = message.texts("request_ids") or message.texts("trace_ids")
    if bool(named) == message.has("max_timestamp_millis"):
        raise MlflowError("Either `max_timestamp_millis` or `trace_ids` must be specified, but not both.")
    if named and message.has("max_traces"):
        raise MlflowError("`max_traces` can't be specified if `trace_ids` is specified.")
    if message.has("max_traces") and message.integer("max_traces") < 1:
        raise MlflowError(f"`max_traces` must be a positive integer, received {message.integer('max_traces')}.")
    if experiment is None:
        return {"traces_deleted": 0}
    native, known = experiment.native, books.of(experiment.native)
    if named:
        gone = [known[identifier] for identifier in dict.fromkeys(named) if identifier in known]
    else:
        until = message.integer("max_timestamp_millis")
        gone = sorted((trace for trace in known.values() if trace.start_ms <= until), key=lambda trace: trace.start_ms)
        gone = gone[: message.integer("max_traces", len(gone))]
    for trace in gone:
        books.say(native, trace.id, deleted=True)
    return {"traces_deleted": len(gone)}


def export(call: Call) -> Response:
    """Record spans of OpenTelemetry's."""
    return guarded(lambda: _export(call))


def _export(call: Call) -> Response:
    headers = call.request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {OTLP, JSON}:
        raise MlflowError(f"Invalid Content-Type: {kind[:100]}. Expected: {OTLP} or {JSON}", "BAD_REQUEST")
    raw = _otlp.unpack(call.raw, headers.get("content-encoding", "").strip().lower())
    spans = _otlp.read_spans(raw, kind)
    if not spans and kind == OTLP:
        raise MlflowError("Invalid OpenTelemetry protobuf format - no spans found", "BAD_REQUEST")
    experiment = Experiments(call.context).active(headers.get(EXPERIMENT_HEADER) or "0")
    Books(call.context).add_spans(experiment.native, spans)
    return Response(b"{}" if kind == JSON else b"", media_type=kind)


ENDPOINTS = (
    endpoint("POST", "/traces", start, "Record a trace.", WRITE),
    endpoint("GET", "/traces", search_old, "Traces that a filter finds, in the older form."),
    endpoint("POST", "/traces/search", search, "Traces that a filter finds."),
    endpoint("GET", "/traces/get", get_whole, "A trace with its spans."),
    endpoint("GET", "/traces/batchGet", batch_get, "Traces with their spans."),
    endpoint("POST", "/traces/batchGetInfos", batch_get_infos, "What is said of several traces."),
    endpoint("POST", "/traces/delete-traces", delete_traces, "Delete traces.", WRITE),
    endpoint("POST", "/traces/link-to-run", link_to_run, "Say that traces belong to a run.", WRITE),
    endpoint("POST", "/traces/link-prompts", link_prompts, "Say which prompts a trace used.", WRITE),
    endpoint("GET", "/traces/{trace_id}", get, "What is said of a trace."),
    endpoint("GET", "/traces/{trace_id}/info", get_old, "What is said of a trace, in the older form."),
    endpoint("PATCH", "/traces/{trace_id}", end, "The end of a trace, in the older form.", WRITE),
    endpoint("PATCH", "/traces/{trace_id}/tags", set_tag, "Set a tag of a trace.", WRITE),
    endpoint("DELETE", "/traces/{trace_id}/tags", delete_tag, "Remove a tag of a trace.", WRITE),
    Endpoint("POST", "/v1/traces", export, "Record spans of OpenTelemetry's.", WRITE, body=OTLP, answer=OTLP),
)
