"""What captures record into, and what becomes of one that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    class Sink(Protocol):
        """What captures record into: a run. Its methods may be called from another thread, and do not raise."""

        uid: str
        journal_directory: str

        def event(
            self, kind: str, key: str, value: object, *, step: float | None = None, time_ns: int | None = None,
            **extra: object,
        ) -> None:  # fmt: skip
            """Record one fact."""

        def metrics(self, values: Mapping[str, float], *, time_ns: int | None = None) -> None:
            """Record one point each of several series, without a step."""

        def artifact(
            self, content: bytes | str, name: str, *, kind: str, media_type: str | None = None,
            metadata: dict[str, Any] | None = None,
        ) -> None:  # fmt: skip
            """Record the bytes, or the file at this path, under a name."""

    class Capture(Protocol):
        """One capture of one run. `start` is quick; `stop` may be called twice."""

        def start(self) -> None:
            """Begin."""

        def stop(self) -> None:
            """Record what is still to be recorded."""


def report_failure(sink: Sink, name: str, function: Callable[[], object]) -> None:
    """Call the function; if it fails, record `{"error": ...}` for the capture instead of raising."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever went wrong in a capture, training goes on and the run says so
        from runlore.capture.secrets import redact_forms

        sink.event("capture", name, {"error": redact_forms(f"{type(error).__name__}: {error}")})
