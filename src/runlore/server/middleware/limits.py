"""Limits of one worker: how many requests at once, and how long a client may take to send one."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from runlore.server.middleware.answers import answer
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from runlore.server.settings import Settings

_ALWAYS = ("/health", "/ready", "/metrics")
"""Whoever operates the server is answered also where it is busy."""


class Limits:
    """Refuses what is too much with 503, and ends requests whose clients send nothing with 408."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http" or scope["path"].endswith(_ALWAYS):
            await self._app(scope, receive, send)
            return
        if self._active >= self._settings.max_requests:
            problem = Problem(503, f"{self._active} requests are being answered, and more are too many; try again soon",
                              headers={"retry-after": "1"})  # fmt: skip
            await answer(problem, scope.get("request_id", ""))(scope, receive, send)
            return
        self._active += 1
        try:
            await self._app(scope, self._impatient(receive), send)
        finally:
            self._active -= 1

    def _impatient(self, receive: Receive) -> Receive:
        seconds = self._settings.slow_client_s
        is_whole = False

        async def receiving() -> Message:
            nonlocal is_whole
            if is_whole:  # what is waited for now is that the client goes
                return await receive()
            try:
                message = await _within(seconds, receive)
            except asyncio.TimeoutError:
                said = f"nothing of the request came for {seconds:g} seconds; send it again, in one go"
                raise Problem(408, said, headers={"connection": "close"}) from None
            is_whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return receiving


if sys.version_info >= (3, 11):

    async def _within(seconds: float, receive: Receive) -> Message:
        async with asyncio.timeout(seconds):  # `wait_for` makes a task of it there, which is dear
            return await receive()

else:

    async def _within(seconds: float, receive: Receive) -> Message:
        return await asyncio.wait_for(receive(), seconds)
