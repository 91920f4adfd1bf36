"""The one place in which what fails in a capture is kept from the training script, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.capture.secrets import redact_forms

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture import Sink


def report_failure(sink: Sink, name: str, function: Callable[[], object]) -> None:
    """Call the function; if it fails, record `{"error": ...}` for the capture instead of raising."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever went wrong in a capture, training goes on and the run says so
        sink.event("capture", name, {"error": redact_forms(f"{type(error).__name__}: {error}")})
