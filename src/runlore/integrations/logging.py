"""Python's `logging`: a handler that keeps records on the console of a run, and `autolog` without a handler.

A run whose console is captured has every record already. This is for the others: runs with `capture=False`, or for
records of one logger alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runlore.capture.log_records import LoggingCapture, is_recorded
from runlore.errors import NoActiveRun, WrongType
from runlore.integrations._patches import Unharmed
from runlore.run.capturing import RunSink
from runlore.run.handle import Run
from runlore.run.starting import active_run

if TYPE_CHECKING:
    from types import ModuleType

    from runlore.integrations._patches import Patches


class RunHandler(logging.Handler):
    """Keeps log records on the console of a run: `runlore logs --stream logging`, the page, `RunView.logs`.

    The message is kept without colours and secrets, with its level, logger, path, line and exception; at most 20,000
    records at once and 200 a second in the long run, and how many were left out. Nothing of it raises. Where the run
    captures its console, the records are there already, and are not kept twice.

    Args:
        run: which; None: the active one, at each record. Without one, records are left to the other handlers.
        level: records below it are left out.

    Raises:
        WrongType: `run` is no `Run`.

    Example:
        >>> import logging, runlore
        >>> from runlore.integrations.logging import RunHandler
        >>> logger = logging.getLogger("my.training")
        >>> with runlore.start("iris", capture=False) as run:
        ...     handler = RunHandler(run)
        ...     logger.addHandler(handler)
        ...     logger.warning("loss is %s", "nan")
        ...     logger.removeHandler(handler)
        >>> list(runlore.get_run(run.uid).logs("logging"))
        ['loss is nan']
    """

    def __init__(self, run: Run | None = None, level: int | str = logging.NOTSET) -> None:
        if run is not None and not isinstance(run, Run):
            raise WrongType(f"run={run!r:.100} must be a run that runlore.start gave, or None for the active one")
        super().__init__(level)
        self._run = run
        self._kept = LoggingCapture(_Sink(run))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record; see `logging.Handler.emit`."""
        with Unharmed("a log record"):
            run = self._run or _active()
            if run is not None and not is_recorded(run.uid):
                self._kept.record(record)

    def close(self) -> None:
        """Say how many records were left out; see `logging.Handler.close`."""
        with Unharmed("what was left out of a log"):
            self._kept.report()
        super().close()


def install(_library: ModuleType, patches: Patches) -> None:
    """Record what every logger hands to its handlers, in the active run."""
    records = LoggingCapture(_Sink(None))
    records.start()
    patches.on_undo(records.stop)


class _Sink:
    """Where records go: into the run that was given, else into the active one, unless it captures them itself."""

    def __init__(self, run: Run | None) -> None:
        self._run = run

    @property
    def uid(self) -> str:
        return getattr(self._run or _active(), "uid", "")

    def event(self, kind: str, key: str, value: object, **more: Any) -> None:
        """Record one fact, where there is a run that has it not otherwise."""
        run = self._run or _active()
        if run is not None and not is_recorded(run.uid, besides=self):
            RunSink(run).event(kind, key, value, **more)


def _active() -> Run | None:
    try:
        return active_run()
    except NoActiveRun:
        return None
