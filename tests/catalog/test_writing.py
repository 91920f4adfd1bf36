"""Two readers that read the same and write one after the other: the second one finds that it was done."""

from __future__ import annotations

import runlore
from runlore.catalog import open_catalog
from runlore.catalog.changes import Candidate
from runlore.catalog.reading import read_run
from runlore.catalog.writing import load_known, write_runs
from runlore.store import open_store


def test_a_run_that_another_reader_settled_meanwhile_is_left_as_it_is(tmp_path):
    """Nothing was added to its journal; that its writer is dead is all that changed."""
    store = open_store(tmp_path / "store", create=True)
    with runlore.start("e", store=store, tags={"a": "b"}, capture=False) as run:
        run.log_metric("m", 1.0)
    catalog = open_catalog(store)
    catalog.refresh()
    path = f"e/{run.uid}"
    with catalog.database.writing() as connection:
        connection.run("UPDATE runs SET state = 'open'")
        for table in ("params", "tags", "metrics"):
            connection.run(f"DELETE FROM {table}")
    with catalog.database.reading() as connection:
        known = load_known(connection, [path])
    first, second = (read_run(store.runs_root, Candidate(path, 1), known[path]) for _ in range(2))
    write_runs(catalog.database, [first])
    write_runs(catalog.database, [second])
    assert [found.uid for found in catalog.page("tags.a = b and metrics.m = 1").runs] == [run.uid]
    assert catalog.misfiled_runs() == []
