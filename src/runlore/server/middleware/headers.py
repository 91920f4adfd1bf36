"""One header of a request, out of the list that ASGI has: looked up for each request, before anything else is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str:
    """The first value of a header; empty: it is not there.

    Args:
        scope: of the request.
        name: in small letters, as ASGI has names.
    """
    for known, value in scope["headers"]:
        if known == name:
            return bytes(value).decode("latin-1")
    return ""
