"""Uploads in parts through the artifact proxy, as MLflow's clients do them that were told so.

    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true

A part is contents like any other, named by their digest, and the digest is its ETag. So nothing is remembered between
the requests of an upload: they may reach several processes of a server, in any order, and be sent again. Parts that
no upload came to use go with the next `runlore gc`.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from typing import TYPE_CHECKING, Any

from runlore.errors import ArtifactNotFound, RunloreError
from runlore.scratch import scratch_directory
from runlore.server.endpoint import WRITE, Endpoint
from runlore.server.mlflow import files
from runlore.server.mlflow.artifacts import ANY, PROXY
from runlore.server.mlflow.homes import checked, home_of
from runlore.server.mlflow.logging import held
from runlore.server.mlflow.message import Message, MlflowError, endpoint, invalid, refuse, respond
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response

    from runlore.server.context import Context
    from runlore.server.endpoint import Call
    from runlore.server.mlflow.homes import Home

MAX_PARTS = 10_000
_PIECE_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")


def create(message: Message) -> dict[str, Any]:
    """Begin an upload: where each part is sent."""
    if message.call is None:
        raise MlflowError("an upload is begun by a request")
    home, count = _home(message), message.integer("num_parts", 1, low=1, high=MAX_PARTS)
    with held(message.context, home.run):  # it is there, and not in the trash
        upload = secrets.token_hex(16)
    request = message.call.request
    base = f"{str(request.base_url).rstrip('/')}/{message.path('root')}/mlflow-artifacts/mpu/part/{upload}"
    said = request.headers.get("authorization")
    headers = {"Authorization": said} if said is not None else {}  # the client sends parts with nothing of its own
    parts = [{"url": f"{base}/{number}", "part_number": number, "headers": headers} for number in range(1, count + 1)]
    return {"upload_id": upload, "credentials": parts}


async def receive_part(call: Call) -> Response:
    """Keep a part; its ETag is the SHA-256 of its contents."""
    try:
        _check_upload(call.path("upload"))
        digest, _ = await files.receive(call.context, call.request)
    except (MlflowError, Problem, RunloreError) as error:
        return refuse(error)
    answer = respond({})
    answer.headers["etag"] = f'"{digest}"'
    return answer


def complete(message: Message) -> dict[str, Any]:
    """Make one file of all parts, in the order of their numbers, and record it."""
    home = _home(message)
    _check_upload(message.required("upload_id"))
    parts = {item.integer("part_number", low=1, high=MAX_PARTS): _digest(item) for item in message.parts("parts")}
    if sorted(parts) != list(range(1, len(parts) + 1)) or not parts:
        raise invalid("parts", sorted(parts), "should have each part once, numbered from 1")
    with held(message.context, home.run):  # nothing is put together for nobody
        pass
    digest, size = _joined(message.context, [parts[number] for number in sorted(parts)])
    files.record(message.context, home, digest, size)
    return {}


def _digest(item: Message) -> str:
    tag = item.required("etag").strip('"')
    if not _DIGEST.fullmatch(tag):
        raise invalid("etag", tag, "should be what this server answered when the part was sent")
    return tag


def _joined(context: Context, digests: list[str]) -> tuple[str, int]:
    """Keep the contents of all these as one; its SHA-256 and size.

    Raises:
        MlflowError: one of them is not there, or all are too large.
    """
    if len(digests) == 1:
        with _opened(context, digests[0], 1) as content:
            return digests[0], content.seek(0, 2)
    limit, size = context.settings.max_upload_bytes, 0
    with tempfile.NamedTemporaryFile(dir=scratch_directory(), prefix="upload-") as whole:
        for number, digest in enumerate(digests, 1):
            with _opened(context, digest, number) as content:
                while piece := content.read(_PIECE_BYTES):
                    size += len(piece)
                    if size > limit:
                        raise MlflowError(f"the file has more than {limit} bytes")
                    whole.write(piece)
        whole.flush()
        return context.store.put_file(whole.name)


def _opened(context: Context, digest: str, number: int) -> Any:
    try:
        return context.store.open_content(digest)
    except ArtifactNotFound:
        raise invalid("parts", digest, f"part {number} is not here; send it again") from None


def abort(message: Message) -> dict[str, Any]:
    """Give an upload up. Its parts are contents that nothing names, and go with the next `runlore gc`."""
    _home(message)
    _check_upload(message.required("upload_id"))
    return {}


def _home(message: Message) -> Home:
    """The file that is meant: the folder in the address, the name in the body, which older clients send as a path."""
    name = message.required("path").replace("\\", "/").rpartition("/")[2]
    return home_of(message.context, f"{message.path('path').rstrip('/')}/{checked(name)}")


def _check_upload(upload: str) -> None:
    if not _UPLOAD.fullmatch(upload):
        raise invalid("upload_id", upload, "was not given by this server")


ENDPOINTS = (
    endpoint("POST", "/mpu/create/{path:path}", create, "Begin an upload in parts.", WRITE, prefix=PROXY),
    endpoint("POST", "/mpu/complete/{path:path}", complete, "Make one file of all parts.", WRITE, prefix=PROXY),
    endpoint("POST", "/mpu/abort/{path:path}", abort, "Give an upload up.", WRITE, prefix=PROXY),
    Endpoint(
        "PUT", PROXY + "/mpu/part/{upload}/{number}", receive_part, "Keep a part.", WRITE, body=ANY,
        answer="application/json",
    ),
)  # fmt: skip
