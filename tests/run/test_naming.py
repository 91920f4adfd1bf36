"""Runs that recording goes on with are named as those that are read: uid, its beginning, `experiment#number`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import runlore
from runlore.errors import InvalidName, RunNotFound, StoreNotFound, WrongType


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def run(store):
    with runlore.start("e", "first", store=store, capture=False) as run:
        run.log_metric("m", 1.0, step=1)
    return run


NAMES = {
    "uid": lambda run: run.uid,
    "prefix": lambda run: run.uid[:-4],
    "upper": lambda run: run.uid.upper(),
    "number": lambda run: "e#1",
    "latest": lambda run: "e#-1",
}


@pytest.mark.parametrize("form", NAMES)
def test_a_run_is_resumed_joined_and_a_parent_by_any_of_its_names(store, run, form):
    name = NAMES[form](run)
    with runlore.resume(name, store=store, capture=False) as again:
        again.log_metric("m", 2.0, step=2)
    assert again.uid == run.uid
    with runlore.start("e", join=name, store=store, capture=False) as joined:
        joined.log_metric("m", 3.0, step=3)
    assert joined.uid == run.uid
    with runlore.start("f", parent=name, store=store, capture=False) as child:
        pass
    assert runlore.get_run(child.uid, store=store).parent == run.uid
    view = runlore.get_run(run.uid, store=store)
    assert view.metric("m")["value"].tolist() == [1.0, 2.0, 3.0]
    assert [found.uid for found in view.children()] == [child.uid]


def test_what_names_no_run_is_not_resumed(store, run):
    for name in ("e#2", "f#1", "0" * 32, "ffffffff", "../../etc", "", "e#", "e", "#1"):
        with pytest.raises(RunNotFound):
            runlore.resume(name, store=store, capture=False)
    with pytest.raises(WrongType, match="experiment#number"):
        runlore.resume(1, store=store, capture=False)
    assert [status for _, status, _ in runlore.get_run("e#1", store=store).statuses] == ["running", "succeeded"]


def test_what_names_no_run_is_neither_joined_nor_a_parent(store, run):
    with runlore.start("f", store=store, capture=False):
        pass
    with pytest.raises(RunNotFound, match="one of 'f'"):
        runlore.start("e", join="f#1", store=store, capture=False)
    for option in ("join", "parent"):
        with pytest.raises(RunNotFound):
            runlore.start("e", **{option: "e#7"}, store=store, capture=False)
        with pytest.raises(InvalidName, match=option):
            runlore.start("e", **{option: "../../etc"}, store=store, capture=False)
    assert len(runlore.runs(store=store)) == 2


def test_a_beginning_that_several_runs_share_is_refused(store, run):
    with runlore.start("e", store=store, capture=False, uid=run.uid[:-1] + ("0" if run.uid[-1] != "0" else "1")):
        pass
    with pytest.raises(RunNotFound, match="several"):
        runlore.resume(run.uid[:-1], store=store, capture=False)


def test_a_parent_of_a_store_that_does_not_exist_makes_none(tmp_path):
    with pytest.raises(StoreNotFound):
        runlore.start("e", parent="e#1", store=tmp_path / "none", capture=False)
    assert not (tmp_path / "none").exists()


def test_a_whole_uid_asks_no_index(store, run):
    code = (
        f"import sys, runlore\nrunlore.resume({run.uid!r}, capture=False).finish()\n"
        f"runlore.start('e', join={run.uid!r}, parent={run.uid!r}, capture=False).finish()\n"
        "assert not [name for name in sys.modules if name.startswith(('runlore.index', 'runlore.catalog', 'sqlite3'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "RUNLORE_STORE": str(store)})
