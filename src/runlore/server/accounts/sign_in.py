"""The page on which one signs in: made here, without any script, so that it works before anything is allowed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from runlore.server.accounts.access import COOKIE, SIGN_IN, check_origin, client_of
from runlore.server.accounts.account import accounts_of
from runlore.server.accounts.sessions import SESSION_S
from runlore.server.endpoint import OPEN, SIGNED_IN, Endpoint, Parameter
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from runlore.server.caller import Caller
    from runlore.server.endpoint import Call

FORM = "application/x-www-form-urlencoded"
POLICY = "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
MAX_FORM_BYTES = 16 << 10

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; margin: 1rem; }
form { width: min(20rem, 100%); display: grid; gap: .5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
input, button { font: inherit; padding: .5rem .7rem; border-radius: .4rem; border: 1px solid #8889; }
button { margin-top: .5rem; background: #2456c9; color: #fff; border-color: #2456c9; cursor: pointer; }
a { text-align: center; padding: .5rem .7rem; border-radius: .4rem; border: 1px solid #8889; color: inherit; }
:focus-visible { outline: 2px solid #2456c9; outline-offset: 2px; }
p { margin: 0; padding: .5rem .7rem; border-left: 3px solid #c0392b; }
"""


def show(call: Call) -> Response:
    """The form."""
    accounts_of(call)
    return _page(call, local(call.text("next") or "/"))


async def sign_in(call: Call) -> Response:
    """What was filled in: a session where it is right, the form again where it is not."""
    accounts = accounts_of(call)
    check_origin(call.request)
    form = await _form(call.request)
    name, password, after = form.get("name", ""), form.get("password", ""), local(form.get("next", "/"))

    def tried() -> str | None:
        caller = accounts.by_password(call.request, name, password)
        if caller is None:
            return None
        accounts.book.audit.add(str(caller.name), "sign-in", client=client_of(call.request))
        return accounts.book.keys.begin_session(caller)

    try:
        session = await run_in_threadpool(tried)
    except Problem as problem:
        return _page(call, after, name, f"There were {problem.detail}.", problem.status)
    if session is None:
        return _page(call, after, name, "Name or password is wrong.", 401)
    return _with_session(call, session, after)


def begin_session(call: Call, caller: Caller, after: str) -> Response:
    """Let somebody in who was found to be a user; gives the answer that sends the browser on, with its cookie."""
    return _with_session(call, accounts_of(call).book.keys.begin_session(caller), after)


def _with_session(call: Call, session: str, after: str) -> Response:
    response = _sent_to(call, after)
    response.set_cookie(
        COOKIE, session, max_age=int(SESSION_S), path=call.context.settings.base_path or "/", httponly=True,
        samesite="lax", secure=is_by_tls(call.request),
    )  # fmt: skip
    return response


def sign_out(call: Call) -> Response:
    """End the session."""
    accounts, caller = accounts_of(call), call.context.caller
    if caller.session is not None:
        accounts.book.keys.end_session(caller.session)
    accounts.book.audit.add(str(caller.name), "sign-out", client=client_of(call.request))
    response = _sent_to(call, SIGN_IN)
    response.delete_cookie(COOKIE, path=call.context.settings.base_path or "/", httponly=True, samesite="lax")
    return response


def local(wanted: str) -> str:
    r"""Where to go after: a path of this server, whatever was asked for.

    Example:
        >>> local("/runs/iris?x=1"), local("//evil.example"), local("https://evil.example"), local("/\\\\evil.example")
        ('/runs/iris?x=1', '/', '/', '/')
    """
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_path and len(wanted) < 2_000 and "\\" not in wanted else "/"


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, f"the body should be {FORM!r}", field="Content-Type")
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > MAX_FORM_BYTES:
            raise Problem(413, f"the form has more than {MAX_FORM_BYTES} bytes", limit=MAX_FORM_BYTES)
    try:
        found = parse_qs(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise Problem(400, "the form cannot be read", field="body") from None
    return {name: values[0] for name, values in found.items()}


def _page(call: Call, after: str, name: str = "", said: str = "", status: int = 200) -> Response:
    action = f"{call.context.settings.base_path}{SIGN_IN}"
    problem = f'<p role="alert">{escape(said)}</p>' if said else ""
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in - Runlore</title><style>{_STYLE}</style></head>
<body><form method="post" action="{escape(action)}"><h1>Sign in to Runlore</h1>{problem}
<label for="name">Name</label>
<input id="name" name="name" value="{escape(name[:200])}" autocomplete="username" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="next" value="{escape(after)}">
<button>Sign in</button>{_to_provider(call, after)}</form></body></html>
"""
    headers = {"content-security-policy": POLICY.format(digest=_style_digest()), "cache-control": "no-store"}
    return Response(text, status, headers, "text/html; charset=utf-8")


def _to_provider(call: Call, after: str) -> str:
    provider = accounts_of(call).provider
    if provider is None:
        return ""
    where = escape(f"{call.context.settings.base_path}{SIGN_IN}/provider?next={quote(after, safe='')}")
    return f'<a href="{where}">Sign in with {escape(urlsplit(provider.settings.issuer).hostname or "the provider")}</a>'


def _style_digest() -> str:
    import base64
    import hashlib

    return base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def _sent_to(call: Call, path: str) -> Response:
    where = quote(f"{call.context.settings.base_path}{path}", safe="/?&=#%:,;+@!$'()*[]~")
    return Response(None, 303, {"location": where, "cache-control": "no-store"})


def is_by_tls(request: Request) -> bool:
    """Whether the browser came by TLS, as it or the proxy before us says. Who lies about it harms its own cookie."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").partition(",")[0].strip())


ENDPOINTS = (
    Endpoint(
        "GET", SIGN_IN, show, "The form to sign in.", OPEN, answer="text/html", problems=[404],
        parameters=[Parameter("next", "The path to go to after.", example="/")],
    ),
    Endpoint(
        "POST", SIGN_IN, sign_in, "Sign in by name and password.", OPEN, body=FORM, answer="text/html", also=[303],
        problems=[404, 413, 415, 429], example={"name": "ada", "password": "correct horse battery"},
    ),
    Endpoint("POST", "/sign-out", sign_out, "End the session.", SIGNED_IN, also=[303], problems=[404]),
)  # fmt: skip
