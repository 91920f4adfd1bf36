"""Figures of traces, their spans and assessments: counted, added up, over time and by what they are."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore.server.mlflow.experiment_calls import cut
from runlore.server.mlflow.filters import Comparison, Node, holds, parse
from runlore.server.mlflow.message import Message, MlflowError, endpoint, invalid, lacking, number
from runlore.server.mlflow.span_meaning import TYPE, meant
from runlore.server.mlflow.trace_book import TRACE_NAME, Trace
from runlore.server.mlflow.trace_search import matches, traces_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

VIEWS = ("TRACES", "SPANS", "ASSESSMENTS")
AGGREGATIONS = ("COUNT", "SUM", "AVG", "PERCENTILE", "MIN", "MAX")
"""Both as protocol buffers number them."""

BUCKET = "time_bucket"
MAX_RESULTS = 10_000
_TOKENS = ("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_COUNTED, _MEASURED = frozenset({"COUNT"}), frozenset({"AVG", "MIN", "MAX", "PERCENTILE"})


@dataclass(frozen=True)
class Measured:
    """One thing that figures are made of.

    Attributes:
        at_ms: when it was.
        dimensions: what it is, by name.
        values: what can be counted or added up of it, by the metric's name.
    """

    at_ms: int
    dimensions: Mapping[str, str]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """What may be asked of a metric."""

    aggregations: frozenset[str]
    dimensions: tuple[str, ...] = ()


METRICS: dict[str, dict[str, Metric]] = {
    "TRACES": {
        "trace_count": Metric(_COUNTED, ("trace_name", "trace_status")), "session_count": Metric(_COUNTED),
        "latency": Metric(_MEASURED, ("trace_name",)),
        **{name: Metric(_MEASURED | {"SUM"}, ("trace_name",)) for name in _TOKENS},
    },
    "SPANS": {
        "span_count": Metric(
            _COUNTED, ("span_name", "span_type", "span_status", "span_model_name", "span_model_provider")
        ),
        "latency": Metric(_MEASURED, ("span_name", "span_status")),
    },
    "ASSESSMENTS": {
        "assessment_count": Metric(_COUNTED, ("assessment_name", "assessment_value")),
        "assessment_value": Metric(_MEASURED, ("assessment_name",)),
    },
}  # fmt: skip


def _of_trace(trace: Trace) -> Iterator[Measured]:
    metadata = trace.all_metadata()
    try:
        tokens = json.loads(metadata.get("mlflow.trace.tokenUsage", "{}"))
    except ValueError:
        tokens = {}  # a client wrote something else there
    counted = {name: tokens.get(name) for name in _TOKENS} if isinstance(tokens, dict) else {}
    said = {"trace_name": trace.all_tags().get(TRACE_NAME), "trace_status": trace.state}
    values = {
        "trace_count": trace.id, "session_count": metadata.get("mlflow.trace.session"), "latency": trace.duration_ms,
        **counted,
    }  # fmt: skip
    yield Measured(trace.start_ms, _texts(said), values)


def _of_spans(trace: Trace) -> Iterator[Measured]:
    for name, span in trace.spans():
        attributes = meant(span.get("attributes") or {})
        start, end = int(span.get("start_ns") or 0), int(span.get("end_ns") or 0)
        said = {
            "span_name": name, "span_type": attributes.get(TYPE, "UNKNOWN"), "span_status": str(span["status"]).upper(),
            "span_model_name": attributes.get("mlflow.llm.model"),
            "span_model_provider": attributes.get("mlflow.llm.provider"),
        }  # fmt: skip
        identifier = f"{trace.id}/{span.get('span_id')}"
        yield Measured(start // 1_000_000, _texts(said), {"span_count": identifier, "latency": (end - start) / 1e6})


def _of_assessments(trace: Trace) -> Iterator[Measured]:
    for identifier, item in trace.assessments.items():
        value = (item.get("feedback") or item.get("expectation") or {}).get("value")
        said = {"assessment_name": item.get("assessment_name"), "assessment_value": json.dumps(value)}
        figure = float(value) if isinstance(value, (bool, int, float)) else number(value)
        values = {"assessment_count": identifier, "assessment_value": figure}
        yield Measured(trace.start_ms, _texts(said), values)


def _texts(said: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value).strip('"') for key, value in said.items() if value is not None}


_READ: dict[str, Callable[[Trace], Iterator[Measured]]] = {
    "TRACES": _of_trace, "SPANS": _of_spans, "ASSESSMENTS": _of_assessments,
}  # fmt: skip


def query(message: Message) -> dict[str, Any]:
    """Figures by time and by what is measured, in the order of both."""
    for name in ("experiment_ids", "view_type", "metric_name", "aggregations"):
        if not message.fields.get(name):
            raise lacking(name)
    view, name = message.word("view_type", VIEWS), message.text("metric_name")
    if name not in METRICS[view]:
        raise MlflowError(f"metric_name must be one of {list(METRICS[view])}, got '{name[:100]}'")
    aggregations = [_aggregation(item) for item in message.parts("aggregations")]
    dimensions = message.texts("dimensions")
    _check(METRICS[view][name], [sort for sort, _ in aggregations], dimensions)
    seconds = message.integer("time_interval_seconds", low=0, high=1 << 31)
    if seconds and not (message.has("start_time_ms") and message.has("end_time_ms")):
        raise MlflowError("start_time_ms and end_time_ms are required if time_interval_seconds is set")
    grouped: dict[tuple[str, ...], list[Any]] = {}
    for item in _measured(message, view):
        value = item.values.get(name)
        if value is None or any(dimension not in item.dimensions for dimension in dimensions):
            continue
        bucket = [_bucket(item.at_ms, seconds)] if seconds else []
        grouped.setdefault((*bucket, *(item.dimensions[dimension] for dimension in dimensions)), []).append(value)
    names = [*([BUCKET] if seconds else []), *dimensions]
    if not grouped and not names and all(sort == "COUNT" for sort, _ in aggregations):
        grouped[()] = []  # none is a number, too
    points = [
        {
            "metric_name": name, "dimensions": dict(zip(names, key, strict=True)),
            "values": {label: _aggregated(sort, share, values) for (sort, share), label in _labels(aggregations)},
        }
        for key, values in sorted(grouped.items())
    ]  # fmt: skip
    page, token = cut(
        points, message.integer("max_results", 1_000, low=1, high=MAX_RESULTS), message.text("page_token")
    )
    return {"data_points": list(page), **({"next_page_token": token} if token else {})}


def _measured(message: Message, view: str) -> Iterator[Measured]:
    filters = [parse(text) for text in message.texts("filters")]
    start, end = message.integer("start_time_ms"), message.integer("end_time_ms", (1 << 63) - 1)
    for trace in traces_of(message.context, message.texts("experiment_ids")):
        for item in _READ[view](trace):
            if start <= item.at_ms <= end and all(_holds(node, trace, item) for node in filters):
                yield item


def _holds(node: Node | None, trace: Trace, item: Measured) -> bool:
    """Whether a filter holds: `trace.tag.KEY` and `trace.metadata.KEY` of the trace, `span.name` of the span itself."""
    if not isinstance(node, Comparison):
        return matches(node, trace)
    if f"{node.kind}_{node.key}" in item.dimensions:
        return holds(node, lambda kind, key: item.dimensions[f"{kind}_{key}"])
    sort, _, key = node.key.partition(".")
    if node.kind == "trace" and sort in {"tag", "metadata"}:
        return matches(replace(node, kind=sort, key=key.strip("`")), trace)
    return matches(node, trace)


def _aggregation(item: Message) -> tuple[str, float]:
    """How values become one, and of which share of them, in percent, where that is asked for."""
    sort = item.word("aggregation_type", AGGREGATIONS)
    if not sort:
        raise lacking("aggregation_type")
    share = number(item.fields.get("percentile_value", 0))
    if share is None or not 0 <= share <= 100:
        raise invalid("percentile_value", item.fields.get("percentile_value"), "should be from 0 to 100")
    if sort == "PERCENTILE" and not item.has("percentile_value"):
        raise lacking("percentile_value")
    return sort, share


def _check(metric: Metric, sorts: Sequence[str], dimensions: Sequence[str]) -> None:
    for what, wanted, possible in (
        ("aggregation_type", sorts, metric.aggregations), ("dimension", dimensions, metric.dimensions),
    ):  # fmt: skip
        wrong = sorted(set(wanted) - set(possible))
        if wrong:
            known = ", ".join(sorted(possible)) or "none"
            raise MlflowError(f"Found invalid {what}(s): {wrong}. Supported {what.replace('_', ' ')}s: {known}")


def _labels(aggregations: Sequence[tuple[str, float]]) -> Iterator[tuple[tuple[str, float], str]]:
    for sort, share in aggregations:
        yield (sort, share), f"P{share}" if sort == "PERCENTILE" else sort


def _aggregated(sort: str, share: float, values: Sequence[Any]) -> float:
    if sort == "COUNT":
        return float(len(set(values)))
    figures = sorted(float(value) for value in values)
    if sort == "PERCENTILE":
        return percentile(figures, share)
    if sort == "AVG":
        return sum(figures) / len(figures)
    return {"SUM": sum(figures), "MIN": figures[0], "MAX": figures[-1]}[sort]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of values lies, between two of them in proportion.

    Example:
        >>> percentile([1.0, 2.0, 4.0], 50), percentile([1.0, 2.0, 4.0], 75)
        (2.0, 3.0)
    """
    place = (len(ordered) - 1) * share / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _bucket(at_ms: int, seconds: int) -> str:
    begins = at_ms // (seconds * 1_000) * seconds
    return datetime.fromtimestamp(begins, tz=timezone.utc).isoformat()


ENDPOINTS = (endpoint("POST", "/traces/metrics", query, "Figures of traces, their spans and assessments."),)
