"""Recorders that a server keeps open: only so many, none closed while it is used, all of them anew when needed."""

from __future__ import annotations

import threading

import pytest

from runlore.errors import RunNotFound
from runlore.run.recording import begin_run
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
    recorders = Recorders(store, idle_s=0)
    first = begin(store, recorders)
    begin(store, recorders)
    assert not recorders.is_open(first)


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
    from runlore.reader.session import Session

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
