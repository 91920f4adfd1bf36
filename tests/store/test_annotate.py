from __future__ import annotations

import os

import pytest

import runlore
from runlore.errors import InvalidName, NotStored, ReadOnlyStore, WrongType
from runlore.journal.writer import JournalWriter
from runlore.store.annotate import annotate
from runlore.store.content import read_events


@pytest.fixture
def run(store):
    with runlore.start("iris", store=store.root, capture=False) as run:
        run.log_metric("loss", 1)
    return run


def test_facts_are_recorded_at_one_time_that_is_later(store, run):
    time = annotate(store, run.path, [("tag", "a", "1"), ("note", "n", {"any": ["json"]})], after_ns=2**62)
    assert time == 2**62 + 1
    found = read_events(run.path, ["tag", "note"])
    assert [(event.time_ns, event.kind, event.key, event.value) for event in found] == [
        (time, "tag", "a", "1"),
        (time, "note", "n", {"any": ["json"]}),
    ]


def test_nothing_is_recorded_of_wrong_facts(store, run):
    with pytest.raises(InvalidName, match="tag=''"):
        annotate(store, run.path, [("note", "n", "x"), ("tag", "", "1")])
    assert read_events(run.path, ["note", "tag"]) == []
    with pytest.raises(WrongType):
        annotate(store, run.path, [("note", "n", object())])


def test_a_store_that_cannot_be_written_to(store, run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("runlore.store.annotate.open_journal", refuse)
    with pytest.raises(ReadOnlyStore, match="nothing was recorded"):
        annotate(store, run.path, [("tag", "a", "1")])


def test_what_a_full_disk_did_not_take_is_an_error(store, run, monkeypatch):
    monkeypatch.setattr(JournalWriter, "lost", property(lambda _: 1))
    with pytest.raises(NotStored, match="1 of 1 facts"):
        annotate(store, run.path, [("tag", "a", "1")])


def test_no_lock_is_left_behind(store, run):
    annotate(store, run.path, [("tag", "a", "1")])
    assert all(name.endswith(".rlj") for name in os.listdir(os.path.join(run.path, "journal")))
