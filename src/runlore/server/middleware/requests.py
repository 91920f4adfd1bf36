"""The id of a request, and its line in the log.

The id comes from the caller's `X-Request-ID` where that is a plain one, so that a proxy's log and ours can be laid side
by side, else it is made here; it goes back with the answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from time import perf_counter
from typing import TYPE_CHECKING, Any

from runlore.server.middleware.answers import answer
from runlore.server.middleware.headers import header
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from runlore.server.measures import Measures
    from runlore.server.settings import Settings

log = logging.getLogger("runlore.access")

_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"private, no-cache"),
)
"""Of every answer that does not say otherwise."""


_ENDS = Problem(
    503, "the server ends, and this took too long to wait for; try again soon", headers={"retry-after": "1"}
)


class Requests:
    """The outermost: gives each request its id, and logs how it went."""

    def __init__(self, app: ASGIApp, settings: Settings, measures: Measures) -> None:
        self._app = app
        self._settings = settings
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id")
        request_id = scope["request_id"] = given if _PLAIN_ID.fullmatch(given) else secrets.token_hex(8)
        begun = perf_counter()
        status, size = 0, 0
        self._measures.began()

        async def sending(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _completed(message["headers"], request_id)
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:  # the server ends, and has waited for this one as long as it does
            if not status:
                await answer(_ENDS, request_id)(scope, receive, sending)
        finally:
            seconds = perf_counter() - begun
            self._measures.ended(scope["method"], scope.get("runlore.route", ""), status, size, seconds)
            self._log(scope, request_id, status, size, seconds)

    def _log(self, scope: Scope, request_id: str, status: int, size: int, seconds: float) -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        client = scope.get("client") or ("", 0)
        fields: dict[str, Any] = {
            "request_id": request_id, "client": client[0], "method": scope["method"], "path": scope["path"],
            "status": status, "bytes": size, "ms": round(seconds * 1e3, 1),
        }  # fmt: skip
        if self._settings.log_format == "json":
            log.info("%s", json.dumps(fields))
        else:  # `repr` leaves no line break of a caller's in the log
            log.info("%s %s %s %s %d bytes %.1f ms %s", fields["client"], fields["method"], repr(fields["path"])[1:-1],
                     status, size, fields["ms"], request_id)  # fmt: skip


def _completed(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those that every answer has. One that is shared has another request's id."""
    told = [pair for pair in headers if pair[0] != b"x-request-id"]
    names = {name for name, _ in told}
    missing = [pair for pair in _SECURITY if pair[0] not in names]
    return [*told, *missing, (b"x-request-id", request_id.encode("ascii"))]
