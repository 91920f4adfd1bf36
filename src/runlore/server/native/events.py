"""The events of a run, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runlore.server.endpoint import Endpoint, Parameter
from runlore.server.native.asking import RUN, find_run
from runlore.server.native.values import Number, number, param
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.endpoint import Call
    from runlore.store.content import StoredEvent

MAX_EVENTS = 10_000


class EventInfo(msgspec.Struct):
    """One fact that was recorded."""

    time_ms: float
    kind: str
    key: str
    value: Any
    step: Number
    writer: str
    extra: dict[str, Any]


class Events(msgspec.Struct):
    """Events in time order."""

    events: list[EventInfo]
    next_cursor: str | None


def events(call: Call) -> Events:
    """A page of events. Points of series are not among them."""
    kinds = call.texts("kinds")
    limit = call.integer("limit", 1_000, low=1, high=MAX_EVENTS)
    after = _place(call.text("cursor"))
    run = find_run(call)
    found = call.context.session.open_run(run).events(kinds or None)
    left = found if after is None else [event for event in found if _place_of(event) > after]
    page = left[:limit]
    more = len(left) > limit
    return Events([_info(event) for event in page], ":".join(map(str, _place_of(page[-1]))) if more else None)


def _place_of(event: StoredEvent) -> tuple[int, str, int]:
    return event.time_ns, event.writer, event.sequence


def _place(cursor: str | None) -> tuple[int, str, int] | None:
    if cursor is None:
        return None
    time, _, rest = cursor.partition(":")
    writer, _, sequence = rest.rpartition(":")
    if not (time.removeprefix("-").isdecimal() and sequence.isdecimal() and len(time) < 21 and len(sequence) < 21):
        raise Problem(400, f"cursor={cursor[:100]!r} is none that this server gave", field="cursor", value=cursor[:100])
    return int(time), writer, int(sequence)


def _info(event: StoredEvent) -> EventInfo:
    return EventInfo(
        event.time_ns / 1e6, event.kind, event.key, param(event.value), number(event.step), event.writer,
        param(dict(event.extra)),
    )  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "GET", "/runs/{uid:text}/events", events, "The events of a run, in time order.", path_parameters=[RUN],
        parameters=[
            Parameter("kinds", "Only these: note, alert, status …", repeated=True),
            Parameter("limit", f"How many, at most {MAX_EVENTS:,}.", {"type": "integer", "minimum": 1}),
            Parameter("cursor", "`next_cursor` of the page before."),
        ],
        answer=Events, problems=[404],
    ),
)  # fmt: skip
