"""Sealed files of two copies of one run; `tests/housekeeping/test_merge.py` does the same from outside."""

from __future__ import annotations

import os
import shutil

import pytest

import runlore
from runlore.store.content import read_events, read_points
from runlore.store.seal_lock import sealing
from runlore.store.sealed.combining import adopt_sealed, combine_sealed
from runlore.store.sealed.files import open_sealed
from runlore.store.sealed.sealing import seal_run


@pytest.fixture
def copies(store, tmp_path):
    """Directories of two sealed copies of a run; each has a writer that the other has not."""
    with runlore.start("iris", store=store.root, capture=False) as run:
        run.log_metric("loss", 1, step=1)
    shutil.copytree(store.root, tmp_path / "twin")
    twin = os.path.join(tmp_path / "twin", os.path.relpath(run.path, store.root))
    for place, key in ((store.root, "here"), (str(tmp_path / "twin"), "there")):
        with runlore.resume(run.uid, store=place, capture=False) as again:
            again.log_extra(side=key)
            again.log_metric(key, 0.5, step=2)
    for directory in (run.path, twin):
        seal_run(store, directory)
    return run.path, twin


def test_combined_files_have_every_writer(copies):
    here, there = (open_sealed(directory) for directory in copies)
    with sealing(copies[0]) as lock:
        combine_sealed(copies[0], {**dict.fromkeys(there.writers, there), **dict.fromkeys(here.writers, here)}, lock)
    here.close()
    there.close()
    points = read_points(copies[0])
    assert points.names == ["here", "loss", "there"]
    assert points.value.tolist() == [1, 0.5, 0.5]
    assert {extra["side"] for _, _, extra in points.extras if extra} == {"here", "there"}
    assert [event.kind for event in read_events(copies[0])].count("stop") == 3
    combined = open_sealed(copies[0])
    assert combined.about["points"] == 3
    combined.close()
    assert sorted(os.listdir(copies[0])) == ["events.parquet", "journal", "metrics.parquet"]


def test_adopted_files_are_those_of_the_other_copy(copies):
    there = open_sealed(copies[1])
    with sealing(copies[0]) as lock:
        adopt_sealed(there, copies[0], lock)
    there.close()
    assert read_points(copies[0]).names == ["loss", "there"]
    assert read_events(copies[0]) == read_events(copies[1])
    assert sorted(os.listdir(copies[0])) == ["events.parquet", "journal", "metrics.parquet"]
