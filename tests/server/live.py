"""A server for the tests: the real one, on a port of its own."""

from __future__ import annotations

import contextlib
import threading

from runlore.server.context import Context
from runlore.server.serving import Serving, address_of, listen
from runlore.server.settings import Settings


@contextlib.contextmanager
def serving(store, *, contexts=None, port=0, **settings):
    """Serve a store in a thread; gives the address.

    Args:
        store: its address.
        contexts: a list, to which the server's context is added.
        port: to listen on; 0: any.
        settings: of the server.
    """
    told = Settings(str(store), port=port, **settings)
    answers = threading.Event()
    context = Context.open(told)
    if contexts is not None:
        contexts.append(context)
    with listen(told.host, port) as listening:
        server = Serving(told, context, answers.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert answers.wait(30), "the server does not answer"
        try:
            yield address_of(listening, told).rstrip("/")
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server does not end"
