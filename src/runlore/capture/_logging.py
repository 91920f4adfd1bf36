"""`logging` records, with their arguments filled in, without touching handlers, levels or output.

A handler on the root logger would change the program: `basicConfig()` does nothing once there is one, and warnings of a
program that configured nothing would no longer reach stderr. So the method that hands a record to its handlers is
observed instead; loggers that do not propagate are then seen as well. When the program imports `logging` only later,
that moment is waited for: importing it ourselves would cost every run ten milliseconds.
"""

from __future__ import annotations

import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture.secrets import redact_forms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from runlore.capture import Sink

BURST_RECORDS = 20_000
RECORDS_PER_SECOND = 200
MAX_MESSAGE_CHARACTERS = 16_384

_active: list[LoggingCapture] = []
_inside = threading.local()


class LoggingCapture:
    """Records each `logging` record that a logger hands to its handlers, as an event `log` with the key `logging`.

    The value is the message; `level`, `logger`, `path`, `line` and, for an exception, `exception` are columns. At most
    20,000 at once and 200 a second in the long run; how many were left out is recorded at the end.

    Args:
        sink: where it is recorded.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._allowance = float(BURST_RECORDS)
        self._refilled = monotonic()
        self._dropped = 0

    def start(self) -> None:
        """Observe `logging`, now or when the program imports it."""
        _active.append(self)
        module = sys.modules.get("logging")
        if module is not None:
            observe(module)
        elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())

    def stop(self) -> None:
        """Stop recording. Idempotent."""
        if self not in _active:
            return
        _active.remove(self)
        if not _active:
            sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        if self._dropped:
            self._sink.event("capture", "console", {"dropped_logging_records": self._dropped})

    def record(self, record: Any) -> None:
        """Keep one `logging.LogRecord`."""
        now = monotonic()
        self._allowance = min(BURST_RECORDS, self._allowance + (now - self._refilled) * RECORDS_PER_SECOND)
        self._refilled = now
        if self._allowance < 1:
            self._dropped += 1
            return
        self._allowance -= 1
        extra: dict[str, Any] = {
            "level": record.levelname,
            "logger": record.name,
            "path": record.pathname,
            "line": record.lineno,
        }
        if record.exc_info and record.exc_info[0] is not None:
            extra["exception"] = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
        message = redact_forms(_message(record)[:MAX_MESSAGE_CHARACTERS])
        self._sink.event("log", "logging", message, time_ns=int(record.created * 1e9), **extra)


def observe(logging: Any) -> None:
    """Have every logger's `callHandlers` tell the active captures, once for this process."""
    original = logging.Logger.callHandlers
    if getattr(original, "observed_by_runlore", False):
        return

    def call_handlers(self: Any, record: Any) -> None:
        original(self, record)
        if _active and not getattr(_inside, "recording", False) and _is_heard(self, record):
            _inside.recording = True
            try:
                for capture in _active:
                    capture.record(record)
            finally:
                _inside.recording = False

    call_handlers.observed_by_runlore = True  # type: ignore[attr-defined]
    logging.Logger.callHandlers = call_handlers


_INFO = 20


def _is_heard(logger: Any, record: Any) -> bool:
    """Whether the record is of the level INFO at least, or some handler takes it. Others nobody has asked for."""
    while logger is not None and record.levelno < _INFO:
        if any(record.levelno >= handler.level for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return bool(record.levelno >= _INFO)


def _message(record: Any) -> str:
    try:
        return str(record.getMessage())
    except Exception:  # noqa: BLE001 - arguments that do not fit are reported by `logging` itself, on stderr
        return f"{record.msg} {record.args!r}"


class _Finder:
    """Waits for the program to import `logging`, and finds everything else as it was found before."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                observe(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
