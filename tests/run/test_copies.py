"""Handles are copied: within a process they are the same, in another one they join the run."""

from __future__ import annotations

import concurrent.futures
import copy
import multiprocessing
import os
import pickle
import subprocess
import sys

import joblib
import pytest

import runlore
from runlore.errors import RunEnded, RunNotFound


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    path = tmp_path / "store"
    monkeypatch.setenv("RUNLORE_STORE", str(path))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    return path


class Trainer:
    """As people hold a run in an object that does the work."""

    def __init__(self, run):
        self.run = run

    def work(self, number):
        self.run.log_metric("work", float(number), step=number)
        self.run.log_text(f"by {number}", f"text{number}")
        return os.getpid(), self.run.uid, self.run.number

    __call__ = work


def work(run, number):
    return Trainer(run).work(number)


def read_loss(view):
    return view.metric("loss")["value"].tolist(), view.number


def check_work(run, places):
    assert {uid for _, uid, _ in places} == {run.uid}
    assert {number for _, _, number in places} == {1}
    assert os.getpid() not in {pid for pid, _, _ in places}
    view = runlore.get_run(run.uid)
    assert sorted(view.metric("work")["value"]) == [0.0, 1.0, 2.0, 3.0]
    assert len(view.artifacts()) == 4
    assert (view.status, view.lost) == ("succeeded", 0)
    assert len(runlore.runs()) == 1


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_workers_of_a_pool_join_the_run(method):
    with runlore.start("e") as run, multiprocessing.get_context(method).Pool(2) as pool:
        places = pool.map(Trainer(run), range(4), chunksize=1)
    check_work(run, places)


def test_futures_join_the_run():
    context = multiprocessing.get_context("spawn")
    with runlore.start("e") as run, concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        places = [future.result() for future in [pool.submit(work, run, number) for number in range(4)]]
    check_work(run, places)


def test_workers_of_joblib_join_the_run():
    with runlore.start("e") as run:
        places = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(work)(run, number) for number in range(4))
        same = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(lambda: run)() for _ in range(2))
    assert all(other is run for other in same)
    check_work(run, places)


def test_a_copy_within_the_process_is_the_handle_itself():
    with runlore.start("e") as run:
        for other in (
            copy.copy(run),
            copy.deepcopy(run),
            pickle.loads(pickle.dumps(run)),
            copy.deepcopy(Trainer(run)).run,
        ):
            assert other is run
    assert copy.deepcopy(run) is run
    ended = pickle.loads(pickle.dumps(run))
    assert (ended.uid, ended.status, ended.ended) == (run.uid, "succeeded", True)
    with pytest.raises(RunEnded, match=r"was finished.*runlore\.resume"):
        ended.log_metric("m", 1.0)
    with pytest.raises(RunEnded):
        ended.log_text("x")


LATER = """
import pickle, sys, runlore
run = pickle.load(open("run.pickle", "rb"))
print(run.uid, run.experiment, run.number, run.name, run.params, run.ended)
"""


def in_another_process(code=LATER):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_copy_that_only_travels_along_leaves_no_trace(tmp_path):
    run = runlore.start("e", "named", params={"lr": 0.1})
    (tmp_path / "run.pickle").write_bytes(pickle.dumps(run))
    before = sorted(os.listdir(run.path + "/journal"))
    assert in_another_process() == f"{run.uid} e 1 named {{'lr': 0.1}} False\n"
    assert sorted(os.listdir(run.path + "/journal")) == before
    run.finish()


@pytest.mark.parametrize("end", ["finish", "seal", "kill", "remove"])
def test_a_copy_that_arrives_after_the_end_takes_nothing(tmp_path, end):
    program = "import os, pickle, runlore; run = runlore.start('e'); pickle.dump(run, open('run.pickle', 'wb')); "
    program += "os._exit(0)" if end == "kill" else "run.finish()"
    in_another_process(program)
    if end == "seal":
        subprocess.run([sys.executable, "-m", "runlore", "seal"], check=True, capture_output=True)
    if end == "remove":
        runlore.experiment("e").delete()
    assert in_another_process().endswith(" True\n")
    done = in_another_process(
        LATER + "try:\n    run.log_metric('m', 1.0)\nexcept runlore.errors.RunEnded as error:\n    print(error)\n"
    )
    assert "was finished: nothing more can be logged through this handle" in done
    assert len(runlore.runs()) == (end != "remove")


def test_extra_columns_travel_along(tmp_path):
    run = runlore.start("e")
    run.log_extra(fold=3)
    (tmp_path / "run.pickle").write_bytes(pickle.dumps(run))
    in_another_process(LATER + "run.log_metric('m', 1.0)\nrun.finish('failed')\n")
    assert run.status == "running"
    run.finish()
    view = runlore.get_run(run.uid)
    assert view.data(key="m")["fold"].tolist() == [3]
    assert view.status == "succeeded", "only who began a run ends it"


def test_a_copy_of_a_copy_joins_the_same_run():
    with runlore.start("e") as run:
        text = pickle.dumps(run)
        inner = "import pickle; pickle.loads({copied!r}).log_metric('m', 2.0)"
        code = (
            f"import pickle, subprocess, sys\ncopied = pickle.dumps(pickle.loads({text!r}))\n"
            f'subprocess.run([sys.executable, "-c", f"{inner}"], check=True)\n'
        )
        in_another_process(code)
    assert runlore.get_run(run.uid).metrics == {"m": 2.0}


def test_where_there_is_no_such_store_records_are_lost_and_said(tmp_path, store):
    run = runlore.start("e")
    (tmp_path / "run.pickle").write_bytes(pickle.dumps(run).replace(b"/store", b"/stare"))
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(" True\n"), "nobody records it there"
    assert not (tmp_path / "stare").exists()
    run.finish()


def test_views_name_the_run_again():
    with runlore.start("e", params={"lr": 0.1}) as run:
        run.log_metric("loss", 0.5, step=1)
        run.log_text("hallo", "text")
        view, experiment = runlore.get_run(run.uid), runlore.experiment("e")
        artifact = view.artifact("text")
        for make in (copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
            other = make(view)
            assert (other, other.params, other.metrics) == (view, view.params, view.metrics)
            assert len(make(experiment)) == 1
            assert make(artifact).read_text() == "hallo"
            assert make({"views": [view]}) == {"views": [view]}
        run.log_metric("loss", 0.25, step=2)
        assert pickle.loads(pickle.dumps(view)).refresh().metrics == {"loss": 0.25}
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(read_loss, view).result() == ([0.5, 0.25], 1)
    assert (
        joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(read_loss)(view) for _ in range(2))
        == [([0.5, 0.25], 1)] * 2
    )


def test_a_view_of_a_run_that_is_gone_says_so():
    runlore.start("e").finish()
    view = runlore.get_run("e#1")
    text = pickle.dumps(view)
    runlore.experiment("e").delete()
    with pytest.raises(RunNotFound, match="is gone"):
        pickle.loads(text).refresh()
