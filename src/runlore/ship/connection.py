"""One connection to a server, kept open between requests. For one thread.

What comes back is never trusted: answers are bounded in size and time, a redirection is not followed (it would take the
token elsewhere), and whatever goes wrong on the way is `Unreachable`.
"""

from __future__ import annotations

import http.client
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from runlore._version import __version__
from runlore.errors import RunloreError
from runlore.failures import reason_of
from runlore.remote.address import Address
from runlore.remote.sockets import connect
from runlore.remote.tokens import token_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping

    from runlore.remote.sockets import HttpConnection, HttpsConnection

ANSWER_S = 60.0
"""For an answer as a whole, and for each piece of a long body."""
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
        patience_s: how long an answer may take, at most; None: as long as is usual.

    Raises:
        InvalidArgument: it is no such address.
    """

    def __init__(self, address: str, patience_s: float | None = None) -> None:
        self._address = Address.parse(address)
        self._patience_s = patience_s or ANSWER_S
        self._open: HttpConnection | HttpsConnection | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine: there is nothing to be gained by compressing."""
        return self._address.is_here

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
        sent = {
            "User-Agent": f"runlore/{__version__}",
            "Accept": "application/json",
            "Content-Length": str(len(body) if isinstance(body, bytes) else length),
            **self._authorization(),
            **(headers or {}),
        }
        if self._open is not None and isinstance(body, bytes):
            try:
                return self._ask(method, path, body, sent)
            except (ConnectionError, http.client.HTTPException):
                self.close()  # a server may close a connection that was not used for a while: again, on a new one
            except (OSError, ValueError) as error:
                self.close()
                raise Unreachable(_words(error)) from error
        try:
            return self._ask(method, path, body, sent)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Unreachable(_words(error)) from error

    def close(self) -> None:
        """Let go of the connection; the next request opens another one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _ask(self, method: str, path: str, body: bytes | Iterable[bytes], headers: dict[str, str]) -> Answer:
        opened = self._open = self._open or self._connect()
        opened.deadline.at = monotonic() + self._patience_s
        try:
            opened.request(method, self._address.base + path, self._prolonging(body), headers)
        except (BrokenPipeError, ConnectionResetError):
            if isinstance(body, bytes):
                raise
            # It may have said why it does not want the rest.
        response = opened.getresponse()
        pieces, size = [], 0
        while piece := response.read1(64 * 1024):
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise http.client.HTTPException("it is too long")
            pieces.append(piece)
        if response.length:
            raise http.client.HTTPException("it broke off before its end")
        response.close()  # `read1` leaves it open, and the connection could not be used again
        if response.will_close:
            self.close()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, b"".join(pieces))

    def _prolonging(self, body: bytes | Iterable[bytes]) -> bytes | Iterable[bytes]:
        """The body; each piece of it has its own time."""
        if isinstance(body, bytes):
            return body
        return self._pieces(body)

    def _pieces(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for piece in body:
            if self._open is not None:
                self._open.deadline.at = monotonic() + self._patience_s
            yield piece

    def _connect(self) -> HttpConnection | HttpsConnection:
        if self._context is None and self._address.scheme == "https":
            import ssl

            self._context = ssl.create_default_context()
        return connect(self._address, self._context)

    def _authorization(self) -> dict[str, str]:
        """The token, for this server alone.

        Raises:
            Unreachable: there is none that could be sent.
        """
        try:
            token = token_of(self._address)
        except RunloreError as error:
            raise Unreachable(str(error)) from error
        return {"Authorization": f"Bearer {token}"} if token else {}


def _words(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return f"the answer could not be read: {str(error)[:200] or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return reason_of(error)[:200]
