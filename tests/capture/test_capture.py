from __future__ import annotations

import os
import signal
import threading

import pytest

from runlore.capture import CAPTURES, Captures, _worker, resolve
from runlore.capture._failures import report_failure
from runlore.errors import InvalidArgument

OFF = dict.fromkeys(CAPTURES, False)


def test_defaults():
    assert resolve() == resolve(True) == resolve({}) == {**dict.fromkeys(CAPTURES, True), "code": False}
    assert resolve(False) == OFF


def test_changes():
    assert resolve({"console": False, "code": True})["code"] is True
    assert resolve({"hardware": 2})["hardware"] == 2.0
    assert resolve({"code": "."})["code"] == os.getcwd()
    assert resolve({"git": None})["git"] is False


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        ({"gti": True}, "choose from git, environment, console, hardware, code"),
        ({"git": "yes"}, "use True or False"),
        ({"hardware": 0.5}, "1 s or more"),
        ({"code": "/nowhere/at/all"}, "there is nothing at"),
        ("git", "must be True, False or a mapping"),
        (3, "must be True, False or a mapping"),
    ],
)
def test_what_cannot_be_captured_is_refused(capture, message):
    with pytest.raises(InvalidArgument, match=message):
        resolve(capture)


def test_the_environment_decides_unless_told_otherwise(monkeypatch):
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    assert resolve() == OFF
    assert resolve({"git": True}) == {**OFF, "git": True}
    assert resolve(True)["git"] is True
    monkeypatch.setenv("RUNLORE_CAPTURE", "git, environment")
    assert resolve() == {**OFF, "git": True, "environment": True}
    assert resolve({"git": False}) == {**OFF, "environment": True}
    monkeypatch.setenv("RUNLORE_CAPTURE", "git,wrong")
    with pytest.raises(InvalidArgument, match="no capture 'wrong'"):
        resolve()


def test_all_of_them_start_and_stop(sink, tmp_path):
    sink.journal_directory = str(tmp_path)
    captures = Captures(sink, resolve({"code": __file__, "console": False}))
    captures.start()
    captures.stop()
    captures.stop()
    assert {key for kind, key, *_ in sink.events if kind == "capture"} >= {"environment", "code"}
    assert sink.samples
    assert not any("error" in event[2] for event in sink.events), sink.events


def test_a_failure_is_an_event_and_the_others_go_on(sink, monkeypatch):
    monkeypatch.setattr("runlore.capture.environment.facts", lambda: 1 / 0)
    captures = Captures(sink, {"environment": True, "hardware": True})
    captures.start()
    captures.stop()
    assert sink.facts("environment")["error"] == "ZeroDivisionError: division by zero"
    assert sink.samples


def test_a_forked_child_stops_nothing(sink):
    captures = Captures(sink, {"environment": True})
    captures.start()
    child = os.fork()
    if child == 0:
        captures.stop()
        os._exit(len(sink.events))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    captures.stop()
    assert len(sink.events) == 2


def test_the_shared_thread_ends_with_its_last_task():
    called = threading.Event()
    later = _worker.call_after(3600, lambda: None)
    _worker.call_after(0, called.set)
    assert called.wait(20)
    threads = [thread for thread in threading.enumerate() if thread.name == "runlore-capture"]
    assert len(threads) == 1
    later.cancel()
    threads[0].join(20)  # it waits a second for another
    assert not threads[0].is_alive()


def test_the_shared_thread_works_in_a_forked_child():
    later = _worker.call_after(3600, lambda: None)
    child = os.fork()
    if child == 0:
        called = threading.Event()
        _worker.call_after(0, called.set)
        os._exit(0 if called.wait(20) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    later.cancel()


def test_a_descriptor_is_watched_until_cancelled():
    read_end, write_end = os.pipe()
    seen = []
    arrived = threading.Condition()

    def take():
        with arrived:
            seen.append(os.read(read_end, 100))
            arrived.notify_all()

    task = _worker.Task(take, fd=read_end)
    _worker.watch(task)
    for text in (b"a", b"b"):
        os.write(write_end, text)
        with arrived:
            assert arrived.wait_for(lambda text=text: text in seen, 20)
    assert task.cancel()
    os.write(write_end, b"c")
    os.close(write_end)
    os.close(read_end)
    assert seen == [b"a", b"b"]


def test_an_alarm_of_the_programs_is_not_a_failure_of_a_capture(sink):
    def alarm(number, frame):
        raise TimeoutError("the program's own")

    def capturing():
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        signal.pause()

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        with pytest.raises(TimeoutError, match="the program's own"):
            report_failure(sink, "git", capturing)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sink.events == []


def test_what_fails_in_a_capture_by_itself_is_recorded(sink):
    def fail():
        raise TimeoutError("git took too long")

    report_failure(sink, "git", fail)
    assert [event[1:3] for event in sink.events] == [("git", {"error": "TimeoutError: git took too long"})]
