"""Processes that open a new catalog at the same moment."""

from __future__ import annotations

import multiprocessing

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
