"""The forwarder as the program sees it: one process for all runs of a program that come one after the other.

It is started with the first run, without waiting for it, and is let go a second after the last. Runs are handed to it
with their descriptors over a socket, so that a run costs it no start. Runs that are open at the same time share one
as long as none passes its output on to another one: a process that fills the pipe that it empties would wait for
itself.
"""

from __future__ import annotations

# The public module `socket` around it costs 25 more modules and five milliseconds of every program's start.
import _socket
import array
import json
import os
import select
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runlore.capture._descriptors import Place

LINGER_SECONDS = 1.0
"""How long a forwarder that has no run waits for the next one."""
MESSAGE_BYTES = 4096

lock = threading.RLock()
"""Held while a run is given to a forwarder, or a forwarder is let go."""
_processes: list[ForwarderProcess] = []
_passages: dict[Place, tuple[ForwarderProcess, Place | None]] = {}
"""Pipes and terminals between program and forwarder that somebody can still write to: whose they are, and where they
lead to."""
_unreaped: list[int] = []
"""First processes of forwarders, which end as soon as they have started the forwarder itself."""


class ForwarderProcess:
    """A process that passes on what runs write, and this program's end of the socket to it.

    Attributes:
        fileno: the socket's descriptor. It is readable when there is a message, and when the process is gone.
        retired: whether it is given no further runs.

    Raises:
        OSError: there is no interpreter, process or descriptor to be had.
    """

    def __init__(self) -> None:
        self.retired = False
        self._hear: dict[int, Callable[[str, str], None]] = {}
        self._numbers = 0
        self._idle_since = 0.0
        self._linger: _worker.Task | None = None
        self._socket, other = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self.fileno = self._socket.fileno()
        self._socket.setblocking(False)
        try:
            _unreaped.append(spawn(other.fileno()))
            self._watch = _worker.Task(self.listen, fd=self.fileno)
            _worker.watch(self._watch)
        except (OSError, RuntimeError):
            self._socket.close()
            raise
        finally:
            other.close()
        _processes.append(self)

    def hand_over(self, plan: Mapping[str, Any], fds: Sequence[int], hear: Callable[[str, str], None]) -> int:
        """Give it a run: the process passes on what is written from now on, even if this program is killed at once.

        Args:
            plan: what `_forward.Relay` needs to know.
            fds: the descriptors that the plan counts.
            hear: called on the shared thread with each message about the run: `gone` (nobody reads the target of
                the channel of this index any more), `failed` and why, `refused` when it cannot take the run, and `dead` when it is gone.

        Returns:
            The run's number there.

        Raises:
            OSError: the process is gone, or takes no more.
        """
        number = self._numbers = self._numbers + 1
        self._hear[number] = hear
        message = json.dumps({"number": number, **plan}).encode("ascii")
        try:
            self._socket.sendmsg([message], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))])
        except BaseException:
            self.forget(number)
            raise
        return number

    def say_restored(self, number: int, channel: int) -> None:
        """Tell the process that the program writes to the target of this channel itself again."""
        try:
            self._socket.send(json.dumps({"number": number, "restored": channel}).encode("ascii"))
        except OSError:
            return  # it is gone, which `listen` notices

    def forget(self, number: int) -> None:
        """The run is over. After a while without one the process is let go."""
        with lock:
            self._hear.pop(number, None)
            if self._hear or self not in _processes:
                return
            self._idle_since = monotonic()
            if self.retired:
                self.close()
            elif self._linger is None:
                try:
                    self._linger = _worker.call_after(LINGER_SECONDS, self._let_go)
                except (OSError, RuntimeError):
                    self.close()  # no thread to be had, as when the interpreter ends: nobody would do it later

    def retire(self) -> None:
        """Give it no further runs. It serves those that it has, and ends with them."""
        with lock:
            self.retired = True
            if not self._hear:
                self.close()

    def listen(self) -> None:
        """Pass each message on to the run that it is about; called on the shared thread."""
        try:
            message = self._socket.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if message:
            number, _, words = message.decode("utf-8", "replace").partition(" ")
            word, _, text = words.partition(" ")
            hear = self._hear.get(int(number))
            if hear is not None:
                hear(word, text)
            return
        with lock:
            heard, self._hear = list(self._hear.values()), {}
            self.close()
        for hear in heard:
            hear("dead", "")

    def is_dead(self) -> bool:
        """Whether the process is gone. It can only be asked while there is a run."""
        with lock:
            if self not in _processes:
                return True
            poll = select.poll()
            poll.register(self.fileno, 0)
            return bool(poll.poll(0))

    def close(self) -> None:
        """Let go of the socket: the process ends once nobody writes to what it serves."""
        if self in _processes:
            _processes.remove(self)
            self._watch.cancel(0)
            self._socket.close()

    def close_after_fork(self) -> None:
        """In a forked child: the process serves the parent."""
        self._socket.close()

    def _let_go(self) -> None:
        """On the shared thread: end it, unless a run came meanwhile."""
        with lock:
            due = self._idle_since + LINGER_SECONDS
            if self._hear:
                self._linger = None
            elif due > monotonic() and self._linger is not None:
                self._linger.again(due)
            else:
                self._linger = None
                self.close()


def choose(targets: Iterable[Place]) -> ForwarderProcess:
    """A forwarder for a run whose output leads to these places: one that none of them leads through, or a new one.

    Raises:
        OSError, RuntimeError: there is no process, thread or descriptor to be had.
    """
    through = set()
    for target in targets:
        place: Place | None = target
        while place is not None and place in _passages:
            process, place = _passages[place]
            through.add(process)
    for process in _processes:
        if process not in through and not process.retired:
            return process
    return ForwarderProcess()


def lead(place: Place, process: ForwarderProcess, target: Place | None) -> None:
    """Remember that what is written to a place goes through this process to the target."""
    _passages[place] = process, target


def end(place: Place) -> None:
    """Nobody can write to the place any more."""
    _passages.pop(place, None)


def spawn(connection: int) -> int:
    """Start the process, with its end of the socket, and return the id of its first process.

    Raises:
        OSError: there is no interpreter, or no process to be had.
    """
    if getattr(sys, "frozen", False) or not sys.executable:
        raise OSError("this program has no Python interpreter that could pass its output on")
    try:
        pidfd = os.pidfd_open(os.getpid())
    except (AttributeError, OSError):
        pidfd = -1  # an older kernel, or no descriptor left: the forwarder looks twice a second instead
    free = max(connection, pidfd, 2) + 1  # numbers that collide with nothing
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_DUP2, connection, free)]
    if pidfd >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, pidfd, free + 1))
    actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        f"import sys; sys.path.append({root!r}); from runlore.capture._forward import main; "
        f"main({free}, {free + 1 if pidfd >= 0 else -1}, {os.getpid()})"
    )
    try:
        return os.posix_spawn(
            sys.executable, [sys.executable, "-I", "-S", "-c", code], os.environ, file_actions=actions, setpgroup=0
        )
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def reap() -> None:
    """Collect the first processes of forwarders that have ended."""
    _unreaped[:] = [pid for pid in _unreaped if not _has_ended(pid)]


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True  # the program collects every child itself


def _after_fork() -> None:
    global lock  # noqa: PLW0603 - another thread of the parent may have held it
    lock = threading.RLock()
    for process in _processes:
        process.close_after_fork()
    _processes.clear()
    _passages.clear()
    _unreaped.clear()


os.register_at_fork(after_in_child=_after_fork)
