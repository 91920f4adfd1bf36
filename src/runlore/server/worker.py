"""A worker that is a program of its own: of the code and the files that are there now, at the port of the one before.

What it takes over are descriptors: the socket that listens, the memory with the limits of rate, and both pipes of
`runlore.server.workers`. What it is told stands in its environment, which only its own user can read.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from runlore.server.settings import Settings

VARIABLE = "RUNLORE_WORKER"
PID_BYTES = 8


class Taken(NamedTuple):
    """Descriptors that a worker takes over.

    Attributes:
        listening: the socket.
        rates: see `Rates`; -1: there are no limits.
        lifeline: ends when the parent does.
        tell: where the worker says that it answers, by its process number.
    """

    listening: int
    rates: int
    lifeline: int
    tell: int


def become(settings: Settings, taken: Taken) -> NoReturn:
    """Become such a worker; called in a process that was forked for it.

    Raises:
        OSError: the program cannot be started.
    """
    for descriptor in taken:
        if descriptor >= 0:
            os.set_inheritable(descriptor, True)
    told = json.dumps({"settings": asdict(settings), "taken": taken})
    environment = {**os.environ, VARIABLE: told, "PYTHONSAFEPATH": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "runlore.server.worker"], environment)  # noqa: S606 - itself


def main() -> None:
    """Serve as this process was told, until SIGTERM, SIGINT, SIGUSR1, or the end of the parent."""
    from runlore.server.accounts.rates import Rates
    from runlore.server.context import Context
    from runlore.server.logs import log_requests
    from runlore.server.serving import Serving, allow_descriptors
    from runlore.server.settings import Settings

    told = json.loads(os.environ.pop(VARIABLE))
    taken = Taken(*told["taken"])
    settings = Settings(**{name: _as_told(value) for name, value in told["settings"].items()})
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent starts others
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # uvicorn has its own, and calls these when it is done
    for descriptor in taken:
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    log_requests()
    allow_descriptors()
    end_with_parent(taken.lifeline)
    rates = Rates(settings.rate_limit, None if taken.rates < 0 else taken.rates)
    Serving(settings, Context.open(settings), lambda: say_ready(taken.tell), rates).run(
        sockets=[socket.socket(fileno=taken.listening)]
    )


def say_ready(tell: int) -> None:
    """Tell the parent that this process answers."""
    os.write(tell, os.getpid().to_bytes(PID_BYTES, "little"))


def end_with_parent(lifeline: int) -> None:
    """End this process when nobody holds the other end of the lifeline, which is when the parent is gone."""

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="runlore-lifeline", daemon=True).start()


def _as_told(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
