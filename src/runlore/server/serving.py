"""Listening: ports, workers, signals. The application itself is in `app`."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import signal
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import uvicorn

from runlore.errors import InvalidArgument, NotReachable
from runlore.server.accounts.rates import Rates
from runlore.server.app import make_app
from runlore.server.context import Context
from runlore.server.impatient import impatient
from runlore.server.taking_over import Taken, become
from runlore.server.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

    from runlore.server.settings import Settings

log = logging.getLogger("runlore.server")

TRIED_PORTS = 100
"""How many are tried beyond the one that is taken."""

DESCRIPTORS = 1 << 16
"""That a server may have open. The usual 1,024 are fewer than what some hundred clients take."""

DRAIN_S = 10.0
"""How long a worker that takes no further connection waits for those that it has, before it closes idle ones."""

GRACE_S = 3
"""How long requests that are being answered may go on when the server is told to end."""


def listen(host: str, port: int, *, next_free: bool = False) -> socket.socket:
    """A socket that listens.

    Args:
        host: name or address.
        port: 0: any that is free.
        next_free: take the next port where it is taken.

    Raises:
        NotReachable: the port is taken, or may not be used.
        InvalidArgument: there is no such address on this machine.
    """
    last = min(port + (TRIED_PORTS if next_free and port else 1), 65_536) - 1
    for candidate in range(port, last + 1):
        made = _bound(host, candidate)
        if made is not None:
            return made
    until = f" to {last}" if last > port else ""
    verb = "are" if until else "is"
    raise NotReachable(
        f"port={port}{until} of {host} {verb} taken by another program; choose another with --port, or 0 for any"
    )


def check_certificate(settings: Settings) -> None:
    """See that certificate and key can be used, before anything listens.

    Raises:
        InvalidArgument: they cannot be read, or do not fit each other.
    """
    if settings.tls_certificate is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_password)
    except (OSError, ValueError) as error:  # what is wrong with PEM is an OSError too
        where = (
            settings.tls_certificate if settings.tls_key is None else f"{settings.tls_certificate}, {settings.tls_key}"
        )
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidArgument(f"--ssl-certfile: {where} cannot be used: {reason}") from None


def _no_password() -> str:
    """Instead of asking on the terminal."""
    raise ValueError("the key has a password; give one without")


def _bound(host: str, port: int) -> socket.socket | None:
    """A socket that listens; None where the port is taken."""
    try:
        return _open(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise InvalidArgument(f"host={host!r} is no address of this machine: {error.strerror}") from error
        raise NotReachable(f"port={port} of {host} cannot be used: {error.strerror}") from error


def _open(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1024)
    except BaseException:
        made.close()
        raise
    return made


def address_of(listening: socket.socket, settings: Settings) -> str:
    """The URL at which it answers."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    scheme = "http" if settings.tls_certificate is None else "https"
    return f"{scheme}://{shown}:{port}{settings.base_path}/"


def serve(settings: Settings, listening: socket.socket, when_ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: which store, and how.
        listening: of `listen`.
        when_ready: called when it answers; with several workers when all of them do.

    Raises:
        StoreNotFound, UnsupportedFormat, ReadOnlyStore: the store cannot be served.
        NotReachable: a worker could not be started.
    """
    rates = Rates(settings.rate_limit)  # before there are workers, which share it

    def work(when_ready: Callable[[], None] | None) -> None:
        Serving(settings, Context.open(settings), when_ready, rates).run(sockets=[listening])

    allow_descriptors()
    if settings.workers == 1:
        work(when_ready)
    else:

        def anew(lifeline: int, tell: int) -> None:
            become(settings, Taken(listening.fileno(), rates.descriptor, lifeline, tell))

        Workers(settings.workers, work, GRACE_S + 1, anew).run(when_ready)


def allow_descriptors() -> None:
    """Let this process open as many files as the system lets it: a connection takes one, a recorder two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Serving(uvicorn.Server):
    """One process that answers. On SIGHUP it takes the certificate anew; connections and requests go on.

    On SIGUSR1 it ends gently, as others answer at the port: it ends connections with their next answer.

    Args:
        settings: how.
        context: what it works on; closed at the end.
        when_ready: called when it answers.
        rates: which the workers share; None: this is the only one.
    """

    def __init__(
        self, settings: Settings, context: Context, when_ready: Callable[[], None] | None, rates: Rates | None = None
    ) -> None:  # fmt: skip
        super().__init__(_config(make_app(settings, context, rates), settings))
        self._settings = settings
        self._context = context
        self._when_ready = when_ready
        self._leaves = False

    def _reload(self) -> None:
        if self._settings.tls_certificate is None or self.config.ssl is None:
            log.info("SIGHUP: there is no certificate to take anew")
            return
        try:
            check_certificate(self._settings)
            self.config.ssl.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key, _no_password)
        except (InvalidArgument, OSError, ValueError) as error:
            log.warning("SIGHUP: the certificate stays as it was: %s", error)
            return
        log.info("SIGHUP: connections from now on get the certificate as it is by now")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
                loop.add_signal_handler(signal.SIGHUP, self._reload)
            loop.add_signal_handler(signal.SIGUSR1, self._leave)
        await super().startup(sockets)
        if self._when_ready is not None:
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was asked, and end. Streams of events, which would go on, are ended first."""
        self._context.changes.end()
        if self._leaves:
            await self._drain()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT: end now."""
        self._leaves = False
        super().handle_exit(sig, frame)

    def _leave(self) -> None:
        self._leaves = self.should_exit = True

    async def _drain(self) -> None:
        """Take no further connection, and wait until nobody has one; with each answer one is closed."""
        for server in self.servers:
            server.close()
        state, loop = self.server_state, asyncio.get_running_loop()
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        deadline = loop.time() + DRAIN_S
        while self._leaves and state.connections and loop.time() < deadline:  # noqa: ASYNC110 - as uvicorn waits itself
            await asyncio.sleep(0.05)


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, access_log=False, http=impatient(settings.slow_client_s), server_header=False,
        proxy_headers=False, ws="none", timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 << 10, ssl_certfile=settings.tls_certificate, ssl_keyfile=settings.tls_key,
    )  # fmt: skip
