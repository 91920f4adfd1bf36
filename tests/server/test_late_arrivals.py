"""Who watches is told of runs that arrive long after they were recorded, however many are newer."""

from __future__ import annotations

import os
import shutil
import threading

from tests.reader.made_runs import START_S, S, make_run

from runlore.reader.session import Session
from runlore.server.changes import FIRST_LOOK, Changes
from runlore.server.freshness import Freshness
from runlore.store import open_store

DEADLINE_S = 60


def test_old_runs_that_arrive_behind_many_newer_ones_are_told_of(tmp_path):
    elsewhere = open_store(tmp_path / "elsewhere", create=True)
    late = [make_run(elsewhere, "late", start_s=START_S - 10**6) for _ in range(2)]
    store = open_store(tmp_path / "store", create=True)
    for _ in range(FIRST_LOOK + 1):
        make_run(store, "here")
    session = Session(store)
    freshness = Freshness(session.index, 0.05)
    changes, told = Changes(session, freshness), threading.Event()
    try:
        with changes.watching(told.set):
            changes.wait_until_looking(DEADLINE_S)
            place = changes.place()
            _copy_with_its_times(tmp_path / "elsewhere", tmp_path / "store")
            assert told.wait(DEADLINE_S)
            assert set(changes.since(place).runs) <= set(late)
            assert changes.since(place).runs
    finally:
        freshness.close()
    session.refresh()
    assert {run.uid for run in session.index.arrivals(2)} == set(late)
    assert not {run.uid for run in session.index.latest(FIRST_LOOK)} & set(late)


def _copy_with_its_times(source, target):
    """As `rsync -a` does: directories, too, have the times that they had."""
    for directory in (source / "runs" / "late").iterdir():
        os.utime(directory, ns=((START_S - 10**6) * S,) * 2)
    shutil.copytree(source / "runs" / "late", target / "runs" / "late")
