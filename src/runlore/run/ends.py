"""How runs end when nobody calls `finish`: the end of the program, exceptions, `sys.exit`, Ctrl-C and SIGTERM.

Hooks are installed with the first run of a process. Each hands on to what was installed before it, and exit codes stay
as they are; `runlore.leaving` notices them. A forked child never ends its parent's runs.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading

from runlore import leaving
from runlore.model import STOPPED
from runlore.run import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any

    from runlore.run.handle import Run

open_runs: dict[str, Run] = {}
"""Runs that this process has begun and not finished, oldest first, by uid."""

_installed = False
_previous_hook: Any = None
_previous_handler: Any = None
_terminated = False


def watch(run: Run) -> None:
    """End the run when the program does."""
    if not _installed:
        _install()
    if not open_runs:
        _catch_sigterm()
    open_runs[run.uid] = run


def forget(run: Run) -> None:
    """The run was finished."""
    open_runs.pop(run.uid, None)
    if not open_runs:
        _release_sigterm()


def status_of(error: BaseException | None) -> tuple[str, dict[str, Any]]:
    """The status that an exception leaves behind, and what to record of it; see `runlore.run.outcome`."""
    return outcome.status_of(error, terminated=_terminated)


def _install() -> None:
    global _installed, _previous_hook  # noqa: PLW0603 - hooks of the process
    _installed = True
    _previous_hook, sys.excepthook = sys.excepthook, _on_exception
    atexit.register(_on_end)
    os.register_at_fork(after_in_child=_release_sigterm)


def _catch_sigterm() -> None:
    """Have SIGTERM end the runs first. Only while there are any, and never in a forked child.

    A handler that is written in Python runs between two instructions of Python. A process that waits in C when the
    signal comes would not end as promptly as one without a handler: workers of a pool have to.
    """
    global _previous_handler  # noqa: PLW0603 - what the process did before
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler not in (None, signal.SIG_IGN, _on_sigterm):
        _previous_handler = handler
        signal.signal(signal.SIGTERM, _on_sigterm)


def _release_sigterm() -> None:
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == _on_sigterm:
        signal.signal(signal.SIGTERM, _previous_handler)


def _end_all(status: str, about: dict[str, Any]) -> None:
    failure: Exception | None = None
    for run in reversed(list(open_runs.values())):
        try:
            run.end(status, about)
        except Exception as error:  # noqa: BLE001, PERF203 - raised when the other runs have ended, too
            failure = failure or error
    if failure is not None:
        raise failure


def _on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    status, about = status_of(BaseException.with_traceback(error, trace))
    try:
        _previous_hook(kind, error, trace)  # while output is still captured: the traceback belongs to the record
    finally:
        _end_all(status, about)


def _on_end() -> None:
    status, about = outcome.status_of_exit(leaving.noticed(), terminated=_terminated)
    _end_all(status, about)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    global _terminated  # noqa: PLW0603 - read by whatever ends the run
    _terminated = True
    if callable(_previous_handler):
        _previous_handler(number, frame)
        return
    _end_all(STOPPED, {"reason": "SIGTERM"})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
