"""Searching traces: filters and orders, decided over what the book of an experiment has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.server.mlflow.experiment_calls import cut, in_order
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.filters import Comparison, Group, Node, holds, parse, parse_order
from runlore.server.mlflow.message import Message, MlflowError
from runlore.server.mlflow.trace_book import TRACE_NAME, Books, Trace
from runlore.server.mlflow.trace_documents import info_document, old_document, page_size, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RESULTS = 500
_TAGS = frozenset({"tag", "tags"})
_METADATA = frozenset({"metadata", "request_metadata", "trace_metadata"})
_ASSESSMENTS = frozenset({"feedback", "expectation", "assessment"})
_ATTRIBUTES = frozenset({"", "attribute", "attributes", "trace"})


def search(message: Message) -> dict[str, Any]:
    """Traces that a filter finds, page by page."""
    identifiers = [
        location.part("mlflow_experiment").required("experiment_id") for location in message.parts("locations")
    ]
    page, token = _found(message, identifiers)
    documents = [info_document(message.context, trace) for trace in page]
    return {"traces": documents, **({"next_page_token": token} if token else {})}


def search_old(message: Message) -> dict[str, Any]:
    """The same, in the form of version 2."""
    page, token = _found(message, message.texts("experiment_ids"))
    documents = [old_document(message.context, trace) for trace in page]
    return {"traces": documents, **({"next_page_token": token} if token else {})}


def _found(message: Message, identifiers: list[str]) -> tuple[list[Trace], str]:
    size = page_size(message, 100, MAX_RESULTS)
    if not identifiers:
        raise MlflowError("Missing value for required parameter 'locations'. Name one experiment or several.")
    context = message.context
    experiments, books = Experiments(context), Books(context)
    context.freshness.wait_for_now()
    node = parse(message.text("filter"))
    traces: list[Trace] = []
    for identifier in dict.fromkeys(identifiers):
        experiment = experiments.find(identifier)
        if experiment is not None and not experiment.deleted:
            traces += [trace for trace in books.of(experiment.native).values() if _matches(node, trace)]
    orders = [parse_order(text) for text in message.texts("order_by")] or [("", "timestamp_ms", True)]
    traces = in_order(traces, orders, _value, lambda trace: trace.id)
    page, token = cut(traces, size, message.text("page_token"))
    return list(page), token


def _matches(node: Node | None, trace: Trace) -> bool:
    """Whether a filter holds; conditions on what a trace has several of hold if they do for one of them."""
    if isinstance(node, Group):
        parts = (_matches(part, trace) for part in node.parts)
        return not next(parts) if node.word == "not" else all(parts) if node.word == "and" else any(parts)
    if isinstance(node, Comparison) and node.kind in {"span", *_ASSESSMENTS}:
        values = list(_several(node, trace))
        if node.operator in {"IS NULL", "IS NOT NULL"}:
            return bool(values) == (node.operator == "IS NOT NULL")
        return any(holds(node, lambda *_, value=value: value) for value in values)
    if isinstance(node, Comparison) and node.kind in _ATTRIBUTES and node.key == "run_id":
        return any(holds(node, lambda *_, run=run: run) for run in runs_of(trace) or {""})
    return holds(node, lambda kind, key: _value(trace, kind, key))


def _several(node: Comparison, trace: Trace) -> Iterator[Any]:
    if node.kind == "span":
        for name, span in trace.spans():
            value = _of_span(node.key, name, span)
            if value is not None:
                yield value
        return
    for item in trace.assessments.values():
        sort = "feedback" if "feedback" in item else "expectation"
        if item.get("assessment_name") == node.key and node.kind in {"assessment", sort}:
            value = item[sort].get("value") if sort in item else None
            yield str(value).lower() if isinstance(value, bool) else str(value)


def _of_span(key: str, name: str, span: dict[str, Any]) -> str | None:
    """What a span has under the key of a filter; None: it has no such attribute."""
    attributes = span.get("attributes") or {}
    if key.startswith("attributes."):
        value = attributes.get(key.removeprefix("attributes.").strip('`"'))
        return None if value is None else str(value).strip('"')
    known = {
        "name": name, "status": str(span.get("status")).upper(), "content": str(attributes),
        "type": str(attributes.get("mlflow.spanType", "")).strip('"'),
    }  # fmt: skip
    if key not in known:
        raise MlflowError(f"Invalid span attribute '{key[:100]}': spans have name, status, type, content, attributes.…")
    return known[key]


def _value(trace: Trace, kind: str, key: str) -> str | int | None:
    if kind in _TAGS:
        return trace.all_tags().get(key)
    if kind in _METADATA:
        return trace.metadata.get(key)
    if kind in _ATTRIBUTES:
        duration = trace.duration_ms
        ended = None if duration is None else trace.start_ms + duration
        values: dict[str, Any] = {
            "timestamp_ms": trace.start_ms, "timestamp": trace.start_ms, "request_time": trace.start_ms,
            "execution_time_ms": duration, "execution_time": duration, "execution_duration": duration,
            "end_time_ms": ended, "end_time": ended, "status": trace.state,
            "state": trace.state, "request_id": trace.id, "trace_id": trace.id, "id": trace.id,
            "client_request_id": trace.info.get("client_request_id"), "name": trace.all_tags().get(TRACE_NAME),
            "experiment_id": None, "run_id": next(iter(runs_of(trace)), None),
            "text": f"{trace.preview('request')} {trace.preview('response')}",
        }  # fmt: skip
        if key in values:
            found: str | int | None = values[key]
            return found
    named = f"{kind}.{key}" if kind else key
    raise MlflowError(f"Invalid attribute key '{named[:200]}': traces have no such thing")
