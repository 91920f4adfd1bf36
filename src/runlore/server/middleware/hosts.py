"""Under which name the server may be called: another page of the web must not reach it by a name that it made up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runlore.server.middleware.answers import answer
from runlore.server.middleware.headers import header
from runlore.server.problems import Problem
from runlore.server.settings import LOOPBACK

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from runlore.server.settings import Settings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Hosts:
    """Refuses requests for other names (DNS rebinding), and changes that pages of other origins send."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._names = {settings.host, *settings.allowed_hosts} | LOOPBACK  # no page of the web is called `localhost`
        is_everywhere = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - a comparison
        self._any = "*" in self._names or (is_everywhere and not settings.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await answer(problem, scope.get("request_id", ""))(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        host = header(scope, b"host")
        if not self._any and _name(host) not in self._names:
            hint = "start the server with --allow-host NAME where it is called so, for example behind a proxy"
            return Problem(421, f"Host: {host[:100]!r} is none of the names of this server; {hint}", field="Host")
        origin = header(scope, b"origin")
        if origin and scope["method"] not in _SAFE and urlsplit(origin).netloc != host:
            return Problem(403, f"Origin: {origin[:100]!r} is another page, which may not change things here",
                           field="Origin")  # fmt: skip
        return None


def _name(host: str) -> str:
    """Without port and brackets; empty where it is no name."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
