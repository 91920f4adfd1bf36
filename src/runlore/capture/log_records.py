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
from weakref import WeakKeyDictionary, ref

from runlore.capture.secrets import redact_forms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from runlore.capture import Facts

BURST_RECORDS = 20_000
RECORDS_PER_SECOND = 200
MAX_MESSAGE_CHARACTERS = 65_536

_active: list[LoggingCapture] = []
_inside = threading.local()
_LOOK_AGAIN_S = 1.0
_listeners: WeakKeyDictionary[Any, tuple[ref[Any] | None, float]] = WeakKeyDictionary()
"""Of a queue's handler: its listener, and when it was looked for."""


class LoggingCapture:
    """Records each `logging` record that a logger hands to its handlers, as an event `log` with the key `logging`.

    The value is the message, without colours, as on the console; `level`, `logger`, `path`, `line` and, for an
    exception, `exception` are columns, and `printed` where a handler has printed it on the console that is captured. At
    most 20,000 at once and 200 a second in the long run; how many were left out is recorded at the end.

    Args:
        sink: where it is recorded.
        key_of: the key under which what is written to a Python stream is captured, or None.
    """

    def __init__(self, sink: Facts, key_of: Callable[[Any], str | None] = lambda _stream: None) -> None:
        self.sink = sink
        self._key_of = key_of
        self._allowance = float(BURST_RECORDS)
        self._refilled = monotonic()
        self._dropped = 0

    @property
    def uid(self) -> str:
        """Of the run in which it records."""
        return self.sink.uid

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
            _leave()
        self.report()

    def report(self) -> None:
        """Record how many records were left out since this was last called; nothing, where none were."""
        if self._dropped:
            self.sink.event("capture", "console", {"dropped_logging_records": self._dropped})
            self._dropped = 0

    def record(self, record: Any, handlers: Sequence[Any] = ()) -> None:
        """Keep one `logging.LogRecord`, which these handlers have taken."""
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
            extra["exception"] = _plain(f"{record.exc_info[0].__name__}: {_text(record.exc_info[1])}")
        printing = (self._key_of(_stream_of(handler)) for handler in _printing(handlers, record))
        printed = next(filter(None, printing), None)
        if printed is not None:
            extra["printed"] = printed
        self.sink.event("log", "logging", _plain(_message(record)), time_ns=int(record.created * 1e9), **extra)


def is_recorded(uid: str, besides: Facts | None = None) -> bool:
    """Whether the `logging` records of this process are captured for a run, so that nobody else need keep them.

    Args:
        uid: of the run.
        besides: what is captured into this sink does not count.
    """
    return any(capture.uid == uid for capture in _active if capture.sink is not besides)


_observed: list[tuple[Any, tuple[Any, Any], tuple[Any, Any]]] = []
"""The module `logging`, the two methods of it that were replaced, and by what. Empty: it is as it was."""


def observe(logging: Any) -> None:
    """Have every logger tell the active captures of its records, and handlers which they took."""
    if _observed:
        return
    call, handle = logging.Logger.callHandlers, logging.Handler.handle

    def call_handlers(self: Any, record: Any) -> None:
        if not _active or getattr(_inside, "recording", False):
            call(self, record)
            return
        outer = getattr(_inside, "taken", None)
        taken: list[Any] = []
        _inside.taken = taken
        try:
            call(self, record)
        finally:
            _inside.taken = outer
        if _is_heard(self, record):
            _inside.recording = True
            try:
                for capture in _active:
                    capture.record(record, taken)
            finally:
                _inside.recording = False

    def handler_handle(self: Any, record: Any) -> Any:
        result = handle(self, record)
        taken = getattr(_inside, "taken", None)
        if taken is not None and result:
            taken.append(self)
        return result

    logging.Logger.callHandlers = call_handlers
    logging.Handler.handle = handler_handle
    _observed.append((logging, (call, handle), (call_handlers, handler_handle)))


def _leave() -> None:
    """Leave `logging` as it was found. Where somebody has wrapped ours since, it stays, and does nothing."""
    for logging, before, ours in _observed:
        if (logging.Logger.callHandlers, logging.Handler.handle) == ours:
            logging.Logger.callHandlers, logging.Handler.handle = before
            _observed.clear()
        return


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
        return f"{_text(record.msg)} {_text(record.args)}"


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - the program's own object; the rest of the record is kept
        return f"<{type(value).__name__} whose text could not be made: {type(error).__name__}>"


def _plain(text: str) -> str:
    """What a terminal would show of a text in the end, without secrets, and not more of it than anybody will read."""
    left_out = len(text) - MAX_MESSAGE_CHARACTERS
    if left_out > 0:
        text = f"{text[:MAX_MESSAGE_CHARACTERS]}… [runlore: {left_out:,} more characters were not recorded]"
    if not text.isprintable():
        from runlore.capture._lines import as_shown

        text = as_shown(text)
    return redact_forms(text)


def _stream_of(handler: Any) -> Any:
    """The Python stream that a handler prints to: of the standard library, or of Rich."""
    return getattr(handler, "stream", None) or getattr(getattr(handler, "console", None), "file", None)


def _printing(handlers: Sequence[Any], record: Any) -> Iterator[Any]:
    """Handlers that print the record: those that took it, or to which a listener's thread hands it on from a queue."""
    for handler in handlers:
        if not hasattr(handler, "queue"):
            yield handler
            continue
        listener = _listener_of(handler)
        for behind in () if listener is None else listener.handlers:
            if not listener.respect_handler_level or record.levelno >= behind.level:
                yield behind


def _listener_of(handler: Any) -> Any:
    """The `QueueListener` of this process that empties the queue of a `QueueHandler`, or None.

    Neither knows the other before Python 3.12. It is looked for among all objects once, and again a second later at
    the earliest while there is none.
    """
    found, since = _listeners.get(handler, (None, -_LOOK_AGAIN_S))
    listener = found() if found is not None else None
    if listener is None and monotonic() - since >= _LOOK_AGAIN_S:
        import gc

        kind = sys.modules["logging.handlers"].QueueListener if "logging.handlers" in sys.modules else None
        waiting = [] if kind is None else [item for item in gc.get_objects() if issubclass(type(item), kind)]
        listener = next((item for item in waiting if item.queue is handler.queue), None)
        _listeners[handler] = (None if listener is None else ref(listener), monotonic())
    return listener


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
