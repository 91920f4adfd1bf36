"""Several processes that answer at one port: forked, watched, and started anew when one dies.

The process that was started answers nothing. It forks the workers while it has no thread, no open store and no
connection, so that they share what was imported, and are there as soon as one of them would be. Then it waits: a worker
that dies is replaced, and SIGTERM or SIGINT end all of them. Workers hold the reading end of a pipe of which only the
parent has the other: when the parent is gone, however it ended, they end too, and the port is free.

With SIGHUP as many others are started at the same port, which are programs of their own: of the code, and with the
certificate, that are there now. When all of them answer, those before get SIGUSR1: they take no further connection, and
end with those that they have. If one of the others does not come to answer, all stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import signal
import sys
from time import monotonic
from typing import TYPE_CHECKING

from runlore.errors import NotReachable
from runlore.server.taking_over import PID_BYTES, end_with_parent, say_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("runlore.server")

PAUSE_S = 1.0
"""Before a worker is started again that died before it was ready."""

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Workers:
    """See the module. For the main thread of a process that has no other.

    Args:
        count: how many.
        work: what a worker does until it gets SIGTERM or SIGINT, and returns then. It is called with a function that
            it calls as soon as it answers.
        grace_s: for ending, after which a worker is killed.
        anew: become a worker that is a program of its own, in a forked process; it is called with the reading end of
            the lifeline, and with where the worker says that it answers.
    """

    def __init__(
        self, count: int, work: Callable[[Callable[[], None]], None], grace_s: float,
        anew: Callable[[int, int], None] | None = None,
    ) -> None:  # fmt: skip
        self._count = count
        self._work = work
        self._anew = anew
        self._next: dict[int, bool] = {}
        self._leaving: set[int] = set()
        self._is_renewed = False
        self._grace_s = grace_s
        self._ready: dict[int, bool] = {}
        self._due = 0.0
        self._ends = False
        self._is_hung_up = False

    def run(self, when_ready: Callable[[], None] | None = None) -> None:
        """Keep them running until SIGTERM or SIGINT.

        Args:
            when_ready: called once, when all of them answer.

        Raises:
            NotReachable: one of them could not be started; it has said why.
        """
        self._lifeline, self._held = os.pipe()
        self._told, self._tell = os.pipe()
        self._woken, self._wake = os.pipe()
        ends = (self._lifeline, self._held, self._told, self._tell, self._woken, self._wake)
        for end in (self._told, self._woken, self._wake):
            os.set_blocking(end, False)
        try:
            with self._signals():
                self._start()
                self._watch(when_ready)
                self._end()
        finally:
            for end in ends:
                os.close(end)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Have signals wake us, for the block."""

        def noted(number: int, _: object) -> None:
            self._ends |= number in _ENDING
            self._is_hung_up |= number == signal.SIGHUP

        before = {number: signal.signal(number, noted) for number in (*_ENDING, signal.SIGHUP, signal.SIGCHLD)}
        waker = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waker)
            for number, handler in before.items():
                signal.signal(number, handler)

    # -- the parent ---------------------------------------------------------------------------------------------

    def _watch(self, when_ready: Callable[[], None] | None) -> None:
        """Replace those that die; return when it is to end."""
        were_ready = False
        while not self._ends:
            self._wait(max(self._due - monotonic(), 0.0) if len(self._ready) < self._count else None)
            for pid, code in self._dead():
                if not were_ready:
                    self._end()
                    raise NotReachable(f"a worker could not be started: process {pid} ended with {code}")
                log.warning("worker %d ended with %d; another one is started", pid, code)
            if not were_ready and all(self._ready.values()):
                were_ready = True
                if when_ready is not None:
                    when_ready()
            if self._next and all(self._next.values()):
                self._change_over()
            if self._is_hung_up and not self._next and all(self._ready.values()):
                self._is_hung_up = False
                self._renew()
            if monotonic() >= self._due:
                self._start()

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, or for a worker that answers."""
        select.select([self._woken, self._told], [], [], seconds)
        _drained(self._woken)
        told = _drained(self._told)
        for at in range(0, len(told), PID_BYTES):
            pid = int.from_bytes(told[at : at + PID_BYTES], "little")
            for known in (self._ready, self._next):
                if pid in known:
                    known[pid] = True

    def _dead(self) -> list[tuple[int, int]]:
        """Those that ended, with their exit codes, less than 0 for a signal; they are forgotten."""
        found = []
        self._leaving = {pid for pid in self._leaving if not os.waitpid(pid, os.WNOHANG)[0]}
        self._look_at_next()
        for pid in list(self._ready):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                found.append((pid, os.waitstatus_to_exitcode(status)))
                if not self._ready.pop(pid):
                    self._due = monotonic() + PAUSE_S
        return found

    def _start(self) -> None:
        """Start as many as are missing."""
        while len(self._ready) < self._count:
            self._ready[self._forked()] = False

    def _forked(self) -> int:
        """A new worker: after a renewal, a program of its own."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_worker()
        return pid

    # -- renewal ------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Start as many others."""
        was_renewed, self._is_renewed = self._is_renewed, self._anew is not None
        self._next = {self._forked(): False for _ in range(self._count)}
        self._is_renewed = was_renewed

    def _look_at_next(self) -> None:
        """Give up a renewal of which a worker ended before all answered."""
        for pid in self._next:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                log.warning("SIGHUP: all stays as it was, because a new worker, %d, ended with %d", pid, code)
                self._leaving |= set(self._next) - {pid}
                self._next = {}
                for other in self._leaving:
                    os.kill(other, signal.SIGTERM)
                return

    def _change_over(self) -> None:
        """Let the others answer from now on, and those before go."""
        log.info("SIGHUP: %d new workers answer; those before end with their connections", self._count)
        self._leaving |= set(self._ready)
        for pid in self._ready:
            os.kill(pid, signal.SIGUSR1)
        self._ready, self._next, self._is_renewed = self._next, {}, self._anew is not None

    # -- the end ------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """End all of them."""
        self._leaving |= {*self._ready, *self._next}
        self._ready, self._next = {}, {}
        for pid in self._leaving:
            os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + self._grace_s
        while self._leaving and monotonic() < deadline:
            self._dead()
            if self._leaving:
                self._wait(max(deadline - monotonic(), 0.0))
        for pid in self._leaving:
            log.warning("worker %d does not end, and is killed", pid)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._leaving.clear()

    # -- a worker -----------------------------------------------------------------------------------------------

    def _be_worker(self) -> None:
        """Work, in the child; it ends here."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _ENDING:
                signal.signal(number, lambda *_: os._exit(0))  # uvicorn has its own, and calls these when it is done
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent starts others
            if self._is_renewed and self._anew is not None:
                self._anew(self._lifeline, self._tell)
            for end in (self._held, self._told, self._woken, self._wake):
                os.close(end)
            end_with_parent(self._lifeline)
            self._work(lambda: say_ready(self._tell))
            code = 0
        except Exception:
            log.exception("worker %d failed", os.getpid())
        except SystemExit as error:  # so uvicorn says that it could not start
            code = error.code if isinstance(error.code, int) else 1
        finally:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(code)


def _drained(descriptor: int) -> bytes:
    """What can be read at once; nothing is waited for."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            return b"".join(pieces)
        pieces.append(piece)
        if not piece:
            return b"".join(pieces)
