"""Searching traces: filters and orders, decided over what the book of an experiment has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.server.mlflow.experiment_calls import cut, in_order
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.filters import Comparison, Group, Node, holds, parse, parse_order
from runlore.server.mlflow.message import Message, MlflowError
from runlore.server.mlflow.span_meaning import meant
from runlore.server.mlflow.trace_book import TRACE_NAME, Books, Trace
from runlore.server.mlflow.trace_documents import info_document, old_document, page_size, prompts_of, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runlore.server.context import Context

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
    context = message.context
    node = parse(message.text("filter"))
    traces = [trace for trace in traces_of(context, identifiers) if matches(node, trace)]
    orders = [parse_order(text) for text in message.texts("order_by")] or [("", "timestamp_ms", True)]
    traces = in_order(traces, orders, _value, lambda trace: (-trace.start_ms, trace.id))
    page, token = cut(traces, size, message.text("page_token"))
    return list(page), token


def traces_of(context: Context, identifiers: Iterable[str]) -> Iterator[Trace]:
    """The traces of experiments; those that are deleted, or that there are not, have none."""
    experiments, books = Experiments(context), Books(context)
    context.freshness.wait_for_now()
    for identifier in dict.fromkeys(identifiers):
        experiment = experiments.find(identifier)
        if experiment is not None and not experiment.deleted:
            yield from books.of(experiment.native).values()


def matches(node: Node | None, trace: Trace) -> bool:
    """Whether a filter holds; conditions on what a trace has several of hold if they do for one of them."""
    if isinstance(node, Group):
        parts = (matches(part, trace) for part in node.parts)
        return not next(parts) if node.word == "not" else all(parts) if node.word == "and" else any(parts)
    if isinstance(node, Comparison) and (node.kind in {"span", *_ASSESSMENTS} or _is(node, "text", "prompt")):
        values = list(_several(node, trace))
        if node.operator in {"IS NULL", "IS NOT NULL"}:
            return bool(values) == (node.operator == "IS NOT NULL")
        return any(holds(node, lambda *_, value=value: value) for value in values)
    if isinstance(node, Comparison) and _is(node, "run_id"):
        return any(holds(node, lambda *_, run=run: run) for run in runs_of(trace) or {""})
    return holds(node, lambda kind, key: _value(trace, kind, key))


def _is(node: Comparison, *keys: str) -> bool:
    return node.kind in _ATTRIBUTES and node.key in keys


def _several(node: Comparison, trace: Trace) -> Iterator[Any]:
    if _is(node, "text"):
        yield from filter(None, (trace.preview("request"), trace.preview("response")))
    if _is(node, "prompt"):
        yield from prompts_of(trace)
        return
    if node.kind == "span" or _is(node, "text"):
        key = "content" if _is(node, "text") else node.key
        for name, span in trace.spans():
            value = _of_span(key, name, span)
            if value is not None:
                yield value
        return
    for item in trace.assessments.values():
        sort = "feedback" if "feedback" in item else "expectation"
        if item.get("assessment_name") == node.key and node.kind in {"assessment", sort}:
            said = item.get(sort) or {}
            value = said.get("value") if "value" in said else (said.get("serialized_value") or {}).get("value")
            yield str(value).lower() if isinstance(value, bool) else str(value)


def _of_span(key: str, name: str, span: dict[str, Any]) -> str | None:
    """What a span has under the key of a filter; None: it has no such attribute."""
    attributes = meant(span.get("attributes") or {})
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
        return trace.all_metadata().get(key)
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
        }  # fmt: skip
        if key in values:
            found: str | int | None = values[key]
            return found
    named = f"{kind}.{key}" if kind else key
    raise MlflowError(f"Invalid attribute key '{named[:200]}': traces have no such thing")
