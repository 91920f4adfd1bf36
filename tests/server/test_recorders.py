"""Recorders that a server keeps open: only so many, none closed while it is used, all of them anew when needed."""

from __future__ import annotations

import threading

import pytest

from runlore.errors import RunNotFound
from runlore.reader.session import Session
from runlore.run.recording import begin_run
from runlore.server.problems import Problem
from runlore.server.recorders import Recorders
from runlore.store import open_store


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


def begin(store, recorders, **known):
    begun = begin_run(store, "x")
    recorders.adopt(begun, **known)
    return begun.uid


def values(store, uid):
    return sorted(store.open_run(uid).points().value.tolist())


def test_the_one_that_was_used_least_recently_is_closed_and_comes_back(store):
    recorders = Recorders(store, most=2)
    uids = [begin(store, recorders) for _ in range(3)]
    assert [recorders.is_open(uid) for uid in uids] == [False, True, True]
    for number, uid in enumerate(uids):
        with recorders.hold(uid) as held:
            held.recorder.scalar("m", number)
    assert [recorders.is_open(uid) for uid in uids] == [False, True, True]
    assert len(recorders) == 2
    recorders.close()
    assert [values(store, uid) for uid in uids] == [[0], [1], [2]]


def test_none_is_closed_while_it_is_used(store):
    recorders = Recorders(store, most=1)
    uid = begin(store, recorders)
    with recorders.hold(uid) as held:
        held.recorder.scalar("m", 1)
        for _ in range(3):
            begin(store, recorders)
        held.recorder.scalar("m", 2)
    recorders.close()
    assert values(store, uid) == [1, 2]


def test_idle_ones_are_closed(store):
    recorders = Recorders(store, named_idle_s=0)
    uid = begin(store, recorders)
    with recorders.hold(uid, "a" * 32) as held:
        held.recorder.scalar("m", 1)
        recorders.close_idle()
        assert recorders.is_open(uid, "a" * 32)  # it is used
    recorders.close_idle()
    assert (recorders.is_open(uid), recorders.is_open(uid, "a" * 32)) == (True, False)
    recorders.close()


def test_a_run_that_ended_elsewhere_does_not_live_on(store, monkeypatch):
    monkeypatch.setattr("runlore.server.recorders.LOOK_S", 0)
    ours, theirs = Recorders(store, Session(store).index), Recorders(store)  # as of two workers
    uid, other = begin(store, ours), begin(store, ours)
    with theirs.hold(uid) as held:
        held.recorder.stop("succeeded", {"status": "succeeded"})
        held.close()
    assert store.open_run(uid).is_alive()[0]
    ours.close_ended()
    assert [store.open_run(run).is_alive()[0] for run in (uid, other)] == [False, True]
    with ours.hold(uid) as held:
        held.recorder.scalar("m", 1)
    ours.close()
    theirs.close()
    assert values(store, uid) == [1]


def test_while_the_server_ends_nothing_is_opened(store):
    recorders = Recorders(store)
    uid = begin(store, recorders)
    recorders.close()
    with pytest.raises(Problem) as raised, recorders.hold(uid):
        pass
    assert raised.value.status == 503
    assert not store.open_run(uid).is_alive()[0]


def test_a_closed_run_is_opened_again_by_its_next_record(store):
    recorders = Recorders(store)
    uid = begin(store, recorders)
    with recorders.hold(uid) as held:
        held.recorder.scalar("m", 1)
        held.close()
        assert not recorders.is_open(uid)
        held.recorder.scalar("m", 2)
    recorders.forget(uid)
    with recorders.hold(uid) as held:
        held.recorder.scalar("m", 3)
    recorders.close()
    assert values(store, uid) == [1, 2, 3]


def test_the_servers_own_runs_end_with_it(store):
    recorders = Recorders(store)
    own, other = begin(store, recorders, ends=True), begin(store, recorders)
    recorders.close()
    session = Session(store).refresh()
    assert (session.find(own).status, session.find(other).status) == ("succeeded", "crashed")


def test_a_run_that_is_not_there(store):
    with pytest.raises(RunNotFound), Recorders(store).hold("0" * 32):
        pass


def test_threads_share_them(store):
    recorders = Recorders(store, most=2)
    uids = [begin(store, recorders) for _ in range(6)]

    def record(place):
        for number in range(60):
            with recorders.hold(uids[(place + number) % 6]) as held:
                held.recorder.scalar("m", place * 1_000 + number)

    threads = [threading.Thread(target=record, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorders.close()
    found = sorted(value for uid in uids for value in values(store, uid))
    assert found == sorted(place * 1_000 + number for place in range(6) for number in range(60))
