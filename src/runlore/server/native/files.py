"""Contents as responses: ranges, tags, and headers that keep a browser from taking a file for a page of ours.

A file comes as an attachment, as bytes of no type that a browser would show. Shown in place are pictures, sound, video
and plain text, and HTML and SVG where they were asked for: in a sandbox without an origin and without access to
anything else. Scripts of an HTML file run there, as figures that can be turned and tables that can be sorted need them:
they reach no cookie, no storage, no page of ours and no network. Scripts of an SVG do not run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import FileResponse, Response

from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from runlore.store.base import Store

BYTES = "application/octet-stream"
FOREVER = "private, max-age=31536000, immutable"
SANDBOX = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; media-src data:; "
    "frame-ancestors 'self'"
)

SCRIPTED = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "worker-src blob:; img-src data: blob:; style-src 'unsafe-inline'; font-src data:; media-src data: blob:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)

_SHOWN = frozenset({
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "audio/mpeg", "audio/ogg",
    "audio/wav", "audio/x-wav", "audio/flac", "audio/webm", "video/mp4", "video/webm", "video/ogg", "text/plain",
})  # fmt: skip
_SANDBOXED = frozenset({"text/html", "image/svg+xml"})
_TEXTS = frozenset({"application/json", "text/csv", "text/markdown", "text/x-diff", "text/x-python", "text/yaml"})

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch


def attachment(name: str) -> dict[str, str]:
    """The header that has a browser save a file under a name; what stands in it comes from a user."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\/%' else "_" for letter in name
    )
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    return {"content-disposition": f"attachment; filename=\"{plain[:200]}\"; filename*=UTF-8''{encoded[:600]}"}


def content(
    request: Request, store: Store, digest: str, *, name: str, media_type: str | None = None, inline: bool = False
) -> Response:  # fmt: skip
    """Contents of a store, or the part of them that the request's range names.

    Args:
        request: may have a range, and a tag that it knows.
        store: that has them.
        digest: their SHA-256.
        name: under which they are saved.
        media_type: as it was recorded; None: not known.
        inline: show them in place, where they are harmless.

    Raises:
        ArtifactNotFound: there are none.
        Problem: the digest is none (400).
    """
    if not _DIGEST(digest):
        raise Problem(
            400, f"{digest[:100]!r} is no SHA-256 in 64 hexadecimal digits", field="sha256", value=digest[:100]
        )
    headers = {
        "etag": f'"{digest}"', "cache-control": FOREVER, "content-security-policy": SANDBOX, **attachment(name),
    }  # fmt: skip
    kind = BYTES
    if inline:
        kind = _inline_type(media_type)
    if kind == "text/html":
        headers["content-security-policy"] = SCRIPTED
    if kind != BYTES:
        headers["content-disposition"] = headers["content-disposition"].replace("attachment", "inline", 1)
        headers["x-frame-options"] = "SAMEORIGIN"
    path = store.content_path(digest)
    if _is_known(request, digest):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type=kind)


def _inline_type(media_type: str | None) -> str:
    found = (media_type or "").partition(";")[0].strip().lower()
    if found in _TEXTS:
        return "text/plain; charset=utf-8"
    return found if found in _SHOWN or found in _SANDBOXED else BYTES


def _is_known(request: Request, digest: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return f'"{digest}"' in known or known.strip() == "*"
