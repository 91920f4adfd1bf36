"""A server whose disk is full says so in the form of each protocol, confirms nothing that it lost, and is read on."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress

import httpx
import pytest
from tests.reader.made_runs import make_run
from tests.server.faults.clients import ARTIFACTS, MLFLOW
from tests.server.live import serving

import runlore
from runlore.server.accounts.book import Book, place_of
from runlore.store import open_store


@contextmanager
def full(disk):
    """For the block, no byte is free on the disk."""
    filler = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1 << 20, 4096):
            with suppress(OSError):
                while os.write(filler, bytes(size)):
                    pass
        yield
    finally:
        os.close(filler)
        os.unlink(disk / "filler")


@pytest.fixture
def store(disk):
    place = open_store(disk / "store", create=True)
    make_run(place)
    return place.location


@pytest.fixture
def client(store):
    with serving(store) as address, httpx.Client(base_url=address, timeout=30) as opened:
        opened.post("/api/v1/runs/table", json={}).raise_for_status()
        yield opened


def begin(client):
    made = client.post(f"{MLFLOW}/runs/create", json={"experiment_id": "0"})
    return made, made.json().get("run", {}).get("info", {}).get("run_id")


def log(client, uid, steps):
    points = [{"key": "loss", "value": 0.5, "step": step, "timestamp": 1} for step in steps]
    return client.post(f"{MLFLOW}/runs/log-batch", json={"run_id": uid, "metrics": points})


def steps_of(store, uid):
    """Every step of every point, also of those that are there twice."""
    return sorted(runlore.get_run(uid, store=store).metric("loss")["step"])


def test_mlflows_clients_are_told_of_every_point_that_was_not_kept(disk, store, client):
    _, uid = begin(client)
    confirmed = list(range(2_000))
    assert log(client, uid, confirmed[:1_000]).status_code == log(client, uid, confirmed[1_000:]).status_code == 200
    with full(disk):
        for first in range(2_000, 1_000_000, 1000):
            answer = log(client, uid, range(first, first + 1000))
            if answer.status_code != 200:
                break
            confirmed += range(first, first + 1000)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert "disk is full" in answer.json()["message"]
        assert steps_of(store, uid) == confirmed, "a batch that is refused leaves nothing"
    again = range(first, first + 1000)
    assert log(client, uid, again).status_code == 200
    assert steps_of(store, uid) == [*confirmed, *again]
    assert runlore.get_run(uid, store=store).lost == 0
    asked = {"run_id": uid, "metric_key": "loss", "max_results": 25_000}
    found = [point["step"] for point in client.get(f"{MLFLOW}/metrics/get-history", params=asked).json()["metrics"]]
    assert sorted(found) == [*confirmed, *again]


def a_batch(uid, number, size):
    return {
        "run_id": uid,
        "metrics": [{"key": f"m{at}", "value": number, "step": number, "timestamp": 1} for at in range(20)],
        "params": [{"key": f"p{number}.{at}", "value": "é" * (size // 2)} for at in range(5)],
        "tags": [{"key": f"t{number}.{at}", "value": "x" * size} for at in range(5)],
    }


@pytest.mark.parametrize("size", [2_000, 6_000])
def test_of_a_batch_all_is_kept_or_nothing_whatever_is_in_it(disk, store, client, size):
    """Points of new metrics, params and tags, of which some take a frame of their own."""
    _, uid = begin(client)
    kept = 0
    with full(disk):
        for round_ in range(3):
            os.truncate(disk / "filler", os.stat(disk / "filler").st_size - (1_000_000 << round_))
            for number in range(kept, kept + 2_000):
                answer = client.post(f"{MLFLOW}/runs/log-batch", json=a_batch(uid, number, size))
                if answer.status_code != 200:
                    break
            assert number > kept
            kept = number
    run = runlore.get_run(uid, store=store)
    assert answer.status_code == 503
    assert run.lost == 0
    assert [len(run.metric(f"m{at}")["step"]) for at in (0, 19)] == [kept, kept]
    assert len(run.params) == 5 * kept
    assert sum(key.startswith("t") for key in run.tags) == 5 * kept


def test_what_cannot_begin_leaves_nothing(disk, store, client):
    _, uid = begin(client)
    before, shown = set(runlore.runs(store=store)["uid"]), client.post("/api/v1/runs/table", json={}).json()["uids"]
    with full(disk):
        made, _ = begin(client)
        assert (made.status_code, made.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        put = client.put(f"{ARTIFACTS}/0/{uid}/artifacts/a", content=b"x" * 5000)
        assert (put.status_code, put.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        content = b"x" * 5000
        digest = hashlib.sha256(content).hexdigest()
        sent = client.put(f"/api/v1/send/contents/{digest}", params={"size": 5000}, content=content)
        assert (sent.status_code, sent.json()["title"]) == (507, "There is no room for it")
        table = client.post("/api/v1/runs/table", json={})
        assert table.status_code == 200
        assert set(shown) <= set(table.json()["uids"]) <= before
        assert client.get("/ready").status_code == 200
    assert set(runlore.runs(store=store)["uid"]) == before
    assert begin(client)[0].status_code == 200


def test_a_token_holds_though_its_use_cannot_be_written_down(disk, store):
    book = Book(place_of(store), create=True)
    book.people.add_user("ada", is_service=True)
    book.people.grant(book.people.user("ada"), "**", "editor")
    _, token = book.keys.make_token(book.people.user("ada"), "tests", ["read"])
    with full(disk):
        assert book.keys.by_token(token).name == "ada"
    assert book.keys.by_token(token).name == "ada"
    assert book.keys.tokens("ada")[0].used_s is not None
    book.close()
