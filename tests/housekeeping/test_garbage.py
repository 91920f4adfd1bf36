from __future__ import annotations

import hashlib
import json
import os
import threading

import pytest
from stores import contents, record, session

import runlore
from runlore.errors import ReadOnlyStore
from runlore.housekeeping import collect
from runlore.housekeeping.references import referred
from runlore.store.annotate import REMOVED
from runlore.store.content import StoredEvent


def age(path: str, seconds: float) -> None:
    found = os.stat(path)
    os.utime(path, (found.st_atime - seconds, found.st_mtime - seconds))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_runs_refer_to_stays(root):
    record(root, artifact=b"kept")
    found = collect(session(root), grace_s=0)
    assert (found.blobs, found.runs, found.freed_bytes, found.kept) == ([], [], 0, [])
    assert contents(root) == {digest(b"kept")}


def test_contents_that_two_runs_share_stay_with_one_of_them(root):
    first = record(root, artifact=b"shared")
    record(root, artifact=b"shared")
    runlore.get_run(first, store=root).delete()
    found = collect(session(root), older_than_s=0, grace_s=0)
    assert found.runs == [first]
    assert found.blobs == []


def test_a_dry_run_says_the_same_and_does_nothing(root):
    uid = record(root, artifact=b"model")
    runlore.get_run(uid, store=root).delete()
    directory = runlore.get_run(uid, store=root).directory
    planned = collect(session(root), older_than_s=0, grace_s=0, dry_run=True)
    assert os.path.isdir(directory)
    assert contents(root) == {digest(b"model")}
    done = collect(session(root), older_than_s=0, grace_s=0)
    assert (planned.runs, planned.blobs, planned.freed_bytes) == (done.runs, done.blobs, done.freed_bytes)
    assert not os.path.isdir(directory)
    assert contents(root) == set()


def test_a_number_is_not_given_out_again(root):
    runlore.get_run(record(root), store=root).delete()
    collect(session(root), older_than_s=0)
    assert runlore.get_run(record(root), store=root).number == 2


def test_a_run_that_is_recorded_is_not_removed(root):
    with runlore.start("iris", store=root, capture=False) as run:
        runlore.get_run(run.uid, store=root).delete()
        assert collect(session(root), older_than_s=0).runs == []
        run.log_metric("loss", 1)
    assert collect(session(root), older_than_s=0).runs == [run.uid]


def test_young_contents_survive_without_their_event(root):
    """A program puts contents first, and records the artifact a moment later."""
    record(root)
    store = session(root).store
    store.put_bytes(b"an event follows")
    assert collect(session(root)).blobs == []
    age(store.blob_path(digest(b"an event follows")), 7200)
    assert collect(session(root)).blobs == [digest(b"an event follows")]


def test_old_contents_that_are_put_again_are_young(root):
    record(root)
    store = session(root).store
    store.put_bytes(b"again")
    age(store.blob_path(digest(b"again")), 7200)
    store.put_bytes(b"again")
    assert collect(session(root)).blobs == []


def test_leftovers_of_writers_that_died(root):
    record(root)
    path = os.path.join(root, "blobs", "0.tmp")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"half a fi")
    os.makedirs(os.path.join(root, "trash", "half-removed"))
    assert collect(session(root)).leftovers == []
    age(path, 7200)
    age(os.path.join(root, "trash", "half-removed"), 7200)
    found = collect(session(root))
    assert (len(found.leftovers), found.freed_bytes) == (2, 9)
    assert not os.path.exists(path)
    assert os.listdir(os.path.join(root, "trash")) == []


def test_damage_keeps_all_contents(root):
    uid = record(root, artifact=b"model")
    run = runlore.get_run(uid, store=root)
    (journal,) = os.listdir(os.path.join(run.directory, "journal"))
    path = os.path.join(run.directory, "journal", journal)
    with open(path, "r+b") as file:
        data = file.read()
        place = data.index(digest(b"model").encode())
        file.seek(place)
        file.write(b"?")
    found = collect(session(root), grace_s=0)
    assert found.blobs == []
    assert uid in found.kept[0]
    assert contents(root) == {digest(b"model")}


def test_what_cards_refer_to_stays(root):
    record(root)
    session(root).store.put_bytes(b"a card's model")
    place = os.path.join(root, "cards", "model", "default", "iris", "1.0.0")
    os.makedirs(place)
    with open(os.path.join(place, "card.json"), "w") as file:
        json.dump({"artifacts": [{"digest": digest(b"a card's model")}]}, file)
    assert collect(session(root), grace_s=0).blobs == []


def test_collecting_while_runs_log_artifacts_loses_none(root):
    record(root)
    stop = threading.Event()
    logged: list[bytes] = []

    def write():
        with runlore.start("busy", store=root, capture=False) as run:
            while not stop.is_set():
                content = os.urandom(32)
                run.log_artifact(content, "x")
                logged.append(content)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(10):
        assert collect(session(root)).blobs == []
    stop.set()
    writer.join()
    assert {digest(content) for content in logged} <= contents(root)


def test_a_read_only_store(root, monkeypatch):
    record(root)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ReadOnlyStore):
        collect(session(root))
    collect(session(root), dry_run=True)


def event(time: int, kind: str, value: object) -> StoredEvent:
    return StoredEvent("w", time, time, None, kind, "key", value, {})


def test_references_in_any_event_and_removals():
    one, two, three = (digest(bytes([n])) for n in range(3))
    events = [
        event(1, "artifact", {"digest": one, "masks": [{"digest": two}]}),
        event(2, "custom", f"sha256:{three}"),
        event(3, "param", digest(b"a param is no reference")),
        event(4, "artifact", {"digest": one + "0"}),
    ]
    assert referred(events) == {one, two, three}
    removal = event(5, REMOVED, {"digest": one, "reason": "old"})
    assert referred([*events, removal]) == {two, three}
    assert referred([*events, removal, event(6, "artifact", {"digest": one})]) == {one, two, three}


def test_what_a_killed_deletion_left_goes(root):
    record(root)
    left = os.path.join(root, "removed", f"{'0' * 32}-{'1' * 32}")
    os.makedirs(left)
    with open(os.path.join(left, "metrics.parquet"), "wb") as file:
        file.write(b"x" * 1000)
    assert collect(session(root)).leftovers == []
    found = collect(session(root), grace_s=0)
    assert (found.leftovers, found.freed_bytes) == ([left], 1000)
    assert not os.path.exists(left)
