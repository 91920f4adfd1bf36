"""Addresses of the page.

`/` and everything that the page itself takes for a view give the same document, which then shows what its address says;
files with a digest in their name are kept by browsers for ever.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import Response

from runlore.server.endpoint import OPEN, SIGNED_IN, Endpoint
from runlore.server.page.files import File, find_page, is_clone, make_file
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

BASE = b'<base href="/" />'

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; frame-src 'self' blob:; base-uri 'self'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline: a name or a log line that found its way into the document could not run."""

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def document(call: Call) -> Response:
    """The page, for the address under which this server is reached; or how to build it."""
    page = find_page()
    base = call.context.settings.base_path
    if page.missing is not None:
        return Response(_not_built(page.missing), 503, {"content-security-policy": POLICY}, "text/html; charset=utf-8")
    content = page.files["index.html"].content.replace(BASE, f'<base href="{escape(base)}/" />'.encode(), 1)
    response = _answer(call, make_file(content, "index.html"), ASK_AGAIN)
    response.headers["content-security-policy"] = POLICY
    return response


def asset(call: Call) -> Response:
    """A file with a digest in its name.

    Raises:
        Problem: there is none of this name (404).
    """
    return _answer(call, _file(f"assets/{call.path('name')}"), FOR_EVER)


def root_file(name: str) -> Endpoint:
    """A file beside the document."""
    return Endpoint("GET", f"/{name}", lambda call: _answer(call, _file(name), ASK_AGAIN), f"The page's {name}.", OPEN)


def _file(path: str) -> File:
    file = find_page().files.get(path)
    if file is None:
        raise Problem(404, f"the page has no file {path[:200]!r}; reload the page if it was updated")
    return file


def _answer(call: Call, file: File, cache: str) -> Response:
    headers = {"cache-control": cache, "etag": file.etag, "vary": "accept-encoding"}
    if file.etag in call.request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    content = file.content
    if file.compressed is not None and "gzip" in call.request.headers.get("accept-encoding", ""):
        content = file.compressed
        headers["content-encoding"] = "gzip"
    return Response(content, 200, headers, file.media_type)


def _not_built(why: str) -> str:
    commands = (
        "cd ui && npm ci && npm run build"
        if is_clone()
        else "pip install --force-reinstall --no-deps --no-cache-dir runlore"
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Runlore</title>
<h1>The page was not built</h1>
<p>This installation of Runlore has no web page: {escape(why)}.</p>
<p>Build it, then start the server again:</p>
<pre>{escape(commands)}</pre>
<p>Everything else works: <code>runlore runs</code>, <code>runlore show</code>, and this server's interface at
<code>api/v1</code>.</p>
</html>
"""


ENDPOINTS = (
    Endpoint("GET", "/", document, "The page.", SIGNED_IN, answer="text/html"),
    Endpoint("GET", "/runs/{rest:path}", document, "The page, showing a run.", SIGNED_IN, answer="text/html"),
    Endpoint("GET", "/account", document, "The page, showing one's account.", SIGNED_IN, answer="text/html"),
    Endpoint("GET", "/account/{rest:path}", document, "The page, showing accounts.", SIGNED_IN, answer="text/html"),
    Endpoint(
        "GET", "/assets/{name}", asset, "A file of the page.", OPEN, answer="application/octet-stream", problems=[404]
    ),
    root_file("theme.js"),
    root_file("favicon.svg"),
)
