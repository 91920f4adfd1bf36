"""The two addresses of signing in with a provider: to it, and back from it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.responses import Response

from runlore.server.accounts.access import SIGN_IN, client_of
from runlore.server.accounts.account import accounts_of
from runlore.server.accounts.sign_in import begin_session, is_by_tls, local
from runlore.server.endpoint import OPEN, Endpoint, Parameter
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.accounts.access import Accounts
    from runlore.server.accounts.oidc import Provider
    from runlore.server.endpoint import Call

TO = f"{SIGN_IN}/provider"
BACK = f"{TO}/back"
COOKIE = "runlore_sign_in"


def go(call: Call) -> Response:
    """Send the browser to the provider."""
    accounts, provider = _provider(call)
    request = call.request
    scheme = "https" if is_by_tls(request) else "http"
    redirect = f"{scheme}://{request.headers.get('host', '')}{call.context.settings.base_path}{BACK}"
    begun = provider.begin(redirect)
    accounts.book.identities.remember(begun, redirect, local(call.text("next") or "/"))
    response = Response(None, 303, {"location": begun.address, "cache-control": "no-store"})
    response.set_cookie(
        COOKIE, begun.state, max_age=600, path=f"{call.context.settings.base_path}{SIGN_IN}", httponly=True,
        samesite="lax", secure=is_by_tls(request),
    )  # fmt: skip
    return response


def back(call: Call) -> Response:
    """The browser comes back with a code: a session, where the provider confirms it.

    Raises:
        Problem: it is not the browser that was sent there (403), or the provider refused (403).
    """
    accounts, provider = _provider(call)
    state, known = call.text("state") or "", call.request.cookies.get(COOKIE, "")
    if not state or not hmac.compare_digest(state.encode("utf-8", "replace"), known.encode("utf-8", "replace")):
        raise Problem(403, "this sign-in was not begun in this browser; begin it here")
    pending = accounts.book.identities.recall(state)
    if pending is None:
        raise Problem(403, "this sign-in is over, or was begun too long ago; begin again")
    code = call.text("code")
    if not code:
        raise Problem(403, f"the provider refused: {(call.text('error') or 'it sent no code')[:200]!r}")
    identity = provider.finish(code, verifier=pending.verifier, nonce=pending.nonce, redirect=pending.redirect)
    caller, is_new = accounts.book.identities.caller_of(identity)
    where, name = client_of(call.request), str(caller.name)
    if is_new:
        accounts.book.audit.add(name, "user.add", name, where, issuer=identity.issuer, subject=identity.subject)
    accounts.book.audit.add(name, "sign-in", client=where, issuer=identity.issuer)
    response = begin_session(call, caller, pending.after)
    response.delete_cookie(COOKIE, path=f"{call.context.settings.base_path}{SIGN_IN}", httponly=True, samesite="lax")
    return response


def _provider(call: Call) -> tuple[Accounts, Provider]:
    accounts = accounts_of(call)
    if accounts.provider is None:
        raise Problem(404, "this server knows no provider; start it with --oidc-issuer and --oidc-client")
    return accounts, accounts.provider


ENDPOINTS = (
    Endpoint(
        "GET", TO, go, "To the provider, to sign in there.", OPEN, also=[303], problems=[404, 502],
        parameters=[Parameter("next", "The path to go to after.", example="/")],
    ),
    Endpoint(
        "GET", BACK, back, "Back from the provider.", OPEN, also=[303], problems=[404, 502],
        parameters=[
            Parameter("state", "As it was sent."), Parameter("code", "What the provider gave."),
            Parameter("error", "Why it gave none."),
        ],
    ),
)  # fmt: skip
