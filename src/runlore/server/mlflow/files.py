"""The artifacts of a run as files in folders: which there are, how they come and go."""

from __future__ import annotations

import mimetypes
import os
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from runlore import model
from runlore.errors import ArtifactNotFound
from runlore.scratch import scratch_directory
from runlore.server.mlflow.homes import is_seen
from runlore.server.mlflow.logging import held
from runlore.server.mlflow.message import MISSING, MlflowError
from runlore.server.mlflow.reading import open_run
from runlore.server.problems import Problem
from runlore.store.annotate import REMOVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from runlore.server.context import Context
    from runlore.server.mlflow.homes import Home
    from runlore.store.base import Store

_PIECE_BYTES = 1 << 20


class File(NamedTuple):
    """One file, in its latest version."""

    name: str
    digest: str
    size: int
    media_type: str | None


def files(context: Context, uid: str, prefix: str = "") -> dict[str, File]:
    """The files of a run below a prefix, by their names below it.

    Raises:
        MlflowError: there is no such run.
    """
    found: dict[str, File] = {}
    for event in open_run(context, uid).events([model.ARTIFACT, REMOVED]):
        if not event.key.startswith(prefix) or not (prefix or is_seen(event.key)):
            continue
        name, value = event.key[len(prefix) :], event.value if isinstance(event.value, dict) else {}
        digest = value.get("digest")
        if event.kind == REMOVED:
            if name in found and found[name].digest == digest:
                del found[name]
        elif isinstance(digest, str):
            found[name] = File(name, digest, int(value.get("size") or 0), value.get("media_type"))
    return found


def listing(known: dict[str, File], folder: str) -> list[dict[str, Any]]:
    """What is directly in a folder; empty where that is a file, or nothing."""
    start = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for name, file in known.items():
        if name.startswith(start):
            first, slash, _ = name[len(start) :].partition("/")
            path = start + first
            found[path] = {"path": path, "is_dir": True} if slash else _document(path, file)
    return [found[path] for path in sorted(found)]


def _document(path: str, file: File) -> dict[str, Any]:
    return {"path": path, "is_dir": False, **({"file_size": file.size} if file.size else {})}


# -- coming -----------------------------------------------------------------------------------------------------------


async def receive(context: Context, request: Request) -> tuple[str, int]:
    """Keep what a request brings, whatever its size; its SHA-256 and size.

    Raises:
        Problem: it is larger than the settings allow (413), or was not sent to its end (400).
    """
    limit, size = context.settings.max_upload_bytes, 0
    pieces: list[bytes] = []
    waiting = 0
    opened = None
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise Problem(413, f"the file has more than {limit} bytes", limit=limit)
            pieces.append(piece)
            waiting += len(piece)
            if waiting >= _PIECE_BYTES:
                if opened is None:
                    opened = tempfile.NamedTemporaryFile(dir=scratch_directory(), delete=False)  # noqa: SIM115 - closed below
                await run_in_threadpool(opened.writelines, pieces)
                pieces, waiting = [], 0
        if opened is None:
            return await run_in_threadpool(context.store.put_bytes, b"".join(pieces))
        await run_in_threadpool(opened.writelines, pieces)
        opened.close()
        return await run_in_threadpool(context.store.put_file, opened.name)
    except ClientDisconnect:
        raise Problem(400, "the request broke off before its end") from None
    finally:
        if opened is not None:
            opened.close()
            os.unlink(opened.name)


def record(context: Context, home: Home, digest: str, size: int) -> None:
    """Record that a run has a file."""
    name = home.prefix + home.name
    kind = "model" if name.endswith("/MLmodel") else "file"
    about = {
        "digest": digest, "size": size, "kind": kind,
        "media_type": mimetypes.guess_type(home.name)[0] or "application/octet-stream",
    }  # fmt: skip
    with held(context, home.run) as found:
        found.recorder.event(model.ARTIFACT, name, about)


# -- going ------------------------------------------------------------------------------------------------------------


def send(store: Store, file: File) -> Response:
    """A file as it is sent: for saving, never for showing within this server's pages.

    Raises:
        MlflowError: its contents are gone.
    """
    try:
        content = store.open_content(file.digest)
    except ArtifactNotFound:
        raise MlflowError(f"The contents of {file.name!r} are gone", MISSING) from None

    def pieces() -> Iterator[bytes]:
        with content:
            while piece := content.read(_PIECE_BYTES):
                yield piece

    base = file.name.rpartition("/")[2]
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(base, safe='')}",
        "content-length": str(file.size),
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(pieces(), headers=headers, media_type=file.media_type or "application/octet-stream")


def remove(context: Context, home: Home) -> None:
    """Remove a file, or all that is in a folder: contents that nothing else has go with the next `runlore gc`."""
    known = files(context, home.run, home.prefix)
    gone = [
        file for name, file in known.items() if not home.name or name == home.name or name.startswith(f"{home.name}/")
    ]
    if not gone:
        return
    with held(context, home.run) as found:
        for file in gone:
            about = {"digest": file.digest, "reason": "deleted by a client of MLflow"}
            found.recorder.event(REMOVED, home.prefix + file.name, about)
