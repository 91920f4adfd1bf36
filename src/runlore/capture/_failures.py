"""The one place in which what fails in a capture is kept from the training script, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.capture.secrets import redact_forms
from runlore.failures import is_of_signal_handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture import Sink


def report_failure(sink: Sink, name: str, function: Callable[[], object]) -> None:
    """Call the function; if it fails, record `{"error": ...}` for the capture instead of raising.

    What a signal handler of the program's raised meanwhile, such as the `TimeoutError` of an alarm, is the program's.
    """
    try:
        function()
    except Exception as error:
        if is_of_signal_handler(error):
            raise
        sink.event("capture", name, {"error": redact_forms(f"{type(error).__name__}: {error}")})
