"""Removing an experiment: all of it, nothing else, and safe to be interrupted or done twice."""

from __future__ import annotations

import os

import pytest

import runlore
from runlore.errors import InvalidName
from runlore.store import open_store
from runlore.store.deletion import REMOVED, delete_experiment


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    return open_store(create=True)


def record(experiment, count=1):
    for _ in range(count):
        runlore.start(experiment).finish()


def test_numbers_begin_anew_and_others_stay(store):
    record("a", 3)
    record("a/b", 2)
    record("ab")
    assert runlore.experiment("a").numbers == [1, 2, 3]
    assert runlore.experiment("a").delete() == 3
    assert runlore.experiments()["experiment"].tolist() == ["a/b", "ab"]
    assert runlore.experiment("a/b").numbers == [1, 2]
    record("a")
    record("a/b")
    assert runlore.experiment("a").numbers == [1]
    assert runlore.experiment("a/b").numbers == [1, 2, 3]
    assert not os.path.exists(os.path.join(store.root, REMOVED))


def test_nothing_to_delete_is_no_error(store):
    assert delete_experiment(store, "none") == 0
    record("a")
    assert delete_experiment(store, "a") == 1
    assert delete_experiment(store, "a") == 0


def test_a_name_that_would_leave_the_store_is_refused(store):
    record("a")
    with pytest.raises(InvalidName):
        delete_experiment(store, "../runs/a")
    assert runlore.experiment("a").numbers == [1]


def test_what_a_killed_deletion_left_behind_goes_with_the_next(store):
    record("a", 2)
    left = os.path.join(store.root, REMOVED, "0" * 32)
    os.makedirs(left)
    assert delete_experiment(store, "a") == 2
    assert not os.path.exists(left)


def test_the_claim_of_a_run_that_was_started_meanwhile_stays(store, monkeypatch):
    record("a")
    real = os.rename

    def rename(source, target):
        real(source, target)
        monkeypatch.setattr(os, "rename", real)
        record("a")

    monkeypatch.setattr(os, "rename", rename)
    assert delete_experiment(store, "a") == 1
    assert runlore.experiment("a").numbers == [2]
    assert os.listdir(os.path.join(store.root, "numbers", "a")) == ["2"]


def test_a_program_that_is_recording_does_not_notice(store):
    run = runlore.start("a")
    assert runlore.experiment("a").delete() == 1
    for step in range(5000):
        run.log_metric("loss", 1.0, step=step)
    run.finish()
    assert "a" not in runlore.experiments()["experiment"].tolist()
