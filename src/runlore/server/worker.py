"""A worker that is a program of its own: of the code and the files that are there now, at the same port."""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import Any

from runlore.server.accounts.rates import Rates
from runlore.server.context import Context
from runlore.server.logs import log_requests
from runlore.server.serving import Serving, allow_descriptors
from runlore.server.settings import Settings
from runlore.server.taking_over import VARIABLE, Taken, end_with_parent, say_ready


def main() -> None:
    """Serve as this process was told, until SIGTERM, SIGINT, SIGUSR1, or the end of the parent."""
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


def _as_told(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
