"""Two readers at once: who read earlier may write later, or first, and neither makes the other stop looking."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from tests.catalog.stepping import S, fresh_picture, picture

import runlore
from runlore import registry
from runlore.catalog import Catalog, card_writing, changes, writing
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.store import open_store
from runlore.store.listing import run_directories
from runlore.store.sealed.sealing import seal_run


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with a run and a card, whose directories are all old enough to be trusted."""
    late_ns = changes.time_ns() + 1000 * S
    monkeypatch.setattr(changes, "time_ns", lambda: late_ns)
    with runlore.start("e", store=tmp_path / "store", capture=False) as run:
        run.log_metric("m", 1.0, step=1)
    registry.register("model", "nlp", "big", store=tmp_path / "store")
    return open_store(str(tmp_path / "store"))


def uid_of(store):
    (uid,) = (directory.rpartition("/")[2] for directory in run_directories(store.runs_root))
    return uid


class Pausing:
    """A reader that stops before it writes."""

    def __init__(self, store, path, module, name, patch):
        self.reader = Catalog(store, SqliteDatabase(path))
        self.stopped, self.goes_on = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.reader.refresh)
        write = getattr(module, name)

        def pause(database, found):
            if threading.current_thread() is self.thread and not self.stopped.is_set():
                self.stopped.set()
                assert self.goes_on.wait(60)
            return write(database, found)

        patch.setattr(module, name, pause)
        self.thread.start()
        assert self.stopped.wait(60)

    def finish(self):
        self.goes_on.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


def annotate(store):
    store.open_run(uid_of(store)).annotate([("tag", "good", "yes")])


def resume(store):
    with closing(store.open_run(uid_of(store)).record()) as recorder:
        recorder.scalar("m", 2.0, 2)


def alias(store):
    registry.alias(registry.get("model", "nlp", "big", store=store.root), "champion")


RUNS, CARDS = (writing, "write_runs"), (card_writing, "replace_cards")


@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.parametrize("first", ["early", "late"])
@pytest.mark.parametrize(("act", "writes"), [(annotate, RUNS), (resume, RUNS), (alias, CARDS)])
def test_what_one_read_before_and_the_other_after_a_change(store, tmp_path, monkeypatch, act, writes, first, knows):
    path = str(tmp_path / "both.sqlite")
    with closing(Catalog(store, SqliteDatabase(path))) as reader:
        if knows:
            reader.refresh()
            resume(store)
            registry.alias(registry.get("model", "nlp", "big", store=store.root), "earlier")
        else:
            reader.database.build(lambda database: None)
        early = Pausing(store, path, *writes, monkeypatch)
        act(store)
        late = Pausing(store, path, *writes, monkeypatch)
        for pausing in (early, late) if first == "early" else (late, early):
            pausing.finish()
            pausing.reader.close()
        assert picture(reader) == fresh_picture(store, tmp_path / "fresh.sqlite")


def test_what_another_reader_wrote_meanwhile_is_not_taken_for_up_to_date(store, tmp_path, monkeypatch):
    recorder = store.open_run(uid_of(store)).record()
    path = str(tmp_path / "both.sqlite")
    with closing(recorder), closing(Catalog(store, SqliteDatabase(path))) as reader:
        reader.refresh()
        recorder.scalar("m", 2.0, 2)
        early = Pausing(store, path, *RUNS, monkeypatch)
        recorder.scalar("m", 3.0, 3)
        write = writing.write_runs

        def first_the_other(database, gains):
            monkeypatch.setattr(writing, "write_runs", write)
            early.finish()
            early.reader.close()
            return write(database, gains)

        monkeypatch.setattr(writing, "write_runs", first_the_other)
        assert reader.refresh_open([uid_of(store)]) is False
        assert reader.refresh_open([uid_of(store)]) is True
        assert reader.series([uid_of(store)])[uid_of(store)]["m"].last == 3.0


def test_a_run_that_is_sealed_while_it_is_read_for_the_first_time_is_seen(store, tmp_path, monkeypatch):
    from runlore.catalog import journals

    found = journals.journal_paths

    def seal_behind(directory):
        paths = found(directory)
        if paths:
            assert seal_run(store, directory).outcome == "sealed"
        return paths

    with closing(Catalog(store, SqliteDatabase(str(tmp_path / "c.sqlite")))) as reader:
        with monkeypatch.context() as patched:
            patched.setattr(journals, "journal_paths", seal_behind)
            reader.refresh()
        assert picture(reader) == fresh_picture(store, tmp_path / "fresh.sqlite")
        assert len(picture(reader)["runs"]) == 1
