"""A program as a child process that is a run: started, watched, its signals passed on, its end recorded.

Signals are blocked in this process and taken one at a time, with who sent them. Where the program shares a terminal's
foreground with us, what the terminal sends (Ctrl-C, Ctrl-Z, a new size) has reached it already and is not sent twice;
without a terminal the program has a process group of its own, and every signal is passed on to all of it.
"""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.cli._errors import CANNOT_EXECUTE, COMMAND_NOT_FOUND, complain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.run import Run

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTSTP", "SIGCONT")
_FROM_KERNEL = 128
"""`si_code` of a signal that the kernel sent: the terminal's driver."""
_STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def supervise(command: Sequence[str], experiment: str | None, **options: Any) -> int:
    """Run the command as a run and return the exit code to end with: its own, 128 + n after signal n, 126 or 127.

    Args:
        command: the program and its arguments.
        experiment: by default the program's name.
        options: for `runlore.start`.

    Raises:
        InvalidArgument, WrongType, ReadOnlyStore: as `runlore.start`. Nothing was started.
    """
    path = shutil.which(command[0])
    if path is None:
        exists = os.path.exists(command[0]) and os.sep in command[0]
        complain(f"{command[0]!r} {'cannot be executed' if exists else 'is not a command that can be found'}")
        return CANNOT_EXECUTE if exists else COMMAND_NOT_FOUND
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signals = {signal.SIGCHLD}
    signals |= {n for name in _PASSED_ON if signal.getsignal(n := getattr(signal, name)) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before any thread starts: they inherit it
    try:
        return _run(path, command, experiment, signals, before, options)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(
    path: str, command: Sequence[str], experiment: str | None, signals: set[signal.Signals],
    mask: set[Any], options: dict[str, Any],
) -> int:  # fmt: skip
    import runlore

    name = experiment or os.path.basename(command[0]).lstrip(".") or "exec"
    run = runlore.start(name, capture=_captures(), **options)
    _describe(run, command)
    shared = _has_terminal()
    group: dict[str, Any] = {} if shared else {"setpgroup": 0}
    try:
        pid = os.posix_spawn(
            path, list(command), _environment(run), setsigmask=mask, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ), **group
        )
    except OSError as error:
        complain(f"{command[0]!r} cannot be executed: {error.strerror}")
        run.end(model.FAILED, {"exit_code": CANNOT_EXECUTE, "message": error.strerror or str(error)})
        return CANNOT_EXECUTE
    status, received = _Watch(pid, signals, shared=shared).wait()
    return _end(run, status, received)


def _captures() -> dict[str, Any]:
    """As for any run, but not the code of this program."""
    from runlore.capture import resolve

    return {**resolve(None), "code": False}


def _environment(run: Run) -> Mapping[str, str]:
    """What the program finds in its environment: the run to join, and what is captured already."""
    from runlore.capture import resolve

    left = [name for name in ("environment", "code") if resolve(None)[name] is not False]
    return {**os.environ, **run.env(), "RUNLORE_CAPTURE": ",".join(left) or "0"}


def _describe(run: Run, command: Sequence[str]) -> None:
    from runlore.capture.secrets import redact_arguments

    run.log_event("capture", "command", {"argv": redact_arguments(list(command)), "directory": os.getcwd()})


def _has_terminal() -> bool:
    """Whether this process is in the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


class _Watch:
    """Waits for a child, passing on what this process is sent.

    Args:
        pid: the child.
        signals: those that are blocked, and taken here.
        shared: whether the child is in our process group.
    """

    def __init__(self, pid: int, signals: set[signal.Signals], *, shared: bool) -> None:
        self._pid = pid
        self._signals = signals
        self._shared = shared
        self._received: list[signal.Signals] = []

    def wait(self) -> tuple[int, list[signal.Signals]]:
        """The child's wait status, and the signals that came meanwhile."""
        while True:
            about = signal.sigwaitinfo(self._signals)
            number = signal.Signals(about.si_signo)
            if number == signal.SIGCHLD:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
                if ended:
                    return status, self._received
                continue
            self._received.append(number)
            if not (self._shared and about.si_code == _FROM_KERNEL):
                self._pass_on(number)
            if number == signal.SIGTSTP:
                os.kill(os.getpid(), signal.SIGSTOP)  # as the terminal expects of the whole group

    def _pass_on(self, number: signal.Signals) -> None:
        try:
            if self._shared:
                os.kill(self._pid, number)
            else:
                os.killpg(self._pid, number)
        except ProcessLookupError:
            return  # it has just ended; its status comes next


def _end(run: Run, status: int, received: Sequence[signal.Signals]) -> int:
    """Record how the program ended; returns the exit code to end with."""
    code = os.waitstatus_to_exitcode(status)
    asked = [number for number in received if number in _STOPPING]
    if code < 0:
        number = signal.Signals(-code)
        about: dict[str, Any] = {"exit_code": 128 - code, "signal": number.name}
        stopped = number in _STOPPING
        run.end(model.STOPPED if stopped else model.FAILED, {**about, "message": f"ended by {number.name}"})
        return 128 - code
    if code == 0:
        run.end(model.SUCCEEDED, {"exit_code": 0})
    elif asked:
        run.end(model.STOPPED, {"exit_code": code, "signal": asked[0].name, "message": f"exit code {code}"})
    else:
        run.end(model.FAILED, {"exit_code": code, "message": f"exit code {code}"})
    return code
