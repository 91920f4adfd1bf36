"""Requests to one server: connections that are kept, time limits, and trying again.

A request that only asks is sent again when it failed. One that changes something has a key, under which the server does
it once, so that it may be sent again too. Tried again is what may work a moment later: no connection, a connection that
broke, 429, 502, 503, 504. A redirect is not followed.
"""

from __future__ import annotations

import gzip
import http.client
import os
import random
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore._version import __version__
from runlore.errors import NotReachable
from runlore.model import new_uid
from runlore.remote import answers
from runlore.remote.sockets import HttpConnection, HttpsConnection, connect
from runlore.remote.tokens import token_of
from runlore.wire import text
from runlore.wire.text import Garbled

if TYPE_CHECKING:
    from runlore.remote.address import Address

PATIENCE_S = 5.0
"""How long a server that does not answer is tried again."""

LIMIT_S = 60.0
"""For one answer, with all attempts."""

_PREFIX = "/api/v1/"
_PACKED_BYTES = 16 << 10
"""Bodies that are larger are sent compressed."""
_KEPT_CONNECTIONS = 8
_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_LATER = frozenset({429, 502, 503, 504})

_Connection = HttpConnection | HttpsConnection
Body = bytes | Callable[[], Iterator[bytes]]
"""Of a request: as it is, or what gives it anew for each attempt."""


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Request(NamedTuple):
    """What is sent.

    Attributes:
        method, path, body, headers: as HTTP has them; the path is below `/api/v1/`.
        limit_s: seconds for the whole.
    """

    method: str
    path: str
    body: Body
    headers: dict[str, str]
    limit_s: float = LIMIT_S


class Server:
    """A server. Threads may share it; a child after `fork` has connections of its own.

    Args:
        address: where it is.
        patience_s: how long it is tried again while it does not answer.
        token: what it is shown; None: see `runlore.remote.tokens`.

    Attributes:
        address: where it is.
        requests: how many were sent.
    """

    def __init__(self, address: Address, patience_s: float = PATIENCE_S, *, token: str | None = None) -> None:
        self.address = address
        self.requests = 0
        self._patience_s = patience_s
        self._token = token
        self._forget()

    def _forget(self) -> None:
        """As for a process that has connected to nobody."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._context: ssl.SSLContext | None = None

    # -- asking and changing ------------------------------------------------------------------------------------

    def ask(
        self, path: str, arguments: dict[str, Any], kind: type | tuple[type, ...] = object, *,
        limit_s: float = LIMIT_S, headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """The answer to a question, which is of the kind that is expected.

        Raises:
            NotReachable: the server does not answer, or not what can be understood.
            NotAllowed: it does not let us.
            RunloreError: what it answered with.
        """
        answer = self.exchange(self._request(path, arguments, headers or {}, limit_s))
        try:
            return text.expect(text.loads(answer.body), kind, "the answer")
        except Garbled as error:
            raise answers.not_understood(self.address, str(error)) from None

    def change(
        self, path: str, arguments: dict[str, Any], kind: type | tuple[type, ...] = object, *,
        limit_s: float = LIMIT_S,
    ) -> Any:  # fmt: skip
        """The answer to a change, which is made once. Raises as `ask`."""
        return self.ask(path, arguments, kind, limit_s=limit_s, headers={text.KEY_HEADER: new_uid()})

    def _request(self, path: str, arguments: dict[str, Any], headers: Mapping[str, str], limit_s: float) -> Request:
        body = text.dumps(arguments)
        encoding = "identity" if self.address.is_here else "gzip"
        sent = {"Content-Type": text.MEDIA_TYPE, "Accept-Encoding": encoding, **headers}
        if len(body) > _PACKED_BYTES and not self.address.is_here:
            body = gzip.compress(body, 1)
            sent["Content-Encoding"] = "gzip"
        return Request("POST", path, body, sent, limit_s)

    def exchange(self, request: Request) -> Answer:
        """Send a request and read its answer to the end. Raises as `ask`."""
        with self.opened(request) as response:
            return Answer(response.status, response.headers, answers.read_body(response))

    @contextmanager
    def stream(
        self,
        path: str,
        arguments: dict[str, Any],
        *,
        limit_s: float = LIMIT_S,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Callable[[int], bytes]]:
        """The answer as a stream: a function that gives exactly so many bytes. Raises as `ask`."""
        with self.opened(self._request(path, arguments, headers or {}, limit_s)) as response:
            yield response.read_exactly
            response.read_end()

    # -- attempts -----------------------------------------------------------------------------------------------

    @contextmanager
    def opened(self, request: Request) -> Iterator[answers.Response]:
        """The answer to a request, to be read. Its connection is kept if it was read to the end. Raises as `ask`."""
        connection, response = self._attempts(request)
        wrapped = answers.Response(self.address, response, connection.deadline)
        try:
            yield wrapped
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, NotReachable) or not answers.is_of_connection(error):
                raise
            raise answers.broken(self.address, error) from error
        finally:
            if response.isclosed() and not response.will_close:
                self._keep(connection)
            else:
                connection.close()
                response.close()

    def _attempts(self, request: Request) -> tuple[_Connection, http.client.HTTPResponse]:
        begun = monotonic()
        count = 0
        while True:
            left_s = begun + request.limit_s - monotonic()
            if left_s <= 0:
                raise answers.too_slow(self.address, request.limit_s)
            connection, is_new = self._take()
            connection.deadline.at = monotonic() + left_s
            try:
                response = self._attempt(connection, request, count)
                if response.status not in _LATER:
                    answers.check(self.address, response)
                    return connection, response
                problem = answers.refused(self.address, response)
                if not isinstance(problem, NotReachable):
                    raise problem  # noqa: TRY301 - it closes the connection below
                wanted_s = answers.pause_of(response)
            except BaseException as error:
                connection.close()
                if not answers.is_of_connection(error) or isinstance(error, NotReachable):
                    raise
                if not is_new and not isinstance(error, TimeoutError):
                    count += 1
                    continue  # the server had closed a connection that was kept
                problem, wanted_s = answers.broken(self.address, error), None
                if isinstance(error, (TimeoutError, ssl.SSLCertVerificationError)):
                    raise problem from error
            connection.close()
            pause_s = self._pause(count, wanted_s)
            if monotonic() + pause_s > begun + (self._patience_s if wanted_s is None else request.limit_s):
                raise problem
            sleep(pause_s)
            count += 1

    @staticmethod
    def _pause(count: int, wanted_s: float | None) -> float:
        if wanted_s is not None:
            return wanted_s
        return min(_LONGEST_PAUSE_S, _PAUSE_S * 2.0**count) * (0.5 + random.random())  # noqa: S311 - no secret

    def _attempt(self, connection: _Connection, request: Request, count: int) -> http.client.HTTPResponse:
        headers = {
            "User-Agent": f"runlore/{__version__}", text.HEADER: str(text.VERSION), **request.headers,
        }  # fmt: skip
        if count and text.KEY_HEADER in headers:
            headers[text.AGAIN_HEADER] = str(count)
        token = self._token or token_of(self.address)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.requests += 1
        body = request.body() if callable(request.body) else request.body
        target = f"{self.address.base}{_PREFIX}{request.path}"
        try:
            connection.request(request.method, target, body or None, headers, encode_chunked=False)
        except (BrokenPipeError, ConnectionResetError):
            if not callable(request.body):
                raise  # of a long body the server may have said what is wrong with it before the end
            with suppress(OSError, http.client.HTTPException):
                return connection.getresponse()
            raise
        return connection.getresponse()

    # -- connections --------------------------------------------------------------------------------------------

    def _take(self) -> tuple[_Connection, bool]:
        """A connection, and whether it is a new one."""
        if self._pid != os.getpid():
            self._forget()  # those of the parent are the parent's
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
            if self._context is None and self.address.scheme == "https":
                self._context = ssl.create_default_context()
            return connect(self.address, self._context), True

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            if self._pid == os.getpid() and len(self._idle) < _KEPT_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the connections that are kept. The next request opens one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        """Whoever drops the last handle of a store has no more use for its connections."""
        for connection in self.__dict__.get("_idle", ()):
            connection.close()
