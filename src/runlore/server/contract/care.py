"""Housekeeping, where the files are: sealing, removing, looking for damage, archives of runs."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from runlore.scratch import scratch_directory
from runlore.server.contract.asking import uids_of
from runlore.server.contract.calls import HEADERS, answer, arguments, changing, told
from runlore.server.endpoint import ADMIN, READ, WRITE, Endpoint
from runlore.server.problems import Problem
from runlore.store import keeping
from runlore.wire import points, text
from runlore.wire.text import Garbled, expect, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from runlore.server.endpoint import Call

ARCHIVE = "application/gzip"
_PIECE_BYTES = 1 << 20
_NUMBER = (int, float)


def keep(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """A task of housekeeping: what its function returns, by the names of the fields."""
    task, about = expect(sent.get("task"), str, "task"), expect(sent.get("arguments", {}), dict, "arguments")
    session = call.context.session
    if task == keeping.SEAL:
        from runlore.housekeeping.sealing import seal

        return seal(session, force=_flag(about, "force"))._asdict()
    if task == keeping.EXAMINE:
        from runlore.housekeeping.doctor import examine

        session.refresh()
        found = examine(session, repair=_flag(about, "repair"), quick=_flag(about, "quick"))
        return {"findings": [item._asdict() for item in found]}
    if task == keeping.COLLECT:
        from runlore.housekeeping.garbage import collect

        session.refresh()
        older_s, grace_s = (_seconds(about, name) for name in ("older_than_s", "grace_s"))
        removed = [(uid, digest) for uid, digest in map(_pair, expect(about.get("removed", []), list, "removed"))]
        return collect(
            session, older_than_s=older_s, grace_s=grace_s, dry_run=_flag(about, "dry_run"), removed=removed
        )._asdict()  # fmt: skip
    raise Garbled(f"task={task!r:.60} is none of {keeping.COLLECT}, {keeping.EXAMINE} and {keeping.SEAL}")


def _flag(about: dict[str, Any], name: str) -> bool:
    return bool(expect(about.get(name, False), bool, name))


def _seconds(about: dict[str, Any], name: str) -> float:
    seconds = expect(about.get(name), _NUMBER, name)
    if not 0 <= seconds < 1e9:
        raise Garbled(f"{name}={seconds} should be a number of seconds")
    return float(seconds)


def _pair(value: Any) -> list[str]:
    pair = texts(value, "what is treated as removed")
    if len(pair) != 2:
        raise Garbled("what is treated as removed should be a uid and a digest")
    return pair


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
        "POST", "/store/keep", changing(keep), "Housekeeping: `seal`, `examine` or `collect`.", ADMIN,
        body=text.MEDIA_TYPE, answer=text.MEDIA_TYPE, problems=[409, 413, 415, 503, 507],
        example={"task": "examine", "arguments": {"quick": True}}, audited=lambda call: str(arguments(call)["task"]),
    ),
    Endpoint(
        "POST", "/store/pack", pack, "An archive of runs, as `runlore export` writes it.", READ, body=text.MEDIA_TYPE,
        answer=points.MEDIA_TYPE, problems=[404, 409, 413, 415, 507], example={"uids": ["0" * 32]},
    ),
    Endpoint(
        "PUT", "/store/archive", take_in, "Add the runs of an archive.", WRITE, body=ARCHIVE, answer=text.MEDIA_TYPE,
        problems=[409, 413, 507], audited=lambda _: "archive",
    ),
)  # fmt: skip
