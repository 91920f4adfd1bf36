"""Several processes that answer at one port: forked, watched, and started anew when one dies.

The process that was started answers nothing. It forks the workers while it has no thread, no open store and no
connection, so that they share what was imported, and are there as soon as one of them would be. Then it waits: a worker
that dies is replaced, SIGTERM or SIGINT end all of them, and SIGHUP is passed on to each. Workers hold the reading end
of a pipe of which only the parent has the other: when the parent is gone, however it ended, they end too, and the port
is free.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import signal
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING

from runlore.errors import NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("runlore.server")

PAUSE_S = 1.0
"""Before a worker is started again that died before it was ready."""

_PID_BYTES = 8
_ENDING = (signal.SIGTERM, signal.SIGINT)


class Workers:
    """See the module. For the main thread of a process that has no other.

    Args:
        count: how many.
        work: what a worker does until it gets SIGTERM or SIGINT, and returns then. It is called with a function that
            it calls as soon as it answers.
        grace_s: for ending, after which a worker is killed.
    """

    def __init__(self, count: int, work: Callable[[Callable[[], None]], None], grace_s: float) -> None:
        self._count = count
        self._work = work
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
            if self._is_hung_up:
                self._is_hung_up = False
                for pid in self._ready:
                    os.kill(pid, signal.SIGHUP)
            if monotonic() >= self._due:
                self._start()

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, or for a worker that answers."""
        select.select([self._woken, self._told], [], [], seconds)
        _drained(self._woken)
        told = _drained(self._told)
        for at in range(0, len(told), _PID_BYTES):
            pid = int.from_bytes(told[at : at + _PID_BYTES], "little")
            if pid in self._ready:
                self._ready[pid] = True

    def _dead(self) -> list[tuple[int, int]]:
        """Those that ended, with their exit codes, less than 0 for a signal; they are forgotten."""
        found = []
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
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                self._be_worker()
            self._ready[pid] = False

    def _end(self) -> None:
        """End all of them."""
        for pid in self._ready:
            os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + self._grace_s
        while self._ready and monotonic() < deadline:
            self._dead()
            if self._ready:
                self._wait(max(deadline - monotonic(), 0.0))
        for pid in self._ready:
            log.warning("worker %d does not end, and is killed", pid)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._ready.clear()

    # -- a worker -----------------------------------------------------------------------------------------------

    def _be_worker(self) -> None:
        """Work, in the child; it ends here."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _ENDING:
                signal.signal(number, lambda *_: os._exit(0))  # uvicorn has its own, and calls these when it is done
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it serves, there is nothing to take anew
            for end in (self._held, self._told, self._woken, self._wake):
                os.close(end)
            threading.Thread(target=self._end_with_parent, name="runlore-lifeline", daemon=True).start()
            self._work(self._say_ready)
            code = 0
        except Exception:
            log.exception("worker %d failed", os.getpid())
        except SystemExit as error:  # so uvicorn says that it could not start
            code = error.code if isinstance(error.code, int) else 1
        finally:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(code)

    def _say_ready(self) -> None:
        os.write(self._tell, os.getpid().to_bytes(_PID_BYTES, "little"))

    def _end_with_parent(self) -> None:
        """Wait until nobody holds the other end, which is when the parent is gone."""
        os.read(self._lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)


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
