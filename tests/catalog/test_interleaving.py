"""A reader that looks at any moment while others work ends up knowing what one that looks for the first time finds."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import closing

import pytest
from tests.catalog.stepping import LOOKING, Steps, fresh_picture, picture

import runlore
from runlore import registry
from runlore.catalog import Catalog
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.housekeeping.archive import export_archive, import_archive
from runlore.housekeeping.garbage import collect
from runlore.housekeeping.merge import merge
from runlore.journal import open_journal
from runlore.reader.session import Session
from runlore.run.recording import begin_run
from runlore.store import open_store
from runlore.store.received import ReceivedJournal
from runlore.store.sealed.sealing import seal_run

UID = "0197b6b2c4a07d3f8a1e5c2b9d7f4e6a"


class Place:
    """A store, what an operation needs of it, and what is kept elsewhere."""

    def __init__(self, folder):
        self.folder = folder
        self.store = open_store(str(folder / "store"), create=True)
        self.run = self.writer = self.reader = self.steps = None

    @property
    def directory(self):
        return self.store.find_run(UID)

    @property
    def session(self):
        return Session(self.store)

    def record(self, store=None, *, points=3, ends=True, uid=UID):
        store = store or self.store
        begun = begin_run(store, "deep/e", uid=uid)
        for step in range(points):
            begun.recorder.scalar("m", step / 2, step)
        begun.recorder.event("param", "lr", 0.5)
        if ends:
            begun.recorder.event("status", "status", "succeeded")
            begun.recorder.close()
        return begun

    def add(self, recorder, key="m", count=2):
        for step in range(count):
            recorder.scalar(key, 100.0 + step, 100 + step)

    def in_child(self, action):
        """Do it in a process that is gone afterwards, without having ended anything."""
        pid = os.fork()
        if not pid:
            try:
                if self.steps is not None:
                    self.steps.between = None
                action()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0

    def copy(self):
        """Another store with a copy of all that is here."""
        shutil.copytree(self.store.root, self.folder / "other", dirs_exist_ok=True)
        return open_store(str(self.folder / "other"))

    def card(self, store=None, **more):
        return registry.register("model", "nlp", "big", artifacts={"w": b"123"}, store=store or self.store, **more)


def nothing(place):
    """There is an empty store."""


def ended(place):
    place.record()


def sealed(place):
    place.record()
    assert seal_run(place.store, place.directory).outcome == "sealed"


def live(place):
    place.run = place.record(ends=False)


def crashed(place):
    """The process of a run is gone, and did not end it."""
    place.in_child(lambda: place.record(ends=False))


def copied(place):
    """A copy of a run that goes on where it was copied from."""
    source = open_store(str(place.folder / "source"), create=True)
    place.run = place.record(source, ends=False)
    synchronise(place)


def synchronise(place):
    """As `rsync -a` does: files are made anew beside their places, and directories get the times of the source's."""
    for folder, _, files in os.walk(place.folder / "source" / "runs"):
        target = os.path.join(place.store.root, os.path.relpath(folder, place.folder / "source"))
        os.makedirs(target, exist_ok=True)
        for file in files:
            if file.endswith(".rlj"):
                shutil.copy2(os.path.join(folder, file), os.path.join(target, f".{file}.new"))
                os.rename(os.path.join(target, f".{file}.new"), os.path.join(target, file))
    for folder, _, _ in os.walk(place.folder / "source" / "runs", topdown=False):
        target = os.path.join(place.store.root, os.path.relpath(folder, place.folder / "source"))
        shutil.copystat(folder, target)


def copy_again(place):
    place.add(place.run.recorder, "later")
    synchronise(place)


def copy_when_it_is_gone(place):
    """It was copied while it was recorded, and again after its process was killed: looked at in between."""
    shutil.rmtree(place.folder / "source" / "runs")

    def record():
        begun = place.record(open_store(str(place.folder / "source")), ends=False)
        shutil.rmtree(place.store.runs_root)
        synchronise(place)
        place.add(begun.recorder, "later")

    place.in_child(record)
    with place.steps.aside():
        picture(place.reader)
    synchronise(place)


def registered(place):
    place.record()
    place.card()


def begin(place):
    place.record()


def begin_below_an_experiment(place):
    begun = begin_run(place.store, "deep/e/f")
    begun.recorder.scalar("m", 1.0)
    begun.recorder.close()


def begin_and_go_on(place):
    place.run = place.record(ends=False)


def begin_and_fail(place):
    from runlore.run.recording import abandon

    begun = place.record(ends=False)
    abandon(place.store, "deep/e", UID, begun.recorder)


def start_and_finish(place):
    with runlore.start("deep/e", store=place.store.root, params={"a": 1}, tags={"t": "u"}, capture=False) as run:
        run.log_metrics({"m": 1.0, "n": 2.0}, step=1)
        run.log_text("hello", "greeting")
        run.log_artifact(__file__)


def end(place):
    place.run.recorder.event("status", "status", "failed")
    place.run.recorder.close()


def join(place):
    with closing(place.store.open_run(UID).record()) as recorder:
        place.add(recorder)


def join_lazily(place):
    with closing(place.store.open_run(UID).record(lazily=True)) as recorder:
        place.add(recorder)


def join_and_stay(place):
    place.run = place.store.open_run(UID).record()
    place.add(place.run)


def resume(place):
    with runlore.resume(UID, store=place.store.root, capture=False) as run:
        run.log_metric("late", 1.0, step=7)
        run.set_tag("resumed", "yes")


def annotate(place):
    place.store.open_run(UID).annotate([("tag", "good", "yes"), ("attribute", "name", "the one")])


def trash(place):
    runlore.get_run(UID, store=place.store.root).delete()


def trash_and_restore(place):
    view = runlore.get_run(UID, store=place.store.root)
    view.delete()
    view.restore()


def trash_and_collect(place):
    trash(place)
    collect(place.session.refresh(), older_than_s=0, grace_s=0)


def seal(place):
    assert seal_run(place.store, place.directory).outcome == "sealed"


def annotate_and_seal(place):
    annotate(place)
    seal(place)
    annotate(place)


def delete_experiment(place):
    assert place.store.delete_experiment("deep/e") == 1


def delete_experiment_and_begin(place):
    delete_experiment(place)
    place.record(uid=UID.replace("a", "b"))


def move_experiment(place):
    os.rename(f"{place.store.runs_root}/deep/e", f"{place.store.runs_root}/moved")


def merge_new(place):
    other = open_store(str(place.folder / "other"), create=True)
    place.record(other)
    place.card(other, run=None)
    merge(place.session, other)


def merge_more(place):
    other = place.copy()
    with closing(other.open_run(UID).record()) as recorder:
        place.add(recorder, "merged")
    other.open_run(UID).annotate([("tag", "merged", "yes")])
    merge(place.session, other)


def merge_sealed(place):
    other = place.copy()
    with closing(other.open_run(UID).record()) as recorder:
        place.add(recorder, "merged")
    seal_run(other, other.find_run(UID))
    merge(place.session, other)


def unpack_archive(place):
    file = io.BytesIO()
    export_archive(place.store, [runlore.get_run(UID, store=place.store.root)], file)
    place.store.delete_experiment("deep/e")
    file.seek(0)
    import_archive(place.session, file)


def register(place):
    place.card(tags={"a": "b"})


def register_of_a_run(place):
    with runlore.start("deep/e", store=place.store.root, capture=False) as run:
        place.card(run=run)


def say_of_a_card(place):
    card = registry.get("model", "nlp", "big", store=place.store.root)
    registry.alias(card, "champion")
    registry.stage(card, "staging")
    registry.use(card, UID)


def delete_a_card(place):
    card = registry.get("model", "nlp", "big", store=place.store.root)
    registry.delete(card)
    registry.restore(card)


def merge_cards(place):
    other = place.copy()
    registry.alias(registry.get("model", "nlp", "big", store=other.root), "theirs")
    registry.register("model", "nlp", "small", store=other.root)
    merge(place.session, other)


def receive(place, *, died=False, revived=False):
    """As the server does with a run that is recorded elsewhere."""
    spool = place.folder / "spool"
    spool.mkdir()
    writer = open_journal(str(spool), UID, "write")
    writer.event("start", "start", {"experiment": "deep/e", "number": 9})
    place.store.create_run("deep/e", UID)
    received = ReceivedJournal(place.store, place.store.run_directory("deep/e", UID), UID, writer.writer)
    sent = 0

    def send():
        nonlocal sent
        with open(writer.path, "rb") as file:
            content = file.read()
        assert not received.append(sent, content[sent:]).problem
        sent = len(content)
        return content

    send()
    place.add(writer)
    content = send()
    if died:
        from zlib import crc32

        assert not received.finish(sent, crc32(content[64:]), content[:64], died=True).problem
    if revived or not died:
        place.add(writer, "revived")
        send()
    place.writer = writer


def receive_of_a_dead(place):
    receive(place, died=True)


def receive_of_one_that_was_not_dead(place):
    receive(place, died=True, revived=True)


RUNS = (ended, sealed, crashed)
CASES = [
    *((nothing, act) for act in (begin, begin_below_an_experiment, begin_and_go_on, begin_and_fail, start_and_finish)),
    *((ended, act) for act in (begin_below_an_experiment, start_and_finish, move_experiment, unpack_archive)),
    (live, end),
    *((before, act) for before in RUNS for act in (join, join_lazily, join_and_stay, resume, annotate, trash)),
    *((before, act) for before in RUNS for act in (trash_and_restore, trash_and_collect, merge_more, merge_sealed)),
    *((ended, act) for act in (seal, annotate_and_seal, delete_experiment, delete_experiment_and_begin)),
    (live, join),
    (copied, copy_again),
    (copied, copy_when_it_is_gone),
    (crashed, seal),
    (nothing, merge_new),
    (ended, register),
    (nothing, register_of_a_run),
    *((registered, act) for act in (register, say_of_a_card, delete_a_card, merge_cards)),
    *((nothing, act) for act in (receive, receive_of_a_dead, receive_of_one_that_was_not_dead)),
]


def name(case):
    before, act = case
    return f"{before.__name__}-{act.__name__}"


class Work:
    """One operation on a store, with a reader that has looked before."""

    def __init__(self, folder, case, **settings):
        folder.mkdir()
        self.before, self.act = case
        self.place = Place(folder)
        self.before(self.place)
        self.reader = self.place.reader = Catalog(self.place.store, SqliteDatabase(str(folder / "reader.sqlite")))
        self.steps = self.place.steps = Steps(self.place.store.root, **settings)

    def __call__(self, monkeypatch):
        """Do it, and compare what the reader knows then."""
        with self.steps(monkeypatch):
            with self.steps.aside():
                picture(self.reader)
            self.act(self.place)
            with self.steps.aside():
                self.compare()

    def compare(self):
        assert picture(self.reader) == fresh_picture(self.place.store, self.place.folder / "fresh.sqlite")

    def close(self):
        self.reader.close()
        for recorder in (getattr(self.place.run, "recorder", self.place.run), self.place.writer):
            if recorder is not None:
                recorder.close()


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_reader_that_looks_between_any_two_calls(tmp_path, monkeypatch, case):
    work = Work(tmp_path / "w", case)
    work.steps.between = lambda step: work.reader.refresh()
    try:
        work(monkeypatch)
        assert work.steps.count > 1
    finally:
        work.close()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case[1] in (end, join, annotate, annotate_and_seal, receive)], ids=name
)
def test_a_reader_that_looks_at_the_run_alone_between_most_calls(tmp_path, monkeypatch, case):
    work = Work(tmp_path / "w", case)
    work.steps.between = lambda step: work.reader.refresh_open([UID]) if step % 5 else work.reader.refresh()
    try:
        work(monkeypatch)
    finally:
        work.close()


@pytest.mark.soak
@pytest.mark.parametrize("grain_s", [0, 2])
@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_reader_that_looks_once_between_two_calls(tmp_path, monkeypatch, case, grain_s):
    step, steps = 0, 1
    while step < steps:
        work = Work(tmp_path / f"{step}", case, grain_s=grain_s)
        work.steps.between = lambda now, wanted=step, work=work: work.reader.refresh() if now == wanted else None
        try:
            work(monkeypatch)
        finally:
            work.close()
        steps, step = work.steps.count, step + 1
    assert steps > 1


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=name)
def test_what_is_done_between_two_calls_of_a_reader(tmp_path, monkeypatch, case):
    step, steps = 0, 1
    while step < steps:
        work = Work(tmp_path / f"{step}", case, calls=LOOKING)

        def do(now, wanted=step, work=work):
            if now == wanted:
                work.act(work.place)
                work.steps.stamp()

        try:
            work.steps.between = do
            with work.steps(monkeypatch):
                work.reader.refresh()
            work.compare()
        finally:
            work.close()
        steps, step = work.steps.count, step + 1
    assert steps > 1
