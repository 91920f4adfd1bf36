"""Passing on what a program writes, and recording it: the part of console capture that runs outside of the program.

It is a process of its own, because a thread could not do it: C code that holds the GIL while it writes more than a
pipe takes would wait for a reader that waits for the GIL; and what is in the pipe when the program is killed must still
reach the terminal. Its `Channel` serves inside the program when a run is over before this process has begun with it, or
when somebody killed this process.

The program hands over each line with its descriptors over a socket; `_line` tells how the two share it. Over the socket
this process says `gone` (nobody reads the target of this stream any more), to which the program answers `restored` once
its descriptors are back in place; `failed` (and why nothing is recorded); and `refused` (it cannot take the line).
"""

from __future__ import annotations

import _socket
import array
import json
import os
import select
import signal

from runlore.capture._relay import ENDED, IDLE_SECONDS, Relay

MESSAGE_BYTES = 65_536
MAX_FDS = 16


class Forwarder:
    """The process's one loop, over all lines that the program hands to it.

    Args:
        connection: the socket to the program.
        pidfd: tells when the program ends; -1 where there is none.
        pid: the program.
    """

    def __init__(self, connection: int, pidfd: int, pid: int) -> None:
        self._connection = connection
        self._socket = _socket.socket(fileno=connection)
        self._pidfd = pidfd
        self._pid = pid
        self._relays: dict[int, Relay] = {}
        self._watched: dict[int, set[int]] = {}
        self._numbers: dict[int, int] = {}
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        if pidfd >= 0:
            self._poll.register(pidfd, select.POLLIN)
        self._hears = True
        self._program_gone = False

    def run(self) -> None:
        """Serve until the program hands over nothing more and nobody can write any more."""
        while self._hears or self._relays:
            self.serve_once()

    def serve_once(self) -> None:
        """Wait until something happens, and see to it."""
        ready = {fd for fd, _ in self._poll.poll(self._timeout_ms())}
        if self._connection in ready:
            while self._hears and self._listen():  # first: a run is announced before it can write
                pass
        for fd in ready:
            number = self._numbers.get(fd)
            if number is not None:
                self._relays[number].on_ready(fd)
                self._settle(number)
        for number, relay in list(self._relays.items()):
            relay.on_time()
            self._settle(number)
        if not self._program_gone and self._has_ended(ready):
            self._program_gone = True
            for number, relay in list(self._relays.items()):
                relay.after_the_program()
                self._settle(number)

    def _settle(self, number: int) -> None:
        """Watch what a relay now wants watched; let go of it when it has ended."""
        relay = self._relays[number]
        before, after = self._watched.get(number, set()), relay.watched()
        for fd in before - after:
            self._poll.unregister(fd)
            del self._numbers[fd]
        for fd in after - before:
            self._poll.register(fd, select.POLLIN)
            self._numbers[fd] = number
        self._watched[number] = after
        if relay.state == ENDED:
            del self._relays[number], self._watched[number]
            relay.close()

    def _has_ended(self, ready: set[int]) -> bool:
        if self._pidfd < 0:
            return not is_alive(self._pid)
        if self._pidfd in ready:
            self._poll.unregister(self._pidfd)
            return True
        return False

    def _timeout_ms(self) -> float | None:
        waits = [relay.wait_seconds() for relay in self._relays.values()]
        due = [wait for wait in waits if wait is not None]
        if self._pidfd < 0:
            due.append(IDLE_SECONDS)
        return min(due) * 1000 if due else None

    def _listen(self) -> bool:
        """Take one message. Returns whether there was one."""
        fds = array.array("i")
        try:
            space = _socket.CMSG_SPACE(MAX_FDS * fds.itemsize)
            data, control, flags, _ = self._socket.recvmsg(MESSAGE_BYTES, space, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            data, control, flags = b"", [], 0
        if not data:
            self._hears = False
            self._poll.unregister(self._connection)
            return False
        for _level, _kind, content in control:
            fds.frombytes(content)
        message = json.loads(data)
        number = message["number"]
        if flags & _socket.MSG_CTRUNC:  # no descriptors left here: the program has to see to it
            for fd in fds:
                os.close(fd)
            self._say(number, "refused")
        elif "channels" in message:
            self._relays[number] = Relay(message, fds, lambda words: self._say(number, words), self._pid)
            if self._program_gone:
                self._relays[number].after_the_program()
            self._settle(number)
        elif number in self._relays:
            self._relays[number].on_restored(message["restored"])
            self._settle(number)
        return True

    def _say(self, number: int, words: str) -> bool:
        """Tell the program; False when nobody listens any more."""
        try:
            self._socket.send(f"{number} {words}".encode(), _socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def keep_only(wanted: set[int]) -> None:
    """Close what this process inherited by accident: it must not keep a port or a pipe of the program's open."""
    try:
        present = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return  # no such listing on this system; Python's own descriptors are not inherited anyway
    for fd in present:
        if fd > 2 and fd not in wanted:
            try:
                os.close(fd)
            except OSError:
                continue  # the descriptor of the listing itself


def main(connection: int, pidfd: int, pid: int) -> None:
    """Run as a process: become nobody's child, ignore the terminal's signals, and pass on."""
    if os.fork():
        os._exit(0)
    os.setsid()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGTTOU", "SIGTTIN", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    keep_only({connection, pidfd})
    Forwarder(connection, pidfd, pid).run()
