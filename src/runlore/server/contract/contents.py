"""Contents by digest: put as a stream that is verified, got with ranges."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from typing import TYPE_CHECKING, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from runlore.errors import ArtifactNotFound
from runlore.scratch import scratch_directory
from runlore.server.contract.calls import HEADERS, answer, told
from runlore.server.endpoint import READ, WRITE, Endpoint
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.server.endpoint import Call

BYTES = "application/octet-stream"
PIECE_BYTES = 1 << 20

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})").fullmatch


def get(call: Call) -> Response:
    """Contents, or a part of them; with HEAD only how many bytes they are."""
    digest = _digest(call)
    try:
        file = call.context.store.open_content(digest)
    except OSError as error:
        if isinstance(error, ArtifactNotFound):
            raise
        raise told(error) from error
    try:
        return _answer(call, digest, file)
    except BaseException:
        file.close()
        raise


def _answer(call: Call, digest: str, file: BinaryIO) -> Response:
    size = file.seek(0, os.SEEK_END)
    headers = {
        **HEADERS, "ETag": f'"{digest}"', "Accept-Ranges": "bytes", "Content-Disposition": "attachment",
        "Cache-Control": "private, max-age=31536000, immutable",
    }  # fmt: skip
    start, stop, status = 0, size, 200
    if call.request.headers.get("if-range", f'"{digest}"') == f'"{digest}"':
        part = _range(call.request.headers.get("range", ""), size)
        if part is not None:
            (start, stop), status = part, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    if call.request.method == "HEAD":
        file.close()
        return Response(None, status, headers, BYTES)
    return StreamingResponse(_pieces(file, start, stop), status, headers, BYTES)


def _range(wanted: str, size: int) -> tuple[int, int] | None:
    """Where a range begins and ends; None where there is none, or none of a kind that is served here.

    Raises:
        Problem: there is no such range (416).
    """
    found = _RANGE(wanted)
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    if start >= size or (found[2] and int(found[2]) < start):
        raise Problem(
            416, f"Range: {wanted!r:.60} is not within the {size} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, min(size, int(found[2]) + 1) if found[2] else size


def _pieces(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < stop:
            piece = file.read(min(PIECE_BYTES, stop - start))
            if not piece:
                return
            start += len(piece)
            yield piece


async def put(call: Call) -> Response:
    """Keep contents. They count once they are whole and are what their digest says."""
    digest = _digest(call)
    try:
        return await _put(call, digest)
    except ClientDisconnect:
        raise Problem(400, "the contents broke off before their end; nothing was kept") from None
    except OSError as error:
        raise told(error) from error


async def _put(call: Call, digest: str) -> Response:
    limit = call.context.settings.max_upload_bytes
    found, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=scratch_directory(), prefix="upload-") as file:

        def keep(piece: bytes) -> None:
            found.update(piece)
            file.write(piece)

        waiting, pending = [], 0
        async for piece in call.request.stream():
            size += len(piece)
            if size > limit:
                raise Problem(413, f"the contents have more than {limit} bytes", limit=limit)
            waiting.append(piece)
            pending += len(piece)
            if pending >= PIECE_BYTES:
                await run_in_threadpool(keep, b"".join(waiting))
                waiting, pending = [], 0

        def store() -> None:
            keep(b"".join(waiting))
            file.flush()
            if found.hexdigest() != digest:
                raise Problem(
                    400, f"the contents have the SHA-256 {found.hexdigest()}, not {digest}; nothing was kept",
                    field="digest", value=digest,
                )  # fmt: skip
            call.context.store.put_file(file.name)

        await run_in_threadpool(store)
    return answer({"digest": digest, "size": size})


def _digest(call: Call) -> str:
    digest = call.path("digest")
    if not _DIGEST(digest):
        raise ArtifactNotFound(f"{digest!r:.100} is no SHA-256: 64 hexadecimal digits")
    return digest


_PATH = "/store/contents/{digest}"

ENDPOINTS = (
    Endpoint("GET", _PATH, get, "Contents by their SHA-256, also in part.", READ, answer=BYTES, problems=[404, 416]),
    Endpoint(
        "PUT", _PATH, put, "Keep contents under their SHA-256, which is verified.", WRITE, body=BYTES,
        answer="application/json", problems=[404, 413, 507],
    ),
)  # fmt: skip
