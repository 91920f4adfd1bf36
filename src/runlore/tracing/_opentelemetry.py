"""The one place that knows OpenTelemetry: a span processor that writes into runs."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency, RunloreError
from runlore.failures import is_environmental
from runlore.names import MAX_NAME_LENGTH
from runlore.run import start

try:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
except ImportError as error:
    raise MissingDependency("opentelemetry-sdk", "tracing", "recording spans") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from runlore.run import Run

_installed: list[tuple[Any, RunSpanProcessor]] = []
_lock = threading.Lock()


class RunSpanProcessor(SpanProcessor):
    """Writes each span, when it ends, into the run that was current when it started.

    Any thread may start and end spans. A span whose run was finished meanwhile is added to that run all the same.

    Attributes:
        lost: spans that could not be kept. Each reason is said once on stderr; the run counts them, too.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._sources: list[Callable[[], Run | None]] = []
        self._runs: dict[tuple[int, int], Run] = {}

    def add_source(self, current: Callable[[], Run | None]) -> None:
        """Ask this source first; it is asked once also when it was added before."""
        self._sources = [current, *(source for source in self._sources if source != current)]

    def remove_source(self, current: Callable[[], Run | None]) -> None:
        """Ask this source no longer."""
        self._sources = [source for source in self._sources if source != current]

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the interface
        """Remember the run that is current now."""
        for current in self._sources:
            run = current()
            if run is not None:
                context = span.get_span_context()
                self._runs[context.trace_id, context.span_id] = run
                return

    def on_end(self, span: ReadableSpan) -> None:
        """Record the span."""
        context = span.get_span_context()
        run = self._runs.pop((context.trace_id, context.span_id), None) if context is not None else None
        if run is None:
            return
        try:
            _record(run, span)
        except (RunloreError, OSError) as error:
            if not isinstance(error, RunloreError) and not is_environmental(error):
                raise  # a signal handler of the program's raised it
            self.lost += 1
            run._journal.lose("spans", f"span {span.name!r}", error)  # noqa: SLF001 - the run counts it, too


def install(current: Callable[[], Run | None]) -> RunSpanProcessor:
    """Let the program's provider write into runs; see `runlore.tracing.enable`."""
    with _lock:
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):
            provider = TracerProvider()
            trace.set_tracer_provider(provider)
        for known, processor in _installed:
            if known is provider:
                processor.add_source(current)
                return processor
        add = getattr(provider, "add_span_processor", None)
        if add is None:
            raise InvalidArgument(
                f"the program's TracerProvider is a {type(provider).__module__}.{type(provider).__name__}, which takes "
                "no span processors. Nothing was changed; set one of opentelemetry.sdk.trace before enabling tracing"
            )
        processor = RunSpanProcessor()
        processor.add_source(current)
        add(processor)
        _installed.append((provider, processor))
        return processor


def is_installed() -> bool:
    """Whether the program's provider writes into runs."""
    provider = trace.get_tracer_provider()
    return any(known is provider for known, _ in _installed)


@contextmanager
def open_span(name: str) -> Iterator[OpenSpan]:
    """A span of the program's own provider, current in the block."""
    with trace.get_tracer("runlore").start_as_current_span(name) as span:
        yield OpenSpan(span)


class OpenSpan:
    """A span of OpenTelemetry's, as `runlore.tracing.spans.Span` looks."""

    def __init__(self, span: trace.Span) -> None:
        ids = _ids(span.get_span_context())
        self.trace_id, self.span_id = ids["trace_id"], ids["span_id"]
        self._span = span

    def set_attribute(self, key: str, value: Any) -> None:
        """Say something of the operation."""
        self._span.set_attribute(key, value)

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Say that something happened."""
        self._span.add_event(name, dict(attributes or {}))

    def set_status(self, status: str, message: str | None = None) -> None:
        """Say how it went: `ok` or `error`."""
        code = trace.StatusCode[status.upper()]
        self._span.set_status(code, message if code is trace.StatusCode.ERROR else None)


def _record(run: Run, span: ReadableSpan) -> None:
    if run.ended:
        with start(run.experiment, store=run.store, join=run.uid, capture=False) as late:
            _log(late, span)
    else:
        _log(run, span)


def _log(run: Run, span: ReadableSpan) -> None:
    context = span.get_span_context()
    begin_ns = span.start_time or 0
    more: dict[str, Any] = {"kind": span.kind.name.lower(), "trace_flags": int(context.trace_flags) if context else 0}
    if span.status.description:
        more["status_message"] = span.status.description
    if span.links:
        more["links"] = [{**_ids(link.context), "attributes": _plain(link.attributes)} for link in span.links]
    if span.instrumentation_scope is not None:
        more["scope"] = span.instrumentation_scope.name
    ids = _ids(context)
    run.log_span(
        span.name.replace("\0", "\ufffd")[:MAX_NAME_LENGTH] or "(unnamed)",
        begin_ns,
        max(begin_ns, span.end_time or 0),
        trace_id=ids["trace_id"],
        span_id=ids["span_id"],
        parent_id=None if span.parent is None else _ids(span.parent)["span_id"],
        status=span.status.status_code.name.lower(),
        attributes=_plain(span.attributes),
        events=[
            {"name": event.name, "time_ns": event.timestamp, "attributes": _plain(event.attributes)}
            for event in span.events
        ],
        **more,
    )


def _ids(context: Any) -> dict[str, str]:
    """Both ids as OpenTelemetry writes them: 32 and 16 hexadecimal digits."""
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Attributes as JSON can hold them; bytes, which OpenTelemetry allows, as text."""
    return {
        str(key): value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        for key, value in (attributes or {}).items()
    }
