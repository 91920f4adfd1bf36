"""One refresh at a time, in one place, however many ask; none while nobody does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runlore.errors import NotReachable
from runlore.server import freshness
from runlore.server.freshness import Freshness


class Index:
    """Counts how often it is refreshed, and how often at once."""

    def __init__(self):
        self.times = self.at_once = self.most_at_once = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.begun = threading.Event()
        self.error = None
        self.alone, self.can_alone, self.error_alone = [], True, None

    def refresh_open(self, uids):
        self.alone.append(set(uids))
        if self.error_alone is not None:
            raise self.error_alone
        return self.can_alone

    def refresh(self):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.set()
        assert self.may_go_on.wait(10)
        self.times += 1
        self.at_once -= 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def index():
    return Index()


@pytest.fixture
def kept(index):
    made = Freshness(index, 0.5)
    yield made
    index.may_go_on.set()
    made.close()


def test_many_who_ask_wait_for_one_refresh(index, kept):
    index.may_go_on.clear()
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(kept.wait) for _ in range(20)]
        assert index.begun.wait(5)
        index.may_go_on.set()
        for one in waiting:
            one.result(5)
    assert (index.times, index.most_at_once) == (1, 1)


def test_now_is_later_than_the_call(index, kept):
    index.may_go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.wait)
        assert index.begun.wait(5)
        second = pool.submit(kept.wait_for_now)
        index.may_go_on.set()
        first.result(5)
        second.result(5)
    assert index.times >= 1
    assert index.most_at_once == 1
    before = index.times
    kept.wait_for_now()
    assert index.times > before


def test_while_requests_come_it_goes_on_by_itself_and_then_rests(index, kept, monkeypatch):
    monkeypatch.setattr(freshness, "AWAKE_S", 0.3)
    kept._every_s = 0.05
    kept.wait()
    rests = threading.Event()
    rests.wait(1.0)
    after = index.times
    assert after >= 3
    rests.wait(0.3)
    assert index.times == after


def test_whoever_watches_is_called_after_each(index, kept):
    seen = threading.Semaphore(0)
    with kept.watching(seen.release):
        assert seen.acquire(timeout=5)
        assert seen.acquire(timeout=5)
        assert kept.watchers() == 1
    assert kept.watchers() == 0


def test_an_index_that_fails_is_said_and_asked_again(index, kept, caplog):
    index.error = NotReachable("the disk is gone")
    kept.wait()
    assert "the disk is gone" in caplog.text
    index.error = None
    kept.wait_for_now()
    assert index.times >= 2


def test_an_index_that_takes_its_time_does_not_hold_up_for_ever(index, kept, monkeypatch):
    monkeypatch.setattr(freshness, "PATIENCE_S", 0.1)
    index.may_go_on.clear()
    kept.wait()
    assert index.times == 0


def test_what_was_written_through_the_server_is_waited_for_and_nothing_else(index):
    kept = Freshness(index, 1e6)  # so old may an answer be: nothing is refreshed for its age
    try:
        kept.wait()
        once = index.times
        kept.wait_for_written()
        assert index.times == once
        kept.wrote()
        kept.wait_for_written()
        assert index.times == once + 1
        kept.wait_for_written()
        assert index.times == once + 1
    finally:
        kept.close()


@pytest.fixture
def old(index):
    """One that refreshes nothing for its age, and has refreshed once."""
    made = Freshness(index, 1e6)
    made.wait()
    yield made
    made.close()


def test_runs_that_alone_were_written_to_are_refreshed_alone(index, old):
    old.wrote(["a"])
    old.wrote(["b"])
    old.wait_for_written()
    old.wait_for_written()
    assert (index.alone, index.times) == ([{"a", "b"}], 1)
    old.wrote(["a"])
    old.wrote()  # something else, too: all is refreshed, and the run with it
    old.wait_for_written()
    old.wait_for_written()
    assert (index.alone, index.times) == ([{"a", "b"}], 2)


@pytest.mark.parametrize("error", [None, NotReachable("gone")])
def test_where_runs_cannot_be_refreshed_alone_all_are(index, old, error):
    index.can_alone, index.error_alone = False, error
    old.wrote(["a"])
    old.wait_for_written()
    old.wait_for_written()
    assert (index.alone, index.times) == ([{"a"}], 2)


@pytest.mark.parametrize(("name", "count"), [("MOST_ALONE", 3), ("MOST_TOUCHED", 3)])
def test_many_runs_are_refreshed_with_all(index, old, monkeypatch, name, count):
    monkeypatch.setattr(freshness, name, count - 1)
    old.wrote([str(number) for number in range(count)])
    old.wait_for_written()
    assert (index.alone, index.times) == ([], 2)
