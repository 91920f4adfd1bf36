"""Backups: taken under load, brought back, compared record by record; refused before anything is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from tests.server.live import serving

import runlore
from runlore.errors import AlreadyExists, DamagedFile, InvalidArgument, NotFound
from runlore.server.accounts.book import Book, place_of
from runlore.server.backup import back_up, read_manifest, restore
from runlore.store import open_store

WRITER = textwrap.dedent(
    """
    import os, sys, time, runlore
    stop, name = sys.argv[1:]
    with runlore.start(f"load/{name}", capture=False) as run:
        step = 0
        while not os.path.exists(stop):
            for step in range(step, step + 20):
                run.log_metric("loss", 1.0 / (1 + step), step=step)
            run.log_artifact(f"{name} {step}".encode(), f"part/{step}")
            print(step, flush=True)
            step += 1
            time.sleep(0.05)  # as a training that does something in between
    """
)


def points(view):
    """Every point of a run."""
    return view.metric("loss")[["step", "value"]].to_numpy().tolist()


def contents(view):
    """Every artifact of a run, with its bytes."""
    return {item.name: item.read_bytes() for item in view.artifacts()}


@pytest.fixture
def place(tmp_path):
    """A store with a run and accounts; gives their places."""
    store = open_store(tmp_path / "store", create=True).location
    with runlore.start("quiet", store=store, capture=False) as run:
        run.log_metric("loss", 1.0, step=0)
        run.log_artifact(b"weights", "w")
    book = Book(place_of(store), create=True)
    book.people.add_user("ann")
    book.close()
    return store, place_of(store)


def runs_of(store):
    return {name: runlore.get_run(f"{name}#1", store=store) for name in runlore.experiments(store=store)["experiment"]}


def test_under_load_nothing_confirmed_is_missing_and_what_is_there_is_right(place, tmp_path):
    store, accounts = place
    stop, backup = tmp_path / "stop", tmp_path / "backup"
    with serving(store) as address:
        writers = []
        for name, where in (("file", store), ("sent", address)):
            spool = {"RUNLORE_SPOOL": str(tmp_path / f"spool-{name}")}
            command = [sys.executable, "-c", WRITER, str(stop), name]
            environment = {**os.environ, "RUNLORE_STORE": where, **spool}
            writers.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        try:
            for writer in writers:
                while int(writer.stdout.readline()) < 200:
                    pass
            confirmed = {name: len(points(view)) for name, view in runs_of(store).items()}
            first = back_up(store, accounts, str(backup))
        finally:
            stop.touch()
            for writer in writers:
                writer.communicate(timeout=60)
        assert [writer.returncode for writer in writers] == [0, 0]
    assert first.merged.damaged == []
    restore(str(backup), str(tmp_path / "first"), place_of(str(tmp_path / "first")))
    last = runs_of(store)
    early = runs_of(tmp_path / "first")
    assert set(early) == set(last) == {"quiet", "load/file", "load/sent"}
    for name, view in early.items():
        found, whole = points(view), points(last[name])
        assert confirmed[name] <= len(found) <= len(whole)
        assert found == whole[: len(found)], "the beginning of what was recorded"
        assert contents(view).items() <= contents(last[name]).items()
    assert early["load/file"].status == "crashed"

    again = back_up(store, accounts, str(backup))
    assert sorted(again.merged.extended) == sorted(last[name].uid for name in ("load/file", "load/sent"))
    assert again.merged.unchanged == 1
    target = tmp_path / "second"
    restore(str(backup), str(target), place_of(str(target)))
    for name, view in runs_of(target).items():
        assert (view.uid, view.number, view.status) == (last[name].uid, last[name].number, "succeeded")
        assert points(view) == points(last[name])
        assert contents(view) == contents(last[name])
    book = Book(place_of(str(target)))
    assert [user.name for user in book.people.users()] == ["ann"]
    book.close()


def test_numbers_of_runs_that_are_gone_are_not_given_again(place, tmp_path):
    store, accounts = place
    with runlore.start("quiet", store=store, capture=False) as run:
        pass
    runlore.get_run(run.uid, store=store).delete()
    shutil.rmtree(runlore.get_run(run.uid, store=store).directory)
    back_up(store, accounts, str(tmp_path / "b"))
    restore(str(tmp_path / "b"), str(tmp_path / "t"), str(tmp_path / "t.sqlite"))
    with runlore.start("quiet", store=tmp_path / "t", capture=False) as run:
        assert run.number == 3


def test_what_is_no_place_for_a_backup_is_refused(place, tmp_path):
    store, accounts = place
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    for wrong, why in ((other, "no backup"), (os.path.join(store, "b"), "within the store"), (store, "within")):
        with pytest.raises(InvalidArgument, match=why):
            back_up(store, accounts, str(wrong))
    assert os.listdir(other) == ["thesis.txt"]


def test_nothing_that_is_there_is_restored_over(place, tmp_path):
    store, accounts = place
    backup = str(tmp_path / "b")
    back_up(store, accounts, backup)
    target = str(tmp_path / "t")
    for there, accounts_there in ((store, target), (target, accounts)):
        with pytest.raises(AlreadyExists, match="Nothing was changed"):
            restore(backup, there, accounts_there)
    assert not os.path.exists(target)
    with pytest.raises(NotFound, match="no backup"):
        restore(str(tmp_path / "none"), target, target)
    os.mkdir(target)
    restore(backup, target, f"{target}.sqlite")
    assert runs_of(target)["quiet"].number == 1


def test_a_damaged_backup_is_not_restored(place, tmp_path):
    store, accounts = place
    backup, target = tmp_path / "b", tmp_path / "t"
    back_up(store, accounts, str(backup))
    [blob] = [path for path in (backup / "store" / "blobs").rglob("*") if path.is_file()]
    good = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(b"WEIGHTS")
    with pytest.raises(DamagedFile, match=r"is damaged.*Nothing was changed"):
        restore(str(backup), str(target), f"{target}.sqlite")
    assert not any(path.name.startswith("t") for path in tmp_path.iterdir())
    blob.write_bytes(good)
    (backup / "accounts.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DamagedFile, match="accounts"):
        restore(str(backup), str(target), f"{target}.sqlite")
    assert not any(path.name.startswith("t") for path in tmp_path.iterdir())


def test_a_backup_that_never_was_whole_is_not_restored(place, tmp_path):
    store, accounts = place
    backup = tmp_path / "b"
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 100)
    with pytest.raises(DamagedFile):
        back_up(store, str(broken), str(backup))
    assert read_manifest(str(backup))["taken"] is None
    with pytest.raises(NotFound, match="never was whole"):
        restore(str(backup), str(tmp_path / "t"), str(tmp_path / "t.sqlite"))
    back_up(store, accounts, str(backup))
    restore(str(backup), str(tmp_path / "t"), str(tmp_path / "t.sqlite"))


def test_a_backup_is_its_owners_alone(place, tmp_path):
    back_up(*place, str(tmp_path / "b"))
    assert os.stat(tmp_path / "b").st_mode & 0o077 == 0
    assert os.stat(tmp_path / "b" / "accounts.sqlite").st_mode & 0o077 == 0
    with sqlite3.connect(tmp_path / "b" / "accounts.sqlite") as found:
        assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
