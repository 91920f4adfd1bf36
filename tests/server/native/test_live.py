"""What changes is told as it changes, and nothing is lost where a stream broke off."""

from __future__ import annotations

import json
from contextlib import contextmanager

import httpx
from tests.reader.made_runs import make_run
from tests.server.live import serving


@contextmanager
def listening(address, **headers):
    """Events as (name, id, data), as they come."""

    def read(answer):
        event = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
            elif "event" in event:
                yield event["event"], event["id"], json.loads(event["data"])
                event = {}
            else:
                yield "open", None, None

    with httpx.stream("GET", f"{address}/api/v1/live", headers=headers, timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = read(answer)
        assert next(events)[0] == "open"
        yield events


def next_of(events, uid):
    """The id of the next event that names the run."""
    for name, place, data in events:
        if name == "runs" and uid in data["uids"]:
            return place
    raise AssertionError("the stream ended")


def test_a_change_is_told(address, store):
    old = make_run(store)
    with listening(address) as events:
        new = make_run(store)
        next_of(events, new)
        store.open_run(old).annotate([("tag", "a", "b")])
        next_of(events, old)


def test_a_stream_goes_on_where_it_broke_off(address, store):
    first = make_run(store)
    with listening(address) as events:
        recorder = store.open_run(first).record()
        recorder.scalar("loss", 1)
        place = next_of(events, first)
    second = make_run(store)
    recorder.close()
    with listening(address, **{"last-event-id": place}) as events:
        next_of(events, second)


def test_after_a_restart_everything_is_asked_for_anew(store_path, store):
    with serving(store_path) as address, listening(address) as events:
        uid = make_run(store)
        place = next_of(events, uid)
    with serving(store_path) as address, listening(address, **{"last-event-id": place}) as events:
        name, at, data = next(events)
        assert (name, data["uids"]) == ("reset", [])
        assert int(at) > int(place)
        store.open_run(uid).annotate([("tag", "a", "b")])
        next_of(events, uid)


def test_only_the_experiments_that_are_wanted(address, store):
    with httpx.stream("GET", f"{address}/api/v1/live?experiment=vision/*", timeout=20) as answer:
        lines = answer.iter_lines()
        next(lines)
        make_run(store, "iris")
        wanted = make_run(store, "vision/a")
        data = next(json.loads(line[6:]) for line in lines if line.startswith("data: ") and "uids" in line)
        assert data["uids"] == [wanted]


def test_a_place_that_is_none(client):
    assert client.get("/api/v1/live?since=x").status_code == 400
