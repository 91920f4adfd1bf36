from __future__ import annotations

import threading

import pytest

from runlore.capture import _worker
from runlore.capture._job import Job


@pytest.fixture
def gate():
    """Two events: the work has begun; it may go on."""
    begun, goes_on = threading.Event(), threading.Event()
    yield begun, goes_on
    goes_on.set()


def test_the_end_of_a_run_waits_for_the_shared_thread_that_is_at_it(sink, gate):
    begun, goes_on = gate

    def work():
        begun.set()
        goes_on.wait(20)
        sink.event("capture", "x", {"done": True})

    job = Job(sink, "x", work, "the result")
    job.start(0)
    assert begun.wait(20)
    threading.Timer(0.3, goes_on.set).start()
    job.finish(20)
    assert sink.facts("x") == {"done": True}


def test_what_takes_too_long_is_said(sink, gate):
    begun, goes_on = gate
    job = Job(sink, "x", lambda: (begun.set(), goes_on.wait(20)), "the result")
    job.start(0)
    assert begun.wait(20)
    job.finish(0.1)
    assert sink.facts("x") == {"error": "the result took longer than 0.1 s at the end of the run and is not known"}


def test_it_is_done_once(sink):
    done = []
    job = Job(sink, "x", lambda: done.append(1), "the result")
    job.start(3600)
    job.finish(1)
    job.finish(1)
    assert done == [1]


def test_a_failure_is_said(sink):
    job = Job(sink, "x", lambda: 1 / 0, "the result")
    job.finish(1)
    assert sink.facts("x") == {"error": "ZeroDivisionError: division by zero"}


def test_without_a_thread_the_end_does_it(sink, monkeypatch):
    def refuse(*_arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_worker._worker, "add", refuse)
    done = []
    job = Job(sink, "x", lambda: done.append(1), "the result")
    job.start(0)
    job.finish(1)
    assert done == [1]
