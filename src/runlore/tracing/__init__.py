"""Tracing with OpenTelemetry: spans that end become events of the run that was current when they started.

    runlore.tracing.enable()          # once in a program
    with tracer.start_as_current_span("inference"):
        ...

    with runlore.tracing.span("inference"):      # the same without OpenTelemetry
        ...

Each span is recorded when it ends, through the run's own journal: it survives `kill -9` from then on, and needs no
exporter, no collector and no thread. `enable` needs the extra `tracing`.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from runlore.errors import NoActiveRun
from runlore.run import active_run
from runlore.tracing.spans import Span, record_span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    from runlore.run import Run
    from runlore.tracing._opentelemetry import RunSpanProcessor

    class AnySpan(Protocol):
        """A span while it lasts, Runlore's own or OpenTelemetry's; see `Span`."""

        trace_id: str
        span_id: str

        def set_attribute(self, key: str, value: Any) -> None: ...
        def add_event(self, name: str, attributes: Mapping[str, Any] | None = None) -> None: ...
        def set_status(self, status: str, message: str | None = None) -> None: ...


__all__ = ["Span", "current_run", "enable", "span"]


def current_run() -> Run | None:
    """The run that this process started last and has not finished, or None: where spans go unless told otherwise."""
    with contextlib.suppress(NoActiveRun):
        return active_run()
    return None


def enable(current: Callable[[], Run | None] = current_run) -> RunSpanProcessor:
    """Record OpenTelemetry's spans in runs, from now on.

    The program's `TracerProvider` is extended, not replaced: whatever else it exports to goes on. Where there is none
    yet, one is set. Calling it again changes where spans go, and nothing is recorded twice. With several sources, the
    one that was given last is asked first, and the first one that knows a run gets the span.

    Args:
        current: gives the run that a span belongs to, when the span starts; None: the span is not recorded.

    Returns:
        The processor; its `lost` counts spans that could not be kept.

    Raises:
        MissingDependency: opentelemetry-sdk is not installed.
        InvalidArgument: the program uses a provider that is not the SDK's, and takes no processors.

    Example:
        >>> import runlore
        >>> from opentelemetry import trace
        >>> processor = enable()
        >>> with runlore.start("iris", capture=False) as run:
        ...     with trace.get_tracer("demo").start_as_current_span("fit") as span:
        ...         span.set_attribute("rows", 150)
        >>> [event] = runlore.get_run(run.uid).events("span")
        >>> event.key, event.value["attributes"], event.value["status"]
        ('fit', {'rows': 150}, 'unset')
    """
    from runlore.tracing import _opentelemetry

    return _opentelemetry.install(current)


def span(name: str, run: Run | None = None) -> AbstractContextManager[AnySpan]:
    """Time a block of the program, and record it as a span; spans within it are its children.

    An exception makes the span an error, and goes on.

    Args:
        name: the operation.
        run: where to record it, which needs no OpenTelemetry. None: the span is OpenTelemetry's once `enable` was
            called, and goes wherever the program's spans go; before, it goes into the current run.

    Raises:
        InvalidName: the name is empty.
        NoActiveRun: no run was given, tracing is not enabled, and no run is current.

    Example:
        >>> import runlore
        >>> with runlore.start("iris", capture=False) as run:
        ...     with span("epoch", run) as epoch, span("batch", run):
        ...         epoch.set_attribute("rows", 150)
        >>> events = {event.key: event.value for event in runlore.get_run(run.uid).events("span")}
        >>> events["batch"]["parent_id"] == events["epoch"]["span_id"]
        True
    """
    if run is None:
        loaded = sys.modules.get(f"{__name__}._opentelemetry")
        if loaded is not None and loaded.is_installed():
            opened: AbstractContextManager[AnySpan] = loaded.open_span(name)
            return opened
        run = active_run()
    return record_span(name, run)
