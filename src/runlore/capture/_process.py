"""The forwarder as the program sees it: one process for all runs of a program that come one after the other.

It is started with the first run, without waiting for it, and is let go a second after the last. Lines are handed to it
with their descriptors over a socket. Runs that are open at the same time share one as long as none passes its output on
to another one: a process that fills the pipe that it empties would wait for itself.
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

from runlore.capture import _children, _worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runlore.capture._descriptors import Place
    from runlore.capture._line import Line

LINGER_SECONDS = 1.0
"""How long a forwarder that has no run waits for the next one."""
MESSAGE_BYTES = 4096

lock = threading.RLock()
"""Held while a run is given to a forwarder, or a forwarder is let go."""
processes: list[ForwarderProcess] = []
_passages: dict[Place, tuple[ForwarderProcess, Place | None]] = {}
"""Pipes and terminals between program and forwarder that somebody can still write to: whose they are, and where they
lead to."""
_unreaped: list[int] = []
"""First processes of forwarders, which end as soon as they have started the forwarder itself."""


class ForwarderProcess:
    """A process that passes on what runs write, and this program's end of the socket to it.

    Attributes:
        retired: whether it is given no further lines.
        free: its lines on which no run is open.

    Raises:
        OSError: there is no interpreter, process or descriptor to be had.
    """

    def __init__(self) -> None:
        self.retired = False
        self.free: list[Line] = []
        self._lines: dict[int, Line] = {}
        self._numbers = 0
        self._idle_since = 0.0
        self._linger: _worker.Task | None = None
        self._hearing = threading.RLock()
        self._socket, other = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        try:
            _unreaped.append(spawn(other.fileno()))
        except OSError:
            self._socket.close()
            raise
        finally:
            other.close()
        processes.append(self)
        self._watch = _worker.Task(self.listen, fd=self._socket.fileno())
        try:
            _worker.watch(self._watch)
        except (OSError, RuntimeError):
            return  # no thread to be had, as when the interpreter ends: the end of the run listens

    def hand_over(self, line: Line, plan: Mapping[str, Any], fds: Sequence[int]) -> None:
        """Give it a line.

        It tells the line's `hear`, on the shared thread: `gone` (nobody reads the target of the stream of this index
        any more), `failed` and why nothing is recorded, `refused` when it cannot take the line, and `dead` when it is
        gone.

        Args:
            line: what hears.
            plan: what `_relay.Relay` needs to know.
            fds: the descriptors that the plan counts.

        Raises:
            OSError: the process is gone, or takes no more.
        """
        number = self._numbers + 1
        message = json.dumps({"number": number, **plan}).encode("ascii")
        self._socket.sendmsg([message], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))])
        self._numbers = number
        self._lines[number] = line

    def say_restored(self, line: Line, stream: int) -> None:
        """Tell the process that the program writes to the target of this stream itself again."""
        for number, known in self._lines.items():
            if known is line:
                try:
                    self._socket.send(json.dumps({"number": number, "restored": stream}).encode("ascii"))
                except OSError:
                    return  # it is gone, which `listen` notices

    def keep(self, line: Line) -> None:
        """No run is open on the line any more. After a while without one, line and process are let go."""
        with lock:
            self.free.append(line)
            self._rest()

    def drop(self, line: Line) -> None:
        """The program has no more use for the line; the process goes on serving who still writes to it."""
        with lock:
            self._lines = {number: known for number, known in self._lines.items() if known is not line}
            line.close()
            self._rest()

    def retire(self) -> None:
        """Give it no further lines. It serves those that it has, and ends with them."""
        with lock:
            self.retired = True
            for line in self.free:
                self._lines = {number: known for number, known in self._lines.items() if known is not line}
                line.close()
            self.free = []
            self._rest()

    def listen(self) -> None:
        """Pass all messages on to the lines that they are about: on the shared thread, and at the end of a run."""
        with self._hearing:
            while self in processes:
                try:
                    message = self._socket.recv(MESSAGE_BYTES)
                except BlockingIOError:
                    return
                except OSError:
                    message = b""
                if not message:
                    self._die()
                    return
                number, _, words = message.decode("utf-8", "replace").partition(" ")
                word, _, text = words.partition(" ")
                line = self._lines.get(int(number))
                if line is not None:
                    line.hear(word, text)

    def _die(self) -> None:
        with lock:
            lines = list(self._lines.values())
            self.close()
        for line in lines:
            line.hear("dead", "")

    def is_dead(self) -> bool:
        """Whether the process is gone. Only to be asked while a run is open."""
        with lock:
            if self not in processes:
                return True
            poll = select.poll()
            poll.register(self._socket.fileno(), 0)
            return bool(poll.poll(0))

    def close(self) -> None:
        """Let go of the process and of the free lines: it ends once nobody writes to what it serves."""
        if self in processes:
            processes.remove(self)
            self._watch.cancel(0)
            for line in self.free:
                line.close()
            self.free = []
            self._socket.close()

    def close_after_fork(self, kept: set[int]) -> None:
        """In a forked child: the process serves the parent."""
        self._socket.close()
        for line in self._lines.values():
            line.close_after_fork(kept)

    def _is_idle(self) -> bool:
        return len(self.free) == len(self._lines)

    def _rest(self) -> None:
        """See to it that the process is let go if no run needs it for a while."""
        if not self._is_idle() or self not in processes:
            return
        self._idle_since = monotonic()
        if self.retired:
            self.close()
        elif self._linger is None:
            try:
                self._linger = _worker.call_after(LINGER_SECONDS, self._let_go)
            except (OSError, RuntimeError):
                self.close()  # no thread to be had, as when the interpreter ends: nobody would do it later

    def _let_go(self) -> None:
        """On the shared thread: end it, unless a run came meanwhile."""
        with lock:
            linger, due = self._linger, self._idle_since + LINGER_SECONDS
            self._linger = None
            if self._is_idle() and due <= monotonic():
                self.close()
            elif self._is_idle() and linger is not None:
                self._linger = linger
                linger.again(due)


def choose(targets: Iterable[Place]) -> ForwarderProcess:
    """A forwarder for a run whose output leads to these places: one that none of them leads through, or a new one.

    Raises:
        OSError: there is no process or descriptor to be had.
    """
    through = set()
    for target in targets:
        place: Place | None = target
        while place is not None and place in _passages:
            process, place = _passages[place]
            through.add(process)
    for process in processes:
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
    taken = (connection, pidfd)
    ours, watch = [number for number in range(3, 7) if number not in taken][:2]  # low ones: a limit may forbid others
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_DUP2, connection, ours)]
    if pidfd >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, pidfd, watch))
    actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        f"import sys; sys.path.append({root!r}); from runlore.capture._forward import main; "
        f"main({ours}, {watch if pidfd >= 0 else -1}, {os.getpid()})"
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
        return _children.collect(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True  # the program collects every child itself


def forget_after_fork(kept: set[int]) -> None:
    """In a forked child: the forwarders serve the parent. Let go of all that leads to them but these descriptors."""
    global lock  # noqa: PLW0603 - another thread of the parent may have held it
    lock = threading.RLock()
    for process in processes:
        process.close_after_fork(kept)
    processes.clear()
    _passages.clear()
    _unreaped.clear()
