"""Readers that look while a run is just being made, before anything is recorded of it, see it all the same later."""

from __future__ import annotations

import os

import pytest

from runlore.opening import open_index
from runlore.run.recording import begin_run
from runlore.store import open_store
from runlore.store.directory import DirectoryStore


@pytest.mark.parametrize("age_s", [0, 3600])
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_who_looks_between_a_runs_directory_and_its_first_journal_sees_the_run(tmp_path, monkeypatch, age_s, looks):
    open_store(str(tmp_path / "store"), create=True)
    index = open_index(open_store(str(tmp_path / "store")))
    made = DirectoryStore.create_run

    def make_and_look(self, experiment, uid):
        created = made(self, experiment, uid)
        directory = self.run_directory(experiment, uid)
        for place in (directory, os.path.dirname(directory)):  # its directories may be of one time, that readers trust
            then = os.stat(directory).st_mtime_ns - age_s * 10**9
            os.utime(place, ns=(then, then))
        for _ in range(looks):
            index.refresh()
            assert not index.page().runs  # it is no run yet
        return created

    monkeypatch.setattr(DirectoryStore, "create_run", make_and_look)
    begun = begin_run(open_store(str(tmp_path / "store")), "e")
    begun.recorder.scalar("m", 1.0)
    index.refresh()
    assert [run.status for run in index.page("metrics.m > 0").runs] == ["running"]
    begun.recorder.close()
