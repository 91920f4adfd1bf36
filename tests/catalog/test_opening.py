"""Processes that open a new catalog at the same moment."""

from __future__ import annotations

import gc
import multiprocessing
import sqlite3

import pytest

from runlore.catalog.database.sqlite import SqliteDatabase


def _open(barrier, paths):
    for path in paths:
        barrier.wait(60)
        database = SqliteDatabase(path)
        with database.reading() as connection:
            assert connection.rows("SELECT count(*) FROM runs") == [(0,)]
        database.close()


def test_a_new_catalog_can_be_opened_by_several_processes_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    paths = [str(tmp_path / f"{number}.sqlite") for number in range(15)]
    processes = [context.Process(target=_open, args=(barrier, paths)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4


def test_a_database_that_is_forgotten_leaves_no_connection_open(tmp_path):
    database = SqliteDatabase(str(tmp_path / "c.sqlite"))
    with database.writing() as writing, database.reading() as reading:
        kept = [writing.raw, reading.raw]
    assert [raw.execute("SELECT 1").fetchone() for raw in kept] == [(1,)] * 2
    del database, writing, reading
    gc.collect()
    for raw in kept:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            raw.execute("SELECT 1")
