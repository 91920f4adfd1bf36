"""The catalog: derived, incremental, shared, and rebuilt whenever it is missing, foreign or damaged."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

import runlore
from runlore.catalog import open_catalog, refresh
from runlore.catalog.catalog import Catalog
from runlore.catalog.changes import find_changes
from runlore.errors import UnsupportedFormat
from runlore.journal import liveness
from runlore.store import open_store


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    return tmp_path / "store"


def record(experiment="e", value=1.0, **options):
    with runlore.start(experiment, params={"p": value}, **options) as run:
        run.log_metric("m", value, step=1)
    return run


def test_a_refresh_looks_only_at_what_changed(store):
    for index in range(5):
        record(f"e/{index % 2}", float(index))
    catalog = open_catalog(open_store())
    time.sleep(0.1)  # directory times younger than the clock's grain are not trusted
    assert catalog.refresh() == 5
    assert catalog.refresh() == 0
    record("e/0")
    assert catalog.refresh() == 1
    live = runlore.start("e/1")
    assert catalog.refresh() == 1
    assert catalog.refresh() == 1
    live.finish()
    time.sleep(0.1)
    catalog.refresh()
    assert catalog.refresh() == 0


def test_open_runs_are_brought_up_to_date_alone(store):
    ended = record()
    asked, other = runlore.start("e"), runlore.start("e")
    catalog = open_catalog(open_store())
    catalog.refresh()
    for run in (asked, other):
        run.log_metric("m", 2.5, step=7)
    assert catalog.refresh_open([asked.uid])
    steps = {uid: found["m"].last_step for uid, found in catalog.series([asked.uid, other.uid]).items() if "m" in found}
    assert steps == {asked.uid: 7}
    assert not catalog.refresh_open([asked.uid, ended.uid])  # what has ended may be sealed: its directory says so
    assert not catalog.refresh_open([asked.uid, "0" * 32])
    made = runlore.start("e")
    assert not catalog.refresh_open([made.uid])  # its directory was not found yet
    for run in (asked, other, made):
        run.finish()
    assert catalog.refresh_open([asked.uid])  # the catalog took it for open
    [found] = catalog.runs([asked.uid])
    assert found.status == "succeeded"


def test_events_recorded_after_the_end_are_found(store):
    run = record()
    open_catalog(open_store()).refresh()
    time.sleep(0.1)
    open_catalog(open_store()).refresh()
    with runlore.resume(run.uid) as again:
        again.set_tag("late", "yes")
    assert runlore.get_run(run.uid).tags == {"late": "yes"}


def test_a_deleted_directory_is_forgotten(store):
    keep, drop = record(), record("other")
    assert len(runlore.runs()) == 2
    shutil.rmtree(drop.path)
    assert runlore.runs()["uid"].tolist() == [keep.uid]
    shutil.rmtree(os.path.dirname(drop.path))
    assert runlore.runs()["uid"].tolist() == [keep.uid]


def test_a_copied_run_is_found(store, tmp_path):
    run = record("deep/er")
    other = tmp_path / "other"
    runlore.start("x", store=other).finish()
    assert len(runlore.runs(store=other)) == 1
    shutil.copytree(store / "runs" / "deep", other / "runs" / "deep", copy_function=shutil.copy2)
    assert runlore.get_run(run.uid, store=other).metrics == {"m": 1.0}


@pytest.mark.parametrize("harm", ["delete", "garbage", "newer", "older_tables", "older_columns", "cut", "empty"])
def test_a_catalog_that_is_gone_damaged_or_foreign_is_rebuilt(store, harm):
    run = record()
    assert len(runlore.runs()) == 1
    catalog = open_catalog(open_store())
    catalog.close()
    path = catalog.path
    for suffix in ("-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    if harm == "delete":
        os.unlink(path)
    elif harm == "garbage":
        with open(path, "wb") as file:
            file.write(os.urandom(5000))
    elif harm == "empty":
        open(path, "wb").close()
    elif harm == "cut":
        os.truncate(path, 20_000)
    else:
        connection = sqlite3.connect(path)
        if harm == "newer":
            connection.execute("UPDATE properties SET value = '999' WHERE name = 'version'")
        elif harm == "older_columns":
            connection.execute("UPDATE properties SET value = substr(value, 1, instr(value, '.')) || '00000000'")
            connection.execute("ALTER TABLE runs DROP COLUMN active_ns")
        else:
            connection.execute("DROP TABLE metrics")
        connection.commit()
        connection.close()
    assert runlore.runs()["uid"].tolist() == [run.uid]
    assert runlore.get_run(run.uid).metrics == {"m": 1.0}


def test_the_catalog_of_a_store_on_a_network_mount_is_in_the_cache(store, monkeypatch):
    run = record()
    monkeypatch.setattr(liveness, "file_system", lambda _: "nfs4")
    assert runlore.runs()["uid"].tolist() == [run.uid]
    assert not (store / "catalog.sqlite").exists()
    assert open_catalog(open_store()).path.startswith(os.environ["RUNLORE_CACHE"])


def test_a_store_that_cannot_be_written_to_is_read_through_the_cache(store, monkeypatch):
    run = record()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: False if mode == os.W_OK else real(path, mode))
    catalog = Catalog(open_store())
    assert catalog.path.startswith(os.environ["RUNLORE_CACHE"])
    catalog.refresh()
    assert [found.uid for found in catalog.page().runs] == [run.uid]
    assert not (store / "catalog.sqlite").exists()


def test_a_newer_store_is_refused(store):
    record()
    (store / "format").write_text("2\n")
    with pytest.raises(UnsupportedFormat, match="Upgrade"):
        runlore.runs()
    with pytest.raises(UnsupportedFormat, match="Upgrade"):
        runlore.start("e")


WRITER = """
import sys, runlore
for i in range(int(sys.argv[1])):
    with runlore.start("e", capture=False, params={"p": i}) as run:
        for s in range(20):
            run.log_metrics({"a": s, "b": -s}, step=s)
"""

READER = """
import json, sys, time, runlore
from runlore.errors import NotFound
seen = 0
while True:
    try:
        table = runlore.runs("status = 'succeeded'")
    except NotFound:
        time.sleep(0.01)
        continue
    assert len(table) >= seen
    seen = len(table)
    if seen:
        assert set(table["points"]) == {40}, table["points"].tolist()
        assert (table["metrics.a"] == 19).all()
        assert (table["metrics.b"] == -19).all()
    if seen == int(sys.argv[1]):
        break
"""


def test_several_readers_and_writers_at_once(store):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, "15"]) for _ in range(3)]
    readers = [subprocess.Popen([sys.executable, "-c", READER, "45"]) for _ in range(3)]
    assert [process.wait(120) for process in writers + readers] == [0] * 6
    table = runlore.runs()
    assert sorted(table["run"]) == list(range(1, 46))


def _refresh(root):
    Catalog(open_store(root)).refresh()


def test_readers_that_index_at_once_do_no_harm(store):
    for index in range(30):
        record(value=float(index))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_refresh, [str(store)] * 8)
    table = runlore.runs(order_by="number")
    assert table["points"].tolist() == [1] * 30
    assert table["metrics.m"].tolist() == [float(index) for index in range(30)]


def test_progress_is_told(store):
    for _ in range(3):
        record()
    calls = []
    open_catalog(open_store()).refresh(lambda done, total: calls.append((done, total)))
    assert calls == [(3, 3)]


def test_integers_beyond_a_floats_precision_are_kept(store):
    with runlore.start("e", params={"big": 2**70 + 1, "huge": 10**400}) as run:
        pass
    assert runlore.get_run(run.uid).params == {"big": 2**70 + 1, "huge": 10**400}


def test_the_sign_of_zero_is_kept(store):
    """SQLite stores -0.0 in a column of floats as the integer 0."""
    with runlore.start("e", params={"zero": -0.0}) as run:
        run.log_metric("m", -0.0, step=-0.0)
    view = runlore.get_run(run.uid)
    assert [math.copysign(1, found) for found in (view.metrics["m"], view.params["zero"])] == [-1, -1]
    assert runlore.runs("metrics.m = 0 and metrics.m <= -0.0")["run"].tolist() == [1]


def test_an_experiment_that_is_made_anew_between_a_reader_s_look_and_its_note_is_found(store):
    """Another reader finds the new directory first; the slower one forgets the old one."""
    record("e/a")
    runlore.runs()
    shutil.rmtree(store / "runs/e/a")
    slow = open_catalog(open_store())
    with slow.database.reading() as connection:
        changes = find_changes(connection, slow.store.runs_root)
    assert changes.gone_directories == ["e/a"]
    run = record("e/a")
    time.sleep(0.1)  # the directory's time is trusted by then
    assert runlore.runs()["uid"].tolist() == [run.uid]
    refresh._remember(slow.database, changes)
    later = record("e/a")
    assert sorted(runlore.runs()["uid"]) == [run.uid, later.uid]


def test_experiments_that_are_removed_while_a_reader_looks_do_it_no_harm(store):
    """Directories vanish between being listed and being looked at."""
    code = (
        "import runlore\nfor i in range(150):\n"
        "    for part in 'ab': runlore.start('e/' + part, capture=False).finish()\n"
        "    for part in 'ab': runlore.experiment('e/' + part).delete()"
    )
    remover = subprocess.Popen([sys.executable, "-c", code])
    record("kept")
    catalog = open_catalog(open_store())
    looks = 0
    while remover.poll() is None:
        catalog.refresh()
        looks += 1
    assert (remover.returncode, looks > 10) == (0, True)
    assert runlore.runs()["experiment"].tolist() == ["kept"]
