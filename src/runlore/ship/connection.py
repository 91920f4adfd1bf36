"""One connection to a server, kept open between requests. For one thread.

What comes back is never trusted: answers are bounded in size and time, a redirection is not followed (it would take the
token elsewhere), and whatever goes wrong on the way is `Unreachable`.
"""

from __future__ import annotations

import http.client
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from runlore._version import __version__
from runlore.errors import InvalidArgument
from runlore.failures import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONNECT_S = 10.0
READ_S = 30.0
"""Between two pieces of an answer."""
ANSWER_S = 60.0
"""For an answer as a whole."""
MAX_ANSWER_BYTES = 4 << 20


class Unreachable(Exception):
    """The server does not answer, or not in a way that can be understood. Trying again later may help."""


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """See the module.

    Args:
        address: of the server, such as `https://lore.example.com/base`.
        patience_s: how long it may be silent, at most; None: as long as is usual.

    Raises:
        InvalidArgument: it is no such address.
    """

    def __init__(self, address: str, patience_s: float | None = None) -> None:
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise InvalidArgument(f"store={address!r} is no address of a server: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgument(f"store={address!r} is no address of a server, such as https://lore.example.com")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InvalidArgument(
                f"store={parts.scheme}://{parts.hostname}…: an address has no user, password, query or fragment; give "
                "the token by RUNLORE_TOKEN"
            )
        self._base = parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port
        self._patience_s = patience_s
        self._open: http.client.HTTPConnection | None = None
        self.is_here = parts.hostname in ("127.0.0.1", "::1", "localhost")
        """Whether the server is on this machine: there is nothing to be gained by compressing."""

    def request(
        self, method: str, path: str, body: bytes | Iterable[bytes] = b"", headers: Mapping[str, str] | None = None,
        *, length: int | None = None,
    ) -> Answer:  # fmt: skip
        """Ask, and wait for the answer.

        Args:
            method: of HTTP.
            path: below the server's base.
            body: bytes, or pieces of them.
            headers: besides the usual ones.
            length: of pieces.

        Raises:
            Unreachable: no answer came that could be read.
        """
        sent = {"User-Agent": f"runlore/{__version__}", "Accept": "application/json", **_authorization(),
                **(headers or {})}  # fmt: skip
        sent["Content-Length"] = str(len(body) if isinstance(body, bytes) else length)
        if self._open is not None and isinstance(body, bytes):
            try:
                return self._ask(method, self._base + path, body, sent)
            except (ConnectionError, http.client.HTTPException):
                self.close()  # a server may close a connection that was not used for a while: again, on a new one
            except (OSError, ValueError) as error:
                self.close()
                raise Unreachable(_words(error)) from error
        try:
            return self._ask(method, self._base + path, body, sent)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Unreachable(_words(error)) from error

    def close(self) -> None:
        """Let go of the connection; the next request opens another one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _ask(self, method: str, path: str, body: bytes | Iterable[bytes], headers: Mapping[str, str]) -> Answer:
        opened = self._open = self._open or self._connect()
        try:
            opened.request(method, path, body, dict(headers))
        except (BrokenPipeError, ConnectionResetError):
            if isinstance(body, bytes):
                raise
            # It may have said why it does not want the rest.
        response = opened.getresponse()
        deadline = monotonic() + ANSWER_S
        pieces, size = [], 0
        while piece := response.read1(64 * 1024):
            size += len(piece)
            if size > MAX_ANSWER_BYTES or monotonic() > deadline:
                raise http.client.HTTPException("the answer is too long, or takes too long")
            pieces.append(piece)
        if response.length:
            raise http.client.HTTPException("the answer broke off before its end")
        response.close()  # `read1` leaves it open, and the connection could not be used again
        if response.will_close:
            self.close()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, b"".join(pieces))

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        opened = kind(self._host, self._port, timeout=self._patience_s or CONNECT_S)
        opened.connect()
        opened.sock.settimeout(self._patience_s or READ_S)
        opened.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened


def _authorization() -> dict[str, str]:
    token = os.environ.get("RUNLORE_TOKEN", "").strip()
    if not (token.isascii() and token.isprintable()):
        raise Unreachable("RUNLORE_TOKEN has characters that no token has")  # it is a secret: it is not shown
    return {"Authorization": f"Bearer {token}"} if token else {}


def _words(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return f"the answer could not be read: {str(error)[:200] or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return reason_of(error)[:200]
