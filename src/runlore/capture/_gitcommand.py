"""Asking git: processes whose output is collected as it comes, and questions of several steps.

The repository is not trusted. Git runs with file-system monitors, hooks, external differences, text conversions,
prompts and network off, and without the file filters that the repository's own configuration names: looking at a
repository never executes what it brought.
"""

from __future__ import annotations

import os
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Generic, TypeVar

from runlore.capture import _children, _poll, _worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import TypeAlias

SAFE_OPTIONS = (
    "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=",
    "-c", "core.untrackedCache=false", "-c", "submodule.recurse=false", "-c", "color.ui=false",
    "-c", "core.quotePath=false", "-c", "core.trustctime=true", "-c", "core.checkStat=default",
)  # fmt: skip
MAX_COMPLAINT_BYTES = 4096
EXIT_SECONDS = 1.0
EXIT_TRIES = 1000


def environment() -> dict[str, str]:
    """The environment that git gets: the user's, without what would lead it elsewhere, let it ask or let it fetch."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_ASKPASS": "true",
        "LC_ALL": "C",
    }


class Command:
    """A git process. It never raises: what went wrong is in `problem`.

    Args:
        name: what it is called in messages, such as `git status`.
        arguments: after `git` and the safe options.
        directory: the working tree.
        limit_bytes: more output than this is cut, and the process ended.
        variables: further environment variables.
        input_path: a file that it reads as standard input.

    Attributes:
        output: what it wrote, at most `limit_bytes`.
        truncated: whether there was more.
        ended: whether it ended, by itself or by us.
        problem: what went wrong, in words; None if nothing did, as far as is known.
        late: whether there was no time left for it.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], directory: str, limit_bytes: int, *,
        variables: Mapping[str, str] | None = None, input_path: str = os.devnull,
    ) -> None:  # fmt: skip
        self.name = name
        self.output = bytearray()
        self.truncated = False
        self.ended = False
        self.late = False
        self.problem: str | None = None
        self._complaint = bytearray()
        self._limit_bytes = limit_bytes
        self._when_ended: Callable[[], None] | None = None
        self._tasks: dict[int, _worker.Task] = {}
        self._lock = threading.RLock()
        try:
            self._start(["git", *SAFE_OPTIONS, "-C", directory, *arguments], dict(variables or {}), input_path)
        except FileNotFoundError:
            self._fail("git is not installed")
        except OSError as error:
            self._fail(f"{name} could not be started: {error.strerror or error}")

    def _start(self, arguments: list[str], variables: dict[str, str], input_path: str) -> None:
        opened: list[int] = []
        try:
            opened += os.pipe()
            opened += os.pipe()
            out, out_writer, complaint, complaint_writer = opened
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, input_path, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out_writer, 1),
                (os.POSIX_SPAWN_DUP2, complaint_writer, 2),
            ]
            self._process = os.posix_spawnp(
                arguments[0], arguments, environment() | variables, file_actions=actions, setpgroup=0
            )
        except OSError:
            for fd in opened:
                os.close(fd)
            raise
        os.close(out_writer)
        os.close(complaint_writer)
        self._out = out
        for fd in (out, complaint):
            os.set_blocking(fd, False)
            self._tasks[fd] = _worker.Task(lambda fd=fd: self._read(fd), fd=fd)  # type: ignore[misc]

    def watch(self, when_ended: Callable[[], None]) -> None:
        """Let the shared thread collect the output, and call the function when it ended.

        Raises:
            OSError, RuntimeError: there is no thread to be had; `finish` does it without one.
        """
        self._when_ended = when_ended
        for task in self._tasks.values():
            _worker.watch(task)

    def finish(self, deadline: float, why: str) -> None:
        """Read to the end in this thread, or end the process at the deadline (`time.monotonic()` seconds).

        Args:
            deadline: in seconds of `time.monotonic()`.
            why: what is said of a process that was ended: `git status took longer than …`.
        """
        with self._lock:  # from here on, the shared thread finds nothing to do
            self._when_ended = None
            while not self.ended:
                left = deadline - monotonic()
                if left <= 0:
                    self.give_up(f"{self.name} took longer than {why}")
                    return
                for fd in _poll.any_readable(self._tasks.copy(), left):
                    self._read(fd)

    def give_up(self, problem: str) -> None:
        """End the process: there is no time left for it."""
        with self._lock:
            if not self.ended:
                self.late = True
                self._conclude(problem, kill=True)

    def _read(self, fd: int) -> None:
        with self._lock:
            if self.ended or fd not in self._tasks:
                return
            try:
                data = os.read(fd, 1 << 20)
            except BlockingIOError:
                return
            if not data:
                self._close(fd)
                if not self._tasks:
                    self._conclude(None)
            elif fd != self._out:
                self._complaint += data[: MAX_COMPLAINT_BYTES - len(self._complaint)]
            elif len(self.output) + len(data) > self._limit_bytes:
                self.output += data[: self._limit_bytes - len(self.output)]
                self.truncated = True
                self._conclude(None, kill=True)
            else:
                self.output += data

    def _close(self, fd: int) -> None:
        self._tasks.pop(fd).cancel(0)
        os.close(fd)

    def _conclude(self, problem: str | None, *, kill: bool = False) -> None:
        for fd in list(self._tasks):
            self._close(fd)
        if kill:
            self._kill()
        code = self._exit_code()
        if problem is None and code != 0 and not self.truncated:
            said = " ".join(self._complaint.decode("utf-8", "replace").split())
            problem = f"{self.name} ended with code {code}" + (f" and said: {said}" if said else "")
        self._fail(problem)

    def _exit_code(self) -> int:
        """Collect the process, which has closed its output: at once, but for one that does not end."""
        try:
            for _ in range(EXIT_TRIES):
                pid, status = _children.collect(self._process, os.WNOHANG)
                if pid:
                    return os.waitstatus_to_exitcode(status)
                sleep(EXIT_SECONDS / EXIT_TRIES)
            self._kill()
            return os.waitstatus_to_exitcode(_children.collect(self._process)[1])
        except ChildProcessError:
            return 0  # the program collects every child itself, so the exit code is gone; the output is here

    def _kill(self) -> None:
        from signal import SIGKILL

        try:
            os.killpg(self._process, SIGKILL)
        except ProcessLookupError:
            return  # the program has collected it already

    def _fail(self, problem: str | None) -> None:
        self.problem = problem
        self.ended = True
        when_ended = self._when_ended
        if when_ended is not None:
            when_ended()


Answer = TypeVar("Answer")

if TYPE_CHECKING:
    Steps: TypeAlias = Generator[Sequence[Command], None, Answer]
    """A question: it yields commands to wait for, looks at what they found, and returns the answer."""


class Question(Generic[Answer]):
    """Goes through the steps of a question. Whoever sees the last command of a step end begins the next one.

    Args:
        steps: the question.
        when_answered: called once with the answer, on the shared thread or in `finish`, which waits for it.
        when_failed: called instead with what was raised, by the question or by `when_answered`.
    """

    def __init__(
        self, steps: Steps[Answer], when_answered: Callable[[Answer], None], when_failed: Callable[[Exception], None]
    ) -> None:  # fmt: skip
        self._steps = steps
        self._when_answered = when_answered
        self._when_failed = when_failed
        self._waiting: Sequence[Command] = ()
        self._lock = threading.RLock()
        self._due = False
        self._why: str | None = None
        self._ended = False

    def go_on(self) -> None:
        """Begin the next step if all commands of this one have ended; at the first call, begin."""
        self._due = True
        while self._due and self._lock.acquire(blocking=False):  # else whoever holds it looks again
            try:
                self._due = False
                self._step()
            finally:
                self._lock.release()

    def finish(self, deadline: float, why: str, *, patience_s: float) -> bool:
        """Have the answer now; commands that are not done by the deadline are ended, and no more are started.

        Args:
            deadline: in seconds of `time.monotonic()`.
            why: what is said of them: `took longer than …`.
            patience_s: how long to wait for another thread that is recording the answer.

        Returns:
            Whether the answer was given and `when_answered` is through with it.
        """
        if not self._lock.acquire(timeout=patience_s):
            return False
        try:
            while not self._ended:
                for command in self._waiting:
                    command.finish(deadline, why)
                if monotonic() >= deadline:
                    self._why = why
                self._step()
            return True
        finally:
            self._lock.release()

    def _step(self) -> None:
        while not self._ended and all(command.ended for command in self._waiting):
            try:
                self._waiting = next(self._steps)
            except StopIteration as end:
                self._end(lambda answer=end.value: self._when_answered(answer))  # type: ignore[misc]
                return
            except Exception as error:  # noqa: BLE001 - whatever it was, training goes on and the run says so
                self._end(lambda error=error: self._when_failed(error))  # type: ignore[misc]
                return
            for command in self._waiting:
                self._attend(command)

    def _attend(self, command: Command) -> None:
        if self._why is not None:
            command.give_up(f"{command.name} was not begun within {self._why}")
        elif not command.ended:
            try:
                command.watch(self.go_on)
            except (OSError, RuntimeError):
                return  # no thread to be had: `finish` reads what it says

    def _end(self, tell: Callable[[], None]) -> None:
        self._waiting = ()
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - as above
            self._when_failed(error)
        self._ended = True
