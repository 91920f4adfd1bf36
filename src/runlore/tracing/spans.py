"""Spans without OpenTelemetry: timed blocks of a program, recorded in a run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.journal.values import to_json
from runlore.names import check_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runlore.run import Run

_current: ContextVar[Span | None] = ContextVar("runlore_span", default=None)


class Span:
    """One operation while it lasts. Made by `runlore.tracing.span`.

    Attributes:
        trace_id: 32 hexadecimal digits, shared with the spans around it.
        span_id: 16 hexadecimal digits.
    """

    def __init__(self, name: str, parent: Span | None) -> None:
        self.trace_id: str = os.urandom(16).hex() if parent is None else parent.trace_id
        self.span_id: str = os.urandom(8).hex()
        self._name = name
        self._parent_id = None if parent is None else parent.span_id
        self._start_ns = time_ns()
        self._attributes: dict[str, Any] = {}
        self._events: list[dict[str, Any]] = []
        self._status = "unset"
        self._more: dict[str, Any] = {"kind": "internal"}

    def set_attribute(self, key: str, value: Any) -> None:
        """Say something of the operation; anything that can be JSON.

        Raises:
            WrongType, InvalidArgument: JSON cannot hold the value.
        """
        to_json(value, f"attribute {key!r}")
        self._attributes[key] = value

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Say that something happened, now; attributes as for `set_attribute`."""
        to_json(dict(attributes or {}), f"event {name!r}")
        self._events.append({"name": name, "time_ns": time_ns(), "attributes": dict(attributes or {})})

    def set_status(self, status: str, message: str | None = None) -> None:
        """Say how it went.

        Args:
            status: `ok` or `error`.
            message: what went wrong.

        Raises:
            InvalidArgument: another status.
        """
        if status not in ("ok", "error"):
            raise InvalidArgument(f"status={status!r} must be ok or error")
        self._status = status
        if message is not None:
            self._more["status_message"] = message

    def record(self, run: Run) -> None:
        """Record the span as one that ends now."""
        run.log_span(
            self._name, self._start_ns, max(self._start_ns, time_ns()), trace_id=self.trace_id, span_id=self.span_id,
            parent_id=self._parent_id, status=self._status, attributes=self._attributes, events=self._events,
            **self._more,
        )  # fmt: skip


@contextmanager
def record_span(name: str, run: Run) -> Iterator[Span]:
    """A span that is recorded in the run when the block ends; see `runlore.tracing.span`."""
    check_key(name, "name")
    opened = Span(name, _current.get())
    token = _current.set(opened)
    try:
        yield opened
    except BaseException as error:
        opened.set_status("error", f"{type(error).__name__}: {error}")
        opened.add_event("exception", {"exception.type": type(error).__name__, "exception.message": str(error)})
        raise
    finally:
        _current.reset(token)
        opened.record(run)
