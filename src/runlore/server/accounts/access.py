"""Letting requests pass: who sends one, whether that one may, and what it gets to see."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool

from runlore.server.accounts.keeper import Keeper
from runlore.server.accounts.rates import Rates
from runlore.server.accounts.seen_runs import SeenChanges, SeenRecorders
from runlore.server.accounts.seen_store import SeenSession
from runlore.server.accounts.sessions import csrf_of
from runlore.server.caller import SCOPES
from runlore.server.endpoint import ADMIN, OPEN, SIGNED_IN
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from runlore.server.accounts.book import Book
    from runlore.server.accounts.oidc import Provider
    from runlore.server.caller import Caller
    from runlore.server.context import Context
    from runlore.server.endpoint import Call

COOKIE = "runlore_session"
CSRF_HEADER = "x-csrf-token"
SIGN_IN = "/sign-in"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = 'Bearer realm="runlore"'
_SCHEMES = f'{_BEARER}, Basic realm="runlore"'
"""To programs. A browser would ask for name and password by itself, for the requests of a page too."""


class Accounts:
    """See the module: `runlore.server.context.Access`.

    Args:
        book: the accounts.
        base_path: before every path of the server.
        provider: with whom one may sign in too; None: by name and password alone.
        rates: how many requests one token, or user without one, may send; None: as many as it likes.
    """

    has_accounts = True

    def __init__(
        self, book: Book, base_path: str, provider: Provider | None = None, rates: Rates | None = None
    ) -> None:  # fmt: skip
        self.book = book
        self.provider = provider
        self.base_path = base_path
        self.rates = rates or Rates(None)
        self._keeper: Keeper | None = None

    async def admit(self, request: Request, needs: str, context: Context) -> Context:
        """Let the request pass; gives what its caller may work on.

        Raises:
            Problem: its caller is not known (401, or 303 to where one signs in), or may not do this (403), or was
                wrong too often (429).
        """
        if needs == OPEN:
            return context
        caller = await run_in_threadpool(self.identify, request)
        if caller is None:
            raise self._unknown(request)
        if "runlore.counted" not in request.scope:  # a stream asks again and again, of one request
            self.rates.take(caller)
            request.scope["runlore.counted"] = True
        if caller.session is not None and request.method not in _SAFE:
            check_origin(request, csrf_of(caller.session))
        may = needs == SIGNED_IN or (caller.may_everywhere(ADMIN) if needs == ADMIN else caller.may(needs))
        if not may:
            raise Problem(403, _refusal(caller, needs))
        if all(map(caller.may_everywhere, SCOPES)):
            return context.limited(caller, context.session, context.changes, context.recorders, None)
        session = SeenSession(context.session, caller, self.book)
        recorders = SeenRecorders(context.recorders, session.seen, caller)
        return context.limited(caller, session, SeenChanges(context.changes, caller), recorders, session.seen)

    def begin(self, context: Context) -> None:
        """Begin to do what the server does by itself."""
        self._keeper = Keeper(self.book, context.served)
        self._keeper.start()

    def record(self, call: Call, target: str) -> None:
        """Record in the audit log that something was done."""
        path = call.request.url.path[len(self.base_path) :]
        token = {} if call.context.caller.token is None else {"token": call.context.caller.token}
        name = str(call.context.caller.name)
        self.book.audit.add(name, f"{call.request.method} {path}", target, client_of(call.request), **token)

    def close(self) -> None:
        """End what it does by itself, and let go of the database and of connections to the provider."""
        if self._keeper is not None:
            self._keeper.close()
        if self.provider is not None:
            self.provider.close()
        self.rates.close()
        self.book.close()

    # -- who ------------------------------------------------------------------------------------------------------

    def identify(self, request: Request) -> Caller | None:
        """Who sends the request; None: it shows nothing, or nothing that is worth something.

        Raises:
            Problem: passwords were wrong too often (429).
        """
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.book.keys.by_token(shown.strip())
        if scheme.lower() == "basic":
            name, password = _basic(shown.strip())
            return self.book.keys.by_token(password) or self.by_password(request, name, password)
        if scheme:
            return None
        cookie = request.cookies.get(COOKIE)
        return None if cookie is None else self.book.keys.by_session(cookie)

    def by_password(self, request: Request, name: str, password: str) -> Caller | None:
        """Who has this name and password.

        Raises:
            Problem: it was wrong too often (429).
        """
        client = client_of(request)
        left_s = self.book.throttle.wait_s(name, client)
        if left_s > 0:
            raise Problem(
                429, f"too many wrong passwords; try again in {left_s:.0f} seconds",
                headers={"retry-after": f"{left_s:.0f}"},
            )  # fmt: skip
        found = self.book.keys.by_password(name, password)
        if found is None:
            self.book.throttle.failed(name, client)
            self.book.audit.add(name, "sign-in refused", client=client)
        return found

    def _unknown(self, request: Request) -> Problem:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            wanted = request.url.path[len(self.base_path) :]
            query = f"?{request.url.query}" if request.url.query else ""
            where = f"{self.base_path}{SIGN_IN}?next={quote(wanted + query, safe='')}"
            return Problem(303, "sign in first", headers={"location": where, "cache-control": "no-store"})
        schemes = _BEARER if "sec-fetch-mode" in request.headers else _SCHEMES
        shown = "what was shown is not valid here, or not any more" if _shows(request) else "nothing was shown"
        return Problem(
            401, f"this server has accounts, and {shown}; sign in at {self.base_path}{SIGN_IN}, or send a token as "
            "`Authorization: Bearer TOKEN`",
            headers={"www-authenticate": schemes, "cache-control": "no-store"},
        )  # fmt: skip


def check_origin(request: Request, csrf: str | None = None) -> None:
    """See that a change comes from a page of this server: the browser says so, or the page shows what it was told.

    Raises:
        Problem: it comes from elsewhere, or nobody says from where (403).
    """
    shown = request.headers.get(CSRF_HEADER)
    if csrf is not None and shown is not None and hmac.compare_digest(shown.encode(), csrf.encode()):
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_ours = site == "same-origin" if site else bool(origin) and urlsplit(origin).netloc == request.headers.get("host")
    if not is_ours:
        raise Problem(403, f"the change came from another page; send {CSRF_HEADER} with what api/v1/account says")


def client_of(request: Request) -> str:
    """The address from which the request came: that of the proxy, where there is one."""
    return request.client.host if request.client else ""


def _basic(shown: str) -> tuple[str, str]:
    """Name and password of basic authentication; empty where it is garbled."""
    try:
        text = base64.b64decode(shown, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    name, _, password = text.partition(":")
    return name, password


def _shows(request: Request) -> bool:
    return "authorization" in request.headers or COOKIE in request.cookies


def _refusal(caller: Caller, needs: str) -> str:
    if needs not in caller.scopes:
        return f"the token may not be used for what needs {needs!r}, but for {', '.join(sorted(caller.scopes))} alone"
    if needs == ADMIN:
        return f"{caller.name!r} is no admin of everything, which this takes"
    return f"{caller.name!r} may not {needs} in any experiment; ask an admin for a role"
