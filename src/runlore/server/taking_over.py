"""What a worker has of its parent, whether it was forked or is a program of its own.

A program takes over descriptors. What it is told stands in its environment, which only its own user can read.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple, NoReturn

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


def say_ready(tell: int) -> None:
    """Tell the parent that this process answers."""
    os.write(tell, os.getpid().to_bytes(PID_BYTES, "little"))


def end_with_parent(lifeline: int) -> None:
    """End this process when nobody holds the other end of the lifeline, which is when the parent is gone."""

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="runlore-lifeline", daemon=True).start()
