"""Housekeeping, where the files are: sealing, removing, looking for damage. How far it is comes as it goes on.

The answer is a stream of parts: `progress`, as what was done and what is to be done, and at last `done`, or `problem`.
The work goes on to its end where the caller leaves; who asks again under the same key gets what came of it.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from runlore.errors import RunloreError
from runlore.server.contract.calls import HEADERS, arguments, changed_once, told
from runlore.server.endpoint import ADMIN, Endpoint
from runlore.store.keeping import COLLECT, EXAMINE, SEAL
from runlore.wire import points, problems, text
from runlore.wire.text import Garbled, expect, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.responses import Response

    from runlore.server.endpoint import Call

    Progress = Callable[[int, int], None]
    Task = Callable[[Progress], dict[str, Any]]

OFTEN_S = 0.2
"""How far it is is told at most so often."""

SILENCE_S = 10.0
"""And at least so often, so that nothing in between takes the answer for dead."""

_NUMBER = (int, float)


def keep(call: Call) -> Response:
    """A task of housekeeping: at last what its function returns, by the names of the fields."""
    sent = arguments(call)
    task = task_of(call, sent)
    news: SimpleQueue[Any] = SimpleQueue()

    def work() -> None:
        try:
            news.put(changed_once(call, lambda: task(lambda done, to_do: news.put((done, to_do)))))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is made
            news.put(error)

    threading.Thread(target=work, name="runlore-keeping", daemon=True).start()
    first = news.get()
    if isinstance(first, Exception):
        raise told(first) if isinstance(first, OSError) else first
    parts = _parts(first, news, call.context.without_place)
    return StreamingResponse(parts, 200, HEADERS, media_type=points.MEDIA_TYPE)


def _parts(item: Any, news: SimpleQueue[Any], hide: Callable[[str], str]) -> Iterator[bytes]:
    said_at = float("-inf")
    while isinstance(item, tuple):
        if monotonic() - said_at >= OFTEN_S:
            yield points.part({"progress": list(item)})
            said_at = monotonic()
        try:
            item = news.get(timeout=SILENCE_S)
        except Empty:
            said_at = float("-inf")  # the same once more
    if isinstance(item, OSError):
        item = told(item)
    if isinstance(item, RunloreError):
        packed = problems.pack(item)
        yield points.part({"problem": {**packed, "detail": hide(packed["detail"])}})
    elif isinstance(item, Exception):
        raise item
    else:
        yield points.part({"done": item})
    yield points.END


def task_of(call: Call, sent: dict[str, Any]) -> Task:
    """What a request asks for.

    Raises:
        Garbled: it asks for nothing that there is.
    """
    task, about = expect(sent.get("task"), str, "task"), expect(sent.get("arguments", {}), dict, "arguments")
    session = call.context.session
    if task == SEAL:
        from runlore.housekeeping.sealing import seal

        force = _flag(about, "force")
        return lambda progress: seal(session, force=force, progress=progress)._asdict()
    if task == EXAMINE:
        from runlore.housekeeping.doctor import examine

        repair, quick = _flag(about, "repair"), _flag(about, "quick")
        return lambda progress: {
            "findings": [
                item._asdict() for item in examine(session.refresh(), repair=repair, quick=quick, progress=progress)
            ]
        }
    if task == COLLECT:
        from runlore.housekeeping.garbage import collect

        older_s, grace_s, dry_run = _seconds(about, "older_than_s"), _seconds(about, "grace_s"), _flag(about, "dry_run")
        removed = [(uid, digest) for uid, digest in map(_pair, expect(about.get("removed", []), list, "removed"))]
        return lambda progress: collect(
            session.refresh(), older_than_s=older_s, grace_s=grace_s, dry_run=dry_run, removed=removed,
            progress=progress,
        )._asdict()  # fmt: skip
    raise Garbled(f"task={task!r:.60} is none of {COLLECT}, {EXAMINE} and {SEAL}")


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


ENDPOINTS = (
    Endpoint(
        "POST", "/store/keep", keep, "Housekeeping: `seal`, `examine` or `collect`, and how far it is.", ADMIN,
        body=text.MEDIA_TYPE, answer=points.MEDIA_TYPE, problems=[409, 413, 415, 503, 507],
        example={"task": "examine", "arguments": {"quick": True}}, audited=lambda call: str(arguments(call)["task"]),
    ),
)  # fmt: skip
