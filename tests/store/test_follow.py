from __future__ import annotations

import threading

import runlore
from runlore.store import open_store
from runlore.store.follow import EventFollower
from runlore.store.sealed.sealing import seal_store


def test_every_event_comes_once_from_every_writer_and_across_sealing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = runlore.start("live", capture=False)
    follower = EventFollower(run.path, ["note"])
    seen: list[str] = []

    def poll() -> None:
        seen.extend(event.value for event in follower.poll())

    run.log_event("note", "k", "before")
    poll()
    poll()
    assert seen == ["before"]
    run.log_event("note", "k", "after")
    with monkeypatch.context() as joined:
        for name, value in run.env().items():
            joined.setenv(name, value)
        other = runlore.start("live", capture=False)
    other.log_event("note", "k", "another writer")
    poll()
    other.finish()
    run.log_event("note", "k", "last")
    run.finish()
    seal_store(open_store())
    poll()
    runlore.get_run(run.uid).set_note("edited")
    poll()
    poll()
    assert seen == ["before", "after", "another writer", "last", "edited"]


def test_nothing_is_missed_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = runlore.start("live", capture=False)

    def write() -> None:
        for number in range(2000):
            run.log_event("log", "stdout", number)
        run.finish()

    writer = threading.Thread(target=write)
    writer.start()
    follower = EventFollower(run.path, ["log"])
    seen = []
    while writer.is_alive():
        seen += [event.value for event in follower.poll()]
    writer.join()
    seen += [event.value for event in follower.poll()]
    assert seen == list(range(2000))
