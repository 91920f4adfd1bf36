"""Archives of runs, packed and taken in where the files are."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from runlore.scratch import scratch_directory
from runlore.server.contract.asking import uids_of
from runlore.server.contract.calls import HEADERS, answer, arguments, told
from runlore.server.endpoint import READ, WRITE, Endpoint
from runlore.server.problems import Problem
from runlore.wire import points, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from runlore.server.endpoint import Call

ARCHIVE = "application/gzip"
_PIECE_BYTES = 1 << 20


def pack(call: Call) -> Response:
    """An archive of runs, as a stream of parts; the last one names those that cannot be read."""
    from runlore.housekeeping.archive import export_archive
    from runlore.reader.run_view import RunView

    session = call.context.session.refresh()
    views = [RunView(session, run) for run in session.index.runs(uids_of(arguments(call)))]
    damaged: list[list[str]] = []
    file = tempfile.TemporaryFile(dir=scratch_directory())  # noqa: SIM115 - it is closed when it was sent
    try:
        export_archive(session.store, views, file, damaged=lambda view, error: damaged.append([view.uid, str(error)]))
    except BaseException as error:
        file.close()
        if isinstance(error, OSError):
            raise told(error) from error
        raise
    return StreamingResponse(_parts(file, damaged), 200, HEADERS, media_type=points.MEDIA_TYPE)


def _parts(file: BinaryIO, damaged: list[list[str]]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield points.part({"archive": len(piece)}, piece)
    yield points.part({"damaged": damaged})
    yield points.END


async def take_in(call: Call) -> Response:
    """Add the runs of an archive to the store."""
    from runlore.housekeeping.archive import Limits, import_archive

    call.context.check_everywhere(WRITE)
    limits = Limits(call.integer("size_bytes", 0) or None, call.integer("files", 1_000_000), call.integer("depth", 128))
    most, size = call.context.settings.max_upload_bytes, 0

    def add() -> dict[str, Any]:
        file.seek(0)
        done = import_archive(call.context.served, file, limits=limits)
        renumbered, clashes = [run._asdict() for run in done.renumbered], [clash._asdict() for clash in done.clashes]
        return {**done._asdict(), "renumbered": renumbered, "clashes": clashes}

    try:
        with tempfile.TemporaryFile(dir=scratch_directory()) as file:
            async for piece in call.request.stream():
                size += len(piece)
                if size > most:
                    raise Problem(413, f"the archive has more than {most} bytes", limit=most)
                await run_in_threadpool(file.write, piece)
            return answer(await run_in_threadpool(add))
    except ClientDisconnect:
        raise Problem(400, "the archive broke off before its end; nothing was added") from None
    except OSError as error:
        raise told(error) from error


ENDPOINTS = (
    Endpoint(
        "POST", "/store/pack", pack, "An archive of runs, as `runlore export` writes it.", READ, body=text.MEDIA_TYPE,
        answer=points.MEDIA_TYPE, problems=[404, 409, 413, 415, 507], example={"uids": ["0" * 32]},
    ),
    Endpoint(
        "PUT", "/store/archive", take_in, "Add the runs of an archive.", WRITE, body=ARCHIVE, answer=text.MEDIA_TYPE,
        problems=[409, 413, 507], audited=lambda _: "archive",
    ),
)  # fmt: skip
