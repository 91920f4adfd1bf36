"""Connections of `http.client` with a time limit for the whole of an answer, not for each piece of it.

A server that sends a byte now and then would else keep its caller for ever.
"""

from __future__ import annotations

import base64
import http.client
import io
from time import monotonic
from typing import TYPE_CHECKING, Any
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


class _LimitedMixin(http.client.HTTPConnection):
    deadline: Deadline

    def connect(self) -> None:
        """Connect, within the time that is left."""
        self.timeout = min(CONNECT_S, self.deadline.left())
        super().connect()
        self.sock = _Limited(self.sock, self.deadline)


class HttpConnection(_LimitedMixin):
    """A connection to a server over `http`."""


class HttpsConnection(_LimitedMixin, http.client.HTTPSConnection):
    """A connection to a server over `https`; certificates are those that the system trusts."""


def connect(address: Address, context: ssl.SSLContext | None) -> HttpConnection | HttpsConnection:
    """A connection, which is opened with the first request.

    For `https` the proxy of `HTTPS_PROXY` is used, unless `NO_PROXY` excepts the host: it passes on what it cannot
    read.
    """
    if address.scheme == "http":
        plain = HttpConnection(address.host, address.port, timeout=CONNECT_S)
        plain.deadline = Deadline()
        return plain
    proxy = _proxy_of(address)
    host, port = (address.host, address.port) if proxy is None else proxy[:2]
    secure = HttpsConnection(host, port, timeout=CONNECT_S, context=context)
    secure.deadline = Deadline()
    if proxy is not None:
        secure.set_tunnel(address.host, address.port, headers=proxy[2])
    return secure


def _proxy_of(address: Address) -> tuple[str, int, dict[str, str]] | None:
    from urllib.request import getproxies, proxy_bypass

    text = getproxies().get("https")
    if not text or proxy_bypass(address.host):
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme != "http":
        raise InvalidArgument(
            "HTTPS_PROXY is no address of a proxy, such as 'http://proxy:3128'; or except with NO_PROXY"
        )
    headers = {}
    if parts.username is not None:
        known = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(known).decode()}"
    return host, port or 80, headers
