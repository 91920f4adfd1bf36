"""Connections of `http.client` with a time limit for the whole of an answer, not for each piece of it.

A server that sends a byte now and then would else keep its caller for ever.
"""

from __future__ import annotations

import base64
import http.client
import io
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    import socket
    import ssl

    from runlore.remote.address import Address

CONNECT_S = 10.0


class Deadline:
    """When a connection gives up, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.at = monotonic() + CONNECT_S

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: none.
        """
        left = self.at - monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        return left


class _Reader(io.RawIOBase):
    def __init__(self, limited: socket.socket, deadline: Deadline) -> None:
        self._socket = limited
        self._deadline = deadline
        self._raw = limited.makefile("rb", buffering=0)  # counts as a user of the socket until it is closed

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        return self._raw.readinto(target) or 0

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Limited:
    """As much of a socket as `http.client` uses."""

    def __init__(self, wrapped: socket.socket, deadline: Deadline) -> None:
        self._socket = wrapped
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - "rb"
        return io.BufferedReader(_Reader(self._socket, self._deadline), 1 << 16)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()


class ProxyFailed(OSError):
    """There is a proxy before the server, and it did not come further than that."""


class _LimitedMixin(http.client.HTTPConnection):
    deadline: Deadline
    proxy: Proxy | None = None
    prefix = ""
    """Before the target of a request, where a proxy passes it on that has to be told where to."""

    def connect(self) -> None:
        """Connect, within the time that is left.

        Raises:
            ProxyFailed: the proxy does not answer, or does not let us.
            OSError: the server does not answer.
        """
        self.timeout = min(CONNECT_S, self.deadline.left())
        try:
            super().connect()
        except OSError as error:
            if self.proxy is None or hasattr(error, "verify_message"):  # which is about the server behind it
                raise
            why = error.strerror or str(error)
            raise ProxyFailed(error.errno, f"by the proxy {self.proxy.host}:{self.proxy.port}: {why}") from error
        self.sock = _Limited(self.sock, self.deadline)

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
        """Begin a request."""
        super().putrequest(method, self.prefix + url, *args, **options)
        if self.prefix and self.proxy is not None:
            for name, value in self.proxy.headers.items():
                self.putheader(name, value)


class HttpConnection(_LimitedMixin):
    """A connection to a server over `http`."""


class HttpsConnection(_LimitedMixin, http.client.HTTPSConnection):
    """A connection to a server over `https`; certificates are those that the system trusts, or `SSL_CERT_FILE`."""


class Proxy(NamedTuple):
    """A proxy for HTTP, and what it wants to hear."""

    host: str
    port: int
    headers: dict[str, str]


def connect(address: Address, context: ssl.SSLContext | None) -> HttpConnection | HttpsConnection:
    """A connection, which is opened with the first request.

    Servers on other machines are reached through the proxy of `HTTPS_PROXY` or `HTTP_PROXY`, as their address begins,
    unless `NO_PROXY` excepts the host. What goes to `https` passes through it unread.

    Raises:
        InvalidArgument: the variable holds no address of a proxy.
    """
    proxy = None if address.is_here else _proxy_of(address)
    host, port = (address.host, address.port) if proxy is None else (proxy.host, proxy.port)
    if address.scheme == "http":
        made: HttpConnection | HttpsConnection = HttpConnection(host, port, timeout=CONNECT_S)
        made.prefix = address.origin if proxy is not None else ""
    else:
        made = HttpsConnection(host, port, timeout=CONNECT_S, context=context)
        if proxy is not None:
            made.set_tunnel(address.host, address.port, headers=proxy.headers)
    made.proxy, made.deadline = proxy, Deadline()
    return made


def _proxy_of(address: Address) -> Proxy | None:
    from urllib.request import getproxies, proxy_bypass

    text = getproxies().get(address.scheme)
    if not text or proxy_bypass(address.host):
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme != "http":
        raise InvalidArgument(
            f"{address.scheme.upper()}_PROXY is no address of a proxy, such as 'http://proxy:3128'; or except with "
            "NO_PROXY"
        )
    headers = {}
    if parts.username is not None:
        known = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(known).decode()}"
    return Proxy(host, port or 80, headers)
