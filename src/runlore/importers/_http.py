"""Questions to the HTTP server of another tracker. No redirect is followed, and what is answered is bounded."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from runlore.errors import DamagedFile, InvalidArgument, NotAllowed, NotReachable

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_JSON_BYTES = 256 << 20
_PIECE_BYTES = 1 << 20
_LIMIT_S = 60.0


class HttpServer:
    """A server, and one connection to it that is kept. For one thread.

    Args:
        address: `http(s)://host[:port][/base]`.
        headers: sent with every request.

    Raises:
        InvalidArgument: it is no such address.
    """

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InvalidArgument(f"{address!r} is no address of a server; give http(s)://host[:port][/base]")
        self.address = address
        self._base = parts.path.rstrip("/")
        self._headers = dict(headers or {})
        try:
            port = parts.port
        except ValueError as error:
            raise InvalidArgument(f"{address!r} is no address of a server: {error}") from None
        if parts.scheme == "https":
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, port, timeout=_LIMIT_S, context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=_LIMIT_S)

    def ask(self, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The JSON that the server answers: to a GET, or, with a body, to a POST.

        Raises:
            NotReachable: it does not answer, or with another status than 200.
            NotAllowed: it does not let us.
            DamagedFile: what it answers is no JSON, or too large.
        """
        answer = self._send(path, query, body)
        content = answer.read(MOST_JSON_BYTES + 1)
        if len(content) > MOST_JSON_BYTES:
            self._connection.close()
            raise DamagedFile(f"{self.address}: the answer to {path} is larger than {MOST_JSON_BYTES:,} bytes")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DamagedFile(f"{self.address}: the answer to {path} is no JSON: {error}") from error

    def fetch(self, path: str, query: Mapping[str, Any], target: str) -> None:
        """Write what the server answers to a GET into a file. Raises as `ask`."""
        answer = self._send(path, query, None)
        with open(target, "wb") as file:
            while piece := answer.read(_PIECE_BYTES):
                file.write(piece)

    def close(self) -> None:
        """Close the connection; the next question opens another one."""
        self._connection.close()

    def _send(self, path: str, query: Mapping[str, Any] | None, body: Any) -> http.client.HTTPResponse:
        place = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": "application/json"} if content else {})}
        try:
            self._connection.request("GET" if content is None else "POST", place, content, headers)
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NotReachable(f"{self.address} does not answer: {error or type(error).__name__}") from error
        if answer.status == http.client.OK:
            return answer
        said = answer.read(500).decode("utf-8", "replace")
        self._connection.close()
        kind = NotAllowed if answer.status in (401, 403) else NotReachable
        raise kind(f"{self.address} answers {path} with {answer.status}: {' '.join(said.split())}")


def authorization(token_variable: str, user_variable: str = "", password_variable: str = "") -> dict[str, str]:
    """The header that says who asks, from the environment: a token, or a name and a password; none where none is set.

    Args:
        token_variable: of the token.
        user_variable: of the name.
        password_variable: of the password.
    """
    token = os.environ.get(token_variable)
    if token:
        return {"Authorization": f"Bearer {token}"}
    user, password = os.environ.get(user_variable), os.environ.get(password_variable)
    if not (user and password):
        return {}
    from base64 import b64encode

    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
