"""Points and events of several runs as one stream, and the events of a run as they come."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from runlore.errors import RunloreError, RunNotFound
from runlore.server.compression import compress_stream
from runlore.server.contract.asking import uids_of
from runlore.server.contract.calls import HEADERS, answering, arguments, told
from runlore.server.contract.followers import Followers
from runlore.server.contract.storing import run_of
from runlore.server.endpoint import Endpoint
from runlore.store.content import StoredEvent
from runlore.wire import points, problems, records, text
from runlore.wire.text import expect, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.responses import Response

    from runlore.server.endpoint import Call

MOST_RUNS = 100_000
"""Runs in one request."""


def read_points(call: Call) -> Response:
    """See `Store.points`."""
    sent = arguments(call)
    uids, names, experiment = _wanted(sent, "keys")
    found = call.context.store.points(uids, names, experiment=experiment)
    return _stream(call, sent, (part for uid, one in found for part in points.pack_points(uid, one)))


def read_events(call: Call) -> Response:
    """See `Store.events`."""
    sent = arguments(call)
    uids, names, experiment = _wanted(sent, "kinds")
    found = call.context.store.events(uids, names, experiment=experiment)
    return _stream(
        call, sent, (points.part({"uid": uid, "events": records.pack(StoredEvent, events)}) for uid, events in found)
    )


def _wanted(sent: dict[str, Any], what: str) -> tuple[list[str], list[str] | None, str | None]:
    names = sent.get(what)
    experiment = expect(sent.get("experiment"), (str, type(None)), "experiment")
    return uids_of(sent)[:MOST_RUNS], None if names is None else texts(names, what), experiment or None


def _stream(call: Call, sent: dict[str, Any], parts: Iterator[bytes]) -> Response:
    """The parts, as they are made. What goes wrong before the first one is an answer of its own."""
    try:
        first = next(parts, None)
    except OSError as error:
        raise told(error) from error
    if first is None and sent.get("strict"):
        raise RunNotFound(f"run {', '.join(texts(sent.get('uids'), 'uids'))[:200]} is not in the store any more")
    whole = _guarded(chain([] if first is None else [first], parts), call.context.without_place)
    return compress_stream(call.request, StreamingResponse(whole, 200, HEADERS, media_type=points.MEDIA_TYPE))


def _guarded(parts: Iterator[bytes], hide: Callable[[str], str]) -> Iterator[bytes]:
    try:
        yield from parts
    except RunloreError as error:
        packed = problems.pack(error)
        yield points.part({"problem": {**packed, "detail": hide(packed["detail"])}})
    except OSError as error:
        yield points.part({"problem": problems.pack(told(error))})
    yield points.END


def follow(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Follower.poll`: the events since the cursor, and the next cursor."""
    kinds, cursor = sent.get("kinds"), expect(sent.get("cursor", {}), dict, "cursor")
    for sequence in cursor.values():
        expect(sequence, int, "a sequence in the cursor")
    wanted = None if kinds is None else texts(kinds, "kinds")
    events, after = call.context.part(Followers).poll(
        run_of(call, sent), expect(sent.get("follower"), str, "follower"), wanted, cursor
    )
    return {"events": records.pack(StoredEvent, events), "cursor": after}


_BODY = {"uids": ["0" * 32], "experiment": "iris"}

ENDPOINTS = (
    Endpoint(
        "POST", "/store/points", read_points, "The points of several runs, as a binary stream.", body=text.MEDIA_TYPE,
        answer=points.MEDIA_TYPE, problems=[404, 409, 413, 415], example={**_BODY, "keys": ["loss"]},
    ),
    Endpoint(
        "POST", "/store/events", read_events, "The events of several runs, as a stream.", body=text.MEDIA_TYPE,
        answer=points.MEDIA_TYPE, problems=[404, 409, 413, 415], example={**_BODY, "kinds": ["note"]},
    ),
    Endpoint(
        "POST", "/store/follow", answering(follow), "The events of a run since the last time.", body=text.MEDIA_TYPE,
        answer=text.MEDIA_TYPE, problems=[404, 409, 413, 415],
        example={"uid": "0" * 32, "follower": "1" * 32, "kinds": ["log"], "cursor": {}},
    ),
)  # fmt: skip
