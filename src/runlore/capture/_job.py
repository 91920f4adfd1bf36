"""Work that a capture does once: the shared thread when its time has come, or the end of the run if that is earlier."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from runlore.capture import _worker
from runlore.capture._failures import report_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture import Sink


class Job:
    """Work of a capture, which records its result itself. When `finish` has returned, it is recorded, or said why not.

    Args:
        sink: the run, for what went wrong.
        name: the capture's.
        work: called once.
        result: what it records, in words, such as `the list of packages`.
    """

    def __init__(self, sink: Sink, name: str, work: Callable[[], None], result: str) -> None:
        self._sink = sink
        self._name = name
        self._work = work
        self._result = result
        self._task: _worker.Task | None = None
        self._lock = threading.RLock()
        self._begun = False

    def start(self, delay_s: float) -> None:
        """Have the shared thread do it after a while; without a thread, `finish` does it."""
        try:
            self._task = _worker.call_after(delay_s, self._do)
        except (OSError, RuntimeError):
            return

    def finish(self, timeout_s: float) -> None:
        """Do it now unless it is done. Waits at most so long for the shared thread while that is at it."""
        if self._task is not None:
            self._task.cancel(0)
        if self._lock.acquire(timeout=timeout_s):
            try:
                self._do()
            finally:
                self._lock.release()
        else:
            problem = f"{self._result} took longer than {timeout_s:g} s at the end of the run and is not known"
            self._sink.event("capture", self._name, {"error": problem})

    def _do(self) -> None:
        with self._lock:
            if not self._begun:
                self._begun = True
                report_failure(self._sink, self._name, self._work)
