"""What all endpoints of the contracts share: bodies, answers, and changes that come twice."""

from __future__ import annotations

import zlib
from functools import wraps
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from runlore.errors import NotStored, RunloreError
from runlore.model import new_uid
from runlore.names import is_uid
from runlore.server.compression import compress
from runlore.server.contract.once import Answers
from runlore.server.problems import Problem
from runlore.wire import text
from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runlore.server.endpoint import Call

HEADERS = {text.HEADER: str(text.VERSION), "Cache-Control": "no-store"}
"""Of every answer."""


def arguments(call: Call) -> dict[str, Any]:
    """The body of a request: the arguments by name.

    Raises:
        Problem: it is of another type (415) or version (400), or too large when it is unpacked (413).
        Garbled: it is no such body.
    """
    headers = call.request.headers
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != text.MEDIA_TYPE:  # a form could be posted by any page of the web
        raise Problem(415, f"the body is {content_type!r:.100} and should be {text.MEDIA_TYPE!r}", field="Content-Type")
    version = headers.get(text.HEADER, str(text.VERSION))
    if version != str(text.VERSION):
        raise Problem(
            400, f"{text.HEADER}: {version!r:.40} is not spoken here, but {text.VERSION}; install the Runlore of the "
            "server, or update the server", field=text.HEADER,
        )  # fmt: skip
    raw = call.raw
    if headers.get("content-encoding", "identity").lower() == "gzip":
        raw = unzipped(raw, call.context.settings.max_body_bytes)
    return dict(expect(text.loads(raw or b"{}"), dict, "the body"))


def unzipped(raw: bytes, most: int) -> bytes:
    """A body that was sent compressed.

    Raises:
        Garbled: it is no gzip.
        Problem: it would be larger than that (413).
    """
    machine = zlib.decompressobj(wbits=31)
    try:
        found = machine.decompress(raw, most + 1)
    except zlib.error as error:
        raise Garbled(f"the body is no gzip: {error}") from None
    if len(found) > most:
        raise Problem(413, f"the body has more than {most} bytes when it is unpacked; send less at once", limit=most)
    if not machine.eof:
        raise Garbled("the compressed body breaks off")
    return found


def answer(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A value as an answer."""
    return Response(text.dumps(value), 200, {**HEADERS, **(headers or {})}, text.MEDIA_TYPE)


def answering(function: Callable[[Call, dict[str, Any]], Any]) -> Callable[[Call], Response]:
    """An endpoint's function from one that gets the arguments and returns a value."""

    @wraps(function)
    def answered(call: Call) -> Response:
        try:
            return compress(call.request, answer(function(call, arguments(call))))
        except OSError as error:
            raise told(error) from error

    return answered


def changing(function: Callable[[Call, dict[str, Any]], Any]) -> Callable[[Call], Response]:
    """As `answering`, for what changes something: under one key it is done once."""

    @wraps(function)
    def answered(call: Call) -> Response:
        sent = arguments(call)
        try:
            return compress(call.request, answer(changed_once(call, lambda: function(call, sent))))
        except OSError as error:
            raise told(error) from error

    return answered


def changed_once(call: Call, change: Callable[[], Any]) -> Any:
    """What a change returned, or raised, when it came under the key of this request; else it is made now.

    Raises:
        Garbled: the key is none.
    """
    key = call.request.headers.get(text.KEY_HEADER) or new_uid()
    if not is_uid(key):
        raise Garbled(f"{text.KEY_HEADER}: {key!r:.60} should be 32 hexadecimal digits")
    return call.context.part(Answers).once((call.context.caller.name, key), change)


def came_again(call: Call) -> bool:
    """Whether the caller sent this before and had no answer."""
    return call.request.headers.get(text.AGAIN_HEADER, "0") != "0"


def told(error: OSError) -> RunloreError:
    """A failure of the server's system, as the caller is told of it: without paths."""
    if isinstance(error, RunloreError):
        return error
    return NotStored(f"the server could not do it: {error.strerror or type(error).__name__}. Nothing was changed")
