"""Contents arrive: which are missing, and their bytes, which may come in several requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from runlore.errors import InvalidArgument
from runlore.server.endpoint import WRITE, Endpoint, Parameter
from runlore.server.problems import Problem
from runlore.server.receiving.room import disk, files_of
from runlore.store.arriving import Arriving, BeingSent, arrived_bytes
from runlore.store.blobs import is_digest

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

MAX_DIGESTS = 10_000
_GATHERED_BYTES = 1 << 20
_DIGEST_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class Wanted(msgspec.Struct):
    """Contents that somebody could send."""

    digests: list[str]


class Missing(msgspec.Struct):
    """Those that are not here: SHA-256 → how many of their bytes have arrived."""

    missing: dict[str, int]


class Kept(msgspec.Struct):
    """How many bytes of the contents there are, and whether that is all of them."""

    offset: int
    complete: bool


def missing(call: Call) -> Missing:
    """Which of these contents are missing.

    Raises:
        InvalidArgument: one is no SHA-256.
        Problem: too many at once (413).
    """
    told: Wanted = call.body
    if len(told.digests) > MAX_DIGESTS:
        raise Problem(413, f"digests: at most {MAX_DIGESTS} at once", field="digests", limit=MAX_DIGESTS)
    for digest in told.digests:
        if not is_digest(digest):
            raise InvalidArgument(f"digests: {digest[:100]!r} is no SHA-256 in hexadecimal")
    store, sight, sender = files_of(call), call.context.sight, _sender(call)
    mine = set(told.digests) if sight is None else sight.reached(told.digests)
    return Missing({
        digest: arrived_bytes(store, digest, sender) for digest in told.digests
        if digest not in mine or not store.has_content(digest)
    })  # fmt: skip


def _sender(call: Call) -> str:
    """Whose bytes are put together. What one sent is no proof that another has it, nor told to that one."""
    return "" if call.context.sight is None else f"u{call.context.sight.owner}"


async def put(call: Call) -> Kept:
    """Take bytes of contents. What arrives stays, also where the request breaks off.

    Raises:
        InvalidArgument: the digest is none, or all has arrived and does not match it.
        Problem: a gap would come about, or somebody else is just sending them (409); they are too large (413); the
            request broke off (400).
        NotStored, ReadOnlyStore: they cannot be stored.
    """
    digest = call.path("digest")
    if not is_digest(digest):
        raise InvalidArgument(f"digest={digest[:100]!r} is no SHA-256 in hexadecimal")
    limit = call.context.settings.max_upload_bytes
    size = call.integer("size", -1, low=0)
    offset = call.integer("offset", 0, low=0)
    if size < 0:
        raise Problem(400, "the parameter 'size' is missing", field="size")
    if size > limit:
        raise Problem(413, f"size={size}: contents may have at most {limit} bytes here", field="size", limit=limit)
    arriving = await run_in_threadpool(_begin, call, digest, offset, size)
    if arriving is None:
        return Kept(size, complete=True)
    try:
        await _take(call, arriving, size)
        return await run_in_threadpool(_end, call, arriving, size)
    finally:
        arriving.__exit__(None, None, None)


def _begin(call: Call, digest: str, offset: int, size: int) -> Arriving | None:
    """What has arrived, open for more; None: they are here."""
    store, sight = files_of(call), call.context.sight
    if store.has_content(digest) and (sight is None or digest in sight.reached([digest])):
        return None
    if sight is not None:
        sight.make_room(None)
    with disk(f"contents {digest}"):
        try:
            arriving = Arriving(store, digest, _sender(call))
        except BeingSent as error:
            raise Problem(409, str(error), reason="busy", headers={"retry-after": "1"}) from error
        if arriving.size < offset or arriving.size > size:
            have = arriving.size
            if have > size:
                arriving.forget()
                have = 0
            arriving.__exit__(None, None, None)
            raise Problem(409, f"bytes are missing before those that were sent; go on from offset {have}",
                          field="offset", offset=have, reason="gap")  # fmt: skip
        arriving.rewind(offset)
        return arriving


async def _take(call: Call, arriving: Arriving, size: int) -> None:
    gathered: list[bytes] = []
    held = 0
    try:
        async for piece in call.request.stream():
            gathered.append(piece)
            held += len(piece)
            if arriving.size + held > size:
                raise Problem(400, f"size={size}: more bytes than that were sent", field="size")
            if held >= _GATHERED_BYTES:
                await run_in_threadpool(_write, arriving, b"".join(gathered))
                gathered, held = [], 0
    except ClientDisconnect:
        raise Problem(400, "the request broke off before its end; ask how much arrived, and go on from there") from None
    finally:
        if gathered:
            await run_in_threadpool(_write, arriving, b"".join(gathered))


def _write(arriving: Arriving, content: bytes) -> None:
    with disk("contents"):
        arriving.write(content)


def _end(call: Call, arriving: Arriving, size: int) -> Kept:
    if arriving.size < size:
        return Kept(arriving.size, complete=False)
    with disk("contents"):
        arriving.keep()
    if call.context.sight is not None:
        call.context.sight.showed(arriving.digest)
    return Kept(size, complete=True)


ENDPOINTS = (
    Endpoint(
        "POST", "/contents/missing", missing, "Which of these contents the server does not have.", WRITE,
        body=Wanted, answer=Missing, problems=[413, 415], example={"digests": [_DIGEST_EXAMPLE]},
    ),
    Endpoint(
        "PUT", "/contents/{digest}", put, "Send contents, or a part of them.", WRITE,
        parameters=[
            Parameter("size", "Of all of them, in bytes.", {"type": "integer", "minimum": 0}, required=True, example=4),
            Parameter("offset", "Where in them these bytes begin.", {"type": "integer", "minimum": 0}, example=0),
        ],
        body="application/octet-stream", answer=Kept, problems=[409, 413, 507],
    ),
)  # fmt: skip
