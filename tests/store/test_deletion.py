"""Removing an experiment: all of it, nothing else, and safe to be interrupted or done twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

import runlore
from runlore.errors import InvalidName, NotStored
from runlore.store import deletion, open_store
from runlore.store.deletion import DELETED_RUNS, delete_experiment
from runlore.store.seal_lock import exclusive


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
    assert not os.path.exists(os.path.join(store.root, DELETED_RUNS))


def test_nothing_to_delete_is_no_error(store):
    assert delete_experiment(store, "none") == 0
    record("a")
    assert delete_experiment(store, "a") == 1
    assert delete_experiment(store, "a") == 0


def test_deletions_that_never_end_are_not_waited_for_without_end(store, monkeypatch):
    record("a")
    monkeypatch.setattr(deletion, "_PATIENCE_S", 0.05)
    with exclusive(store.root, deletion._LOCK) as lock:
        assert lock is not None
        with pytest.raises(NotStored, match="nothing of 'a' was removed"):
            delete_experiment(store, "a")
    assert runlore.experiment("a").numbers == [1]
    assert delete_experiment(store, "a") == 1


def test_a_name_that_would_leave_the_store_is_refused(store):
    record("a")
    with pytest.raises(InvalidName):
        delete_experiment(store, "../runs/a")
    assert runlore.experiment("a").numbers == [1]


def test_what_a_killed_deletion_left_behind_goes_with_the_next(store):
    record("a", 2)
    left = os.path.join(store.root, DELETED_RUNS, "0" * 32)
    os.makedirs(left)
    assert delete_experiment(store, "a") == 2
    assert not os.path.exists(left)


def test_a_run_that_comes_back_can_be_deleted_again(store):
    """A copy of a run, put back while what a killed deletion left of it is still there."""
    record("a")
    uid = runlore.get_run("a#1").uid
    os.makedirs(os.path.join(store.root, DELETED_RUNS, uid, "journal"))
    assert delete_experiment(store, "a") == 1
    assert not os.path.exists(os.path.join(store.root, DELETED_RUNS))


def test_a_run_whose_process_is_just_making_it_stays(store):
    store.create_run("a", "0" * 32)
    assert delete_experiment(store, "a") == 0
    old = time.time() - 3600
    os.utime(store.run_directory("a", "0" * 32), (old, old))
    assert delete_experiment(store, "a") == 1


KILLED = """
import os, signal, sys
import runlore
from runlore.store import open_store
from runlore.store.deletion import delete_experiment

left = int(sys.argv[1])

def count(event, _):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

store = open_store()
sys.addaudithook(count)
print(delete_experiment(store, "a"))
"""


def test_a_deletion_that_is_killed_at_any_moment_is_finished_by_the_next(store):
    record("b", 2)
    codes = []
    for moment in range(100):
        record("a", 2)
        done = subprocess.run([sys.executable, "-c", KILLED, str(moment)], check=False, capture_output=True, text=True)
        codes.append(done.returncode)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        assert runlore.experiment("b").numbers == [1, 2]
        if "a" in runlore.experiments()["experiment"].tolist():
            assert runlore.experiment("a").delete() in (1, 2)
        subprocess.run([sys.executable, "-c", "import runlore; runlore.start('a').finish()"], check=True)
        assert runlore.experiment("a").numbers == [1]
        assert runlore.experiment("a").delete() == 1
        assert sorted(os.listdir(os.path.join(store.root, "numbers"))) == ["b"]
        assert sorted(name for name in os.listdir(store.root) if not name.startswith((".", "catalog"))) == [
            "format", "numbers", "runs",
        ]  # fmt: skip
        if done.returncode == 0:
            break
    assert codes[-1] == 0
    assert len(codes) > 10


def _delete(root, experiments, count, ready):
    store = open_store(root)
    ready.wait()
    return sum(delete_experiment(store, name) for _ in range(count) for name in experiments)


def _start(root, experiments, count, ready):
    ready.wait()
    for _ in range(count):
        for name in experiments:
            with runlore.start(name, store=root, capture=False) as run:
                run.log_metric("loss", 0.5)
    return count * len(experiments)


@pytest.mark.parametrize(
    "deleted", [[["a"], ["a"], ["a"]], [["a"], ["a/b"], ["c"]], [["a", "a/b", "c"], ["c", "a/b", "a"], ["a/b"]]]
)
def test_deletions_and_starts_at_once_do_no_harm_to_one_another(store, deleted):
    """Nobody fails; each run is deleted by one deletion, or stays; those that stay have a number of their own."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(5) as pool:
        ready = manager.Barrier(5)
        calls = [(_delete, names, 60) for names in deleted] + [(_start, ["a", "a/b", "c"], 20)] * 2
        results = [pool.apply_async(call, (store.root, names, count, ready)) for call, names, count in calls]
        removed, started = (sum(result.get(120) for result in part) for part in (results[:3], results[3:]))
    left = runlore.runs()
    assert removed + len(left) == started == 120
    assert left["run"].notna().all()
    assert not left.duplicated(["experiment", "run"]).any()
    for name in ("a", "a/b", "c"):
        delete_experiment(store, name)
    assert runlore.experiments().empty
    assert not os.path.exists(os.path.join(store.root, DELETED_RUNS))
    record("a")
    assert runlore.experiment("a").numbers == [1]


def test_two_large_deletions_of_one_experiment_count_each_run_once(store):
    for index in range(400):
        uid = f"{index:032x}"
        store.create_run("a", uid)
        open(os.path.join(store.run_directory("a", uid), "journal", "0.rlj"), "x").close()
        store.claim_number("a", uid)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(3) as pool:
        ready = manager.Barrier(3)
        results = [pool.apply_async(_delete, (store.root, ["a"], 1, ready)) for _ in range(3)]
        assert sum(result.get(60) for result in results) == 400
    assert os.listdir(store.runs_root) == os.listdir(os.path.join(store.root, "numbers")) == []


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
