"""Experiments whose directories were moved or copied by hand: each run is there once, and costs no other anything."""

from __future__ import annotations

import os
import shutil

import pytest

import runlore
from runlore.catalog import Catalog
from runlore.housekeeping.doctor import examine
from runlore.housekeeping.merge import merge
from runlore.reader.session import Session
from runlore.store import open_store


@pytest.fixture
def root(tmp_path):
    for value in range(3):
        with runlore.start("good", store=tmp_path / "store", capture=False) as run:
            run.log_metric("m", value, step=1)
    with runlore.start("other", store=tmp_path / "store", capture=False):
        pass
    return str(tmp_path / "store")


def uids(root):
    return sorted(run.uid for run in Session(root).refresh().page().runs)


def place(root, name):
    return os.path.join(root, "runs", name)


@pytest.mark.parametrize("name", ["better", "a"])
def test_an_experiment_that_was_moved_is_found_in_its_new_place(root, name):
    before = uids(root)
    os.rename(place(root, "good"), place(root, name))
    assert uids(root) == before
    assert [runlore.get_run(uid, store=root).metrics for uid in before] == [{"m": 0.0}, {"m": 1.0}, {"m": 2.0}, {}]


@pytest.mark.parametrize("name", ["better", "a"])
@pytest.mark.parametrize("known", [True, False])
def test_a_copied_experiment_is_there_once(root, name, known, capfd):
    before = uids(root)
    shutil.copytree(place(root, "good"), place(root, name))
    if not known:
        os.remove(os.path.join(root, "catalog.sqlite"))
    assert uids(root) == before
    assert "remove one of them" in capfd.readouterr().err
    found = examine(Session(root).refresh())
    assert {item.where for item in found} == {
        f"runs/{max('good', name)}/{uid}" for uid in os.listdir(place(root, name))
    }


@pytest.mark.parametrize("removed", ["good", "a"])
def test_when_one_of_two_places_is_gone_the_other_counts(root, removed):
    before = uids(root)
    shutil.copytree(place(root, "good"), place(root, "a"))
    assert uids(root) == before
    shutil.rmtree(place(root, removed))
    assert uids(root) == before
    assert not examine(Session(root).refresh())


def test_a_run_that_is_recorded_while_its_experiment_is_moved_goes_on(root):
    with runlore.start("good", store=root, capture=False) as run:
        run.log_metric("m", 1.0, step=1)
        uids(root)
        os.rename(place(root, "good"), place(root, "moved"))
        run.log_metric("m", 2.0, step=2)
        assert runlore.get_run(run.uid, store=root).metrics == {"m": 2.0}


def test_a_reader_that_saw_the_old_place_does_not_bring_it_back(root, monkeypatch):
    """It read a new run, which somebody moved, and another reader found there, before it could write."""
    uids(root)
    with runlore.start("good", store=root, capture=False) as run:
        run.log_metric("m", 7.0, step=1)
    slow = Catalog(open_store(root))
    from runlore.catalog import writing

    write = writing.write_runs

    def late(database, gains):
        monkeypatch.setattr(writing, "write_runs", write)
        os.rename(place(root, "good"), place(root, "moved"))
        Session(root).refresh()
        return write(database, gains)

    monkeypatch.setattr(writing, "write_runs", late)
    slow.refresh()
    assert runlore.get_run(run.uid, store=root).metrics == {"m": 7.0}
    assert len(uids(root)) == 5


def test_merge_takes_a_run_into_the_place_where_it_is_by_now(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    before = uids(root)
    os.rename(place(root, "good"), place(root, "moved"))
    merge(Session(root).refresh(), str(tmp_path / "copy"))
    assert uids(root) == before
    assert not examine(Session(root).refresh())
