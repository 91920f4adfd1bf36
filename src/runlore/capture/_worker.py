"""The one thread that captures share: timers and descriptors, in a process that has a run with captures.

It starts with the first timer or watched descriptor and ends a second after the last, so that a thousand short runs
share one thread too. It sleeps in `poll`, without the GIL. A forked child has none, and starts one only when a run of
its own needs it.
"""

from __future__ import annotations

import os
import select
import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LINGER_SECONDS = 1.0
"""How long the thread waits for another task before it ends."""


class Task:
    """A function that the shared thread calls, and how to stop that.

    Args:
        function: called on the shared thread. It must not raise: captures report their own failures.
        due: when to call it once, in seconds of `time.monotonic`; None: not at a time.
        fd: a descriptor to call it for; None: none.
    """

    __slots__ = ("_lock", "cancelled", "due", "fd", "function")

    def __init__(self, function: Callable[[], None], *, due: float | None = None, fd: int | None = None) -> None:
        self.function = function
        self.due = due
        self.fd = fd
        self.cancelled = False
        self._lock = threading.RLock()

    def run(self) -> None:
        """Call the function, unless it was cancelled."""
        with self._lock:
            if not self.cancelled:
                self.function()

    def again(self, due: float) -> None:
        """Call the function once more, at this time."""
        if not self.cancelled:
            self.due = due
            _worker.add(self)

    def cancel(self, timeout_s: float = 1.0) -> bool:
        """No call begins after this. Returns whether none is under way either, after waiting at most `timeout_s`."""
        self.cancelled = True
        _worker.forget(self)
        if not self._lock.acquire(timeout=timeout_s):
            return False
        self._lock.release()
        _worker.forget(self)  # the call that was under way may have asked for another
        return True


class _Worker:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: list[Task] = []
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None
        self._sleeps_until: float | None = 0.0

    def add(self, task: Task) -> None:
        with self._lock:
            if self._wake is None:
                wake = os.pipe()
                os.set_blocking(wake[0], False)
                os.set_blocking(wake[1], False)
                self._wake = wake
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name="runlore-capture", daemon=True)
                thread.start()  # waits for the thread to run, which then waits for the lock
                self._thread = thread
            elif task.fd is not None or self._sleeps_until is None or task.due is None or task.due < self._sleeps_until:
                self._poke()
            self._tasks.append(task)

    def forget(self, task: Task) -> None:
        with self._lock:
            if task in self._tasks:
                self._tasks.remove(task)
                until = self._sleeps_until
                if task.fd is not None or until is None or until > monotonic() + LINGER_SECONDS:
                    self._poke()  # for the other timers it wakes once in vain, which costs less

    def close_after_fork(self) -> None:
        """Only in a forked child: the thread stayed with the parent, its pipe's copies are of no use here."""
        for fd in self._wake or ():
            os.close(fd)

    def _poke(self) -> None:
        if self._wake is not None:
            try:
                os.write(self._wake[1], b"\0")
            except BlockingIOError:
                return  # the pipe is full of wake-ups: one more changes nothing

    def _serve(self) -> None:
        idle_since: float | None = None
        while True:
            with self._lock:
                now = monotonic()
                tasks = list(self._tasks)
                if tasks:
                    idle_since = None
                    self._sleeps_until = min((task.due for task in tasks if task.due is not None), default=None)
                else:
                    idle_since = now if idle_since is None else idle_since
                    self._sleeps_until = idle_since + LINGER_SECONDS
                if self._wake is None or (not tasks and self._sleeps_until is not None and self._sleeps_until <= now):
                    self._thread = None
                    return
                wake, until = self._wake[0], self._sleeps_until
            for task in self._wait(tasks, wake, until):
                if task.fd is None:
                    self.forget(task)
                task.run()

    def _wait(self, tasks: list[Task], wake: int, until: float | None) -> list[Task]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        watching = {task.fd: task for task in tasks if task.fd is not None}
        for fd in watching:
            poll.register(fd, select.POLLIN)
        ready = poll.poll(None if until is None else max(0.0, (until - monotonic()) * 1000))
        now = monotonic()
        out = [task for task in tasks if task.due is not None and task.due <= now]
        for fd, _event in ready:
            if fd == wake:
                os.read(wake, 4096)
            else:
                out.append(watching[fd])
        return out


_worker = _Worker()


def call_after(delay_s: float, function: Callable[[], None]) -> Task:
    """Have the shared thread call the function once, `delay_s` seconds from now.

    Raises:
        OSError, RuntimeError: the process has no thread or descriptor left, or is ending. Nothing will be called.
    """
    task = Task(function, due=monotonic() + delay_s)
    _worker.add(task)
    return task


def watch(task: Task) -> None:
    """Have the shared thread run the task whenever its descriptor is readable or hung up, until it is cancelled.

    Raises:
        OSError, RuntimeError: as for `call_after`.
    """
    _worker.add(task)


def _after_fork() -> None:
    global _worker  # noqa: PLW0603 - the parent's thread and its lock do not exist here
    _worker.close_after_fork()
    _worker = _Worker()


os.register_at_fork(after_in_child=_after_fork)
