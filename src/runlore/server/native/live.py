"""What changes, as it changes: server-sent events, which go on where they broke off."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from runlore.query.globs import experiment_matcher
from runlore.server.endpoint import READ, Endpoint, Parameter, dump
from runlore.server.native.asking import EXPERIMENT, experiments_of
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from runlore.server.changes import Changed
    from runlore.server.endpoint import Call

PING_S = 15.0
"""Something is said at least so often, so that nothing in between takes the stream for dead."""
ASKED_S = 5.0
"""After so long, and before each event, it is asked again what the caller may see."""
FIRST_LOOK_S = 10.0
"""How long a stream waits until it is known how the runs are."""
PAUSE_S = 0.5
"""Between two events to one listener."""
MEDIA_TYPE = "text/event-stream"


class RunsChanged(msgspec.Struct):
    """Data of an event `runs`; of `reset` it has no uids."""

    uids: list[str]
    at: str


async def live(call: Call) -> StreamingResponse:
    """A stream that ends when the caller goes, or the server."""
    given = call.request.headers.get("last-event-id") or call.text("since")
    since = None if given is None else _place(given)
    wanted = experiment_matcher(experiments_of(call))
    return StreamingResponse(
        _events(_Watched(call), since, wanted), media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )  # fmt: skip


def _place(given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise Problem(400, f"since={given[:100]!r} should be the id of an event", field="since", value=given[:100])
    return int(given)


class _Watched:
    """What changes, as the caller may know it now: an open stream keeps no role that was taken.

    Attributes:
        changes: of the runs that it sees by now.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._admitted = call.context
        self.changes = call.context.changes

    async def ask_again(self) -> bool | None:
        """Whether the caller sees something else than before; None: it is let in no more."""
        request = self._call.request
        before = self._admitted.caller
        try:
            self._admitted = await self._admitted.access.admit(request, READ, request.app.state.context)
        except Problem:
            return None
        self.changes = self._admitted.changes
        return (self._admitted.caller.grants, self._admitted.caller.scopes) != (before.grants, before.scopes)


async def _events(watched: _Watched, given: int | None, wanted: Callable[[str], bool]) -> AsyncIterator[bytes]:
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    changes = watched.changes

    def tell() -> None:
        loop.call_soon_threadsafe(news.set)

    with changes.watching(tell):
        await run_in_threadpool(changes.wait_until_looking, FIRST_LOOK_S)
        since = changes.place() if given is None else given
        yield b"retry: 2000\n\n"
        news.set()
        said_at = monotonic()
        while True:
            has_news = await _waited(news, ASKED_S)
            has_other_roles = await watched.ask_again()
            if has_other_roles is None:
                return  # it asks anew, and is told why it is not let in
            if has_other_roles:
                yield _text("reset", changes.place(), [])
                said_at = monotonic()
            if has_news:
                news.clear()
                changed = await run_in_threadpool(watched.changes.since, since)
                if changed.is_over:
                    return
                text = _event(changed, wanted)
                if text is not None:
                    yield text
                    said_at = monotonic()
                since = changed.at
                await asyncio.sleep(PAUSE_S)
            if monotonic() - said_at >= PING_S:
                yield f"event: ping\nid: {since}\ndata: {{}}\n\n".encode()
                said_at = monotonic()


async def _waited(news: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(news.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True


def _event(changed: Changed, wanted: Callable[[str], bool]) -> bytes | None:
    if changed.runs is None:
        return _text("reset", changed.at, [])
    uids = [uid for uid, experiment in changed.runs.items() if wanted(experiment)]
    return _text("runs", changed.at, uids) if uids else None


def _text(name: str, at: int, uids: list[str]) -> bytes:
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), at, dump(RunsChanged(uids, str(at))))


ENDPOINTS = (
    Endpoint(
        "GET", "/live", live, "Which runs changed, as they change.", answer=MEDIA_TYPE,
        parameters=[Parameter("since", "The id of the last event that is known."), EXPERIMENT],
        about=(
            "Events: `runs` with the `uids` that changed, at most twice a second; `reset` where more changed than can "
            "be told; `ping`. `id` is the place after an event: a stream that broke off goes on after "
            "`Last-Event-ID`, or `since`. A run may be told of once too often, never once too little."
        ),
    ),
)  # fmt: skip
