"""How long a run was recorded for: what lies between its parts does not count."""

from __future__ import annotations

import itertools
import json
import shutil

import pytest

import runlore
from runlore.housekeeping.merge import merge
from runlore.model import new_uid
from runlore.reader.session import Session
from runlore.store import open_store
from runlore.store.content import StoredEvent
from runlore.store.detail import Detail
from runlore.store.sealed.sealing import seal_run
from runlore.testing import MemoryStore

S = 10**9
STOPPED = {"status": "succeeded"}

# (writer, time in s, kind, key, value); kind None: a point
ENDED = [("a", 10, "start", "start", {}), ("a", 15, None, "", None), ("a", 17, "stop", "stop", STOPPED)]
RESUMED = [*ENDED, ("b", 1000, "resume", "resume", {}), ("b", 1001, "stop", "stop", STOPPED)]
CRASHED = [("a", 10, "start", "start", {}), ("a", 15, None, "", None)]
RESUMED_AFTER_A_CRASH = [*CRASHED, ("b", 1000, "resume", "resume", {}), ("b", 1004, None, "", None)]
ENDED_BY_A_STATUS = [("a", 10, "start", "start", {}), ("a", 12, "status", "failed", "it broke"),
                     ("b", 50, "resume", "resume", {}), ("b", 51, "stop", "stop", STOPPED)]  # fmt: skip
WITH_RANKS = [
    ("a", 10, "start", "start", {}), ("r", 11, "resume", "join", {}), ("a", 17, "stop", "stop", STOPPED),
    ("r", 18, None, "", None), ("r", 19, "stop", "stop", STOPPED), ("b", 100, "resume", "resume", {}),
    ("c", 101, "resume", "join", {}), ("c", 102, None, "", None),
]  # fmt: skip
STILL_ALIVE = [
    ("a", 10, "start", "start", {}), ("a", 15, None, "", None), ("b", 20, "resume", "resume", {}),
    ("a", 30, None, "", None), ("b", 25, "stop", "stop", STOPPED),
]  # fmt: skip
TWICE = [
    *RESUMED, ("c", 2000, "resume", "resume", {}), ("c", 2003, None, "", None), ("d", 3000, "resume", "resume", {}),
    ("d", 3001, "stop", "stop", STOPPED),
]  # fmt: skip
CASES = [
    (ENDED, 7), (RESUMED, 8), (CRASHED, 5), (RESUMED_AFTER_A_CRASH, 9), (ENDED_BY_A_STATUS, 3), (WITH_RANKS, 11),
    (STILL_ALIVE, 15), (TWICE, 12), ([], 0), ([("a", 5, None, "", None), ("a", 8, None, "", None)], 3),
]  # fmt: skip


def detail_of(facts) -> Detail:
    detail = Detail()
    for number, (writer, time, kind, key, value) in enumerate(facts):
        detail.saw(writer, time * S, time * S)
        if kind is not None:
            detail.apply(StoredEvent(writer, number, time * S, None, kind, key, value, {}))
    return detail


@pytest.mark.parametrize(("facts", "seconds"), CASES)
def test_gaps_do_not_count_whatever_comes_first(facts, seconds):
    assert detail_of(facts).active_ns() == seconds * S
    orders = itertools.islice(itertools.permutations(facts), 0, None, max(1, len(facts) ** 4))
    for order in orders:
        detail = detail_of(order)
        assert detail.active_ns() == seconds * S
        assert Detail.load(detail.dump()).active_ns() == seconds * S


def test_what_was_dumped_before_it_knew_of_writers_is_read():
    old = json.dumps(json.loads(detail_of(RESUMED).dump())[:6])
    assert Detail.load(old).active_ns() == 8 * S
    assert Detail.load(json.dumps([{}, None, {}, [], None, 0])).active_ns() == 0


def record(store, facts) -> str:
    uid = new_uid()
    store.create_run("iris", uid)
    run = store.open_run(uid, experiment="iris")
    writers = {}
    for writer, time, kind, key, value in facts:
        recorder = writers.get(writer) or writers.setdefault(writer, run.record())
        if kind is None:
            recorder.scalar("loss", 1.0, time=time)
        else:
            recorder.event(kind, key, value, time_ns=time * S)
    for recorder in writers.values():
        recorder.close()
    return uid


@pytest.mark.parametrize(("facts", "seconds"), [case for case in CASES if case[0]])
@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_every_reader_says_how_long_a_run_was_recorded(tmp_path, kind, facts, seconds):
    store = MemoryStore() if kind == "memory" else open_store(tmp_path / "store", create=True)
    uid = record(store, facts)

    def check() -> None:
        view = runlore.get_run(uid, store=store)
        assert view.duration_s == seconds
        assert runlore.runs(store=store)["duration"].dt.total_seconds().tolist() == [seconds]
        assert len(runlore.runs(f"duration = {seconds}s", store=store)) == 1
        assert len(runlore.runs(f"duration > {seconds}s", store=store)) == 0
        view.set_tag("seen", "much later")
        assert view.duration_s == seconds

    check()
    if kind == "directory":
        assert seal_run(store, store.open_run(uid).directory).outcome == "sealed"
        check()


def test_copies_that_went_on_apart_are_put_together(tmp_path):
    ours = open_store(tmp_path / "ours", create=True)
    uid = record(ours, CRASHED)
    seal_run(ours, ours.open_run(uid).directory)
    shutil.copytree(ours.root, tmp_path / "theirs")
    theirs = open_store(tmp_path / "theirs")
    for store, begin, end in ((ours, 1000, 1004), (theirs, 2000, 2003)):
        run = store.open_run(uid)
        recorder = run.record()
        recorder.event("resume", "resume", {}, time_ns=begin * S)
        recorder.scalar("loss", 1.0, time=end)
        recorder.close()
        assert seal_run(store, run.directory).outcome == "sealed"
    merge(Session(ours).refresh(), theirs)
    assert runlore.get_run(uid, store=ours).duration_s == 5 + 4 + 3
