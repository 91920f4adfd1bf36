"""The catalog of one store says the same in each kind of database, and several readers of one database do no harm."""

from __future__ import annotations

import math
import multiprocessing
import os
import sqlite3

import psycopg
import pytest
from tests.reader.made_runs import make_run

import runlore
from runlore import registry
from runlore.catalog.catalog import Catalog, open_catalog, open_database
from runlore.catalog.database.sqlite import NoRoom, SqliteDatabase
from runlore.errors import InvalidArgument, NotReachable
from runlore.index import RunReference
from runlore.index.records import CardFilter
from runlore.store import open_store

HARD = {
    "nul": "a\0b",
    "surrogate": "x\ud800y",
    "private": "\U0010f000\U0010f800\U0010f801",
    "tab\tnew\nline\\": "\t\n\r\\N\\.",
    "é": "größe",
}
PARAMS = {
    **HARD, "zero": -0.0, "nan": math.nan, "inf": math.inf, "minus": -math.inf, "big": 2**63, "bigger": 2**70 + 1,
    "huge": 10**400, "none": None, "flag": True, "list": [1, "\0", math.nan], "tiny": 5e-324,
}  # fmt: skip


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog(request, store):
    address = request.getfixturevalue("postgres_address") if request.param == "postgresql" else None
    made = Catalog(store, open_database(address, store))
    yield made
    made.rebuild()
    made.close()


def record(store, experiment="e", **options):
    with runlore.start(experiment, store=store, capture=False, **options) as run:
        run.log_metric("m", 1.0, step=1)
    return run


def everything(catalog):
    """All that an index says, with the sign of zero and NaN, as text."""
    uids = [run.uid for run in catalog.page(include_deleted=True).runs]
    return repr(
        [
            catalog.page(facts=True), catalog.runs(uids), catalog.series(uids), catalog.artifacts(uids),
            catalog.experiments(), [catalog.keys(kind) for kind in ("params", "metrics", "tags")],
            catalog.cards(CardFilter(deleted=True)), catalog.links(uids), catalog.find(RunReference.parse("e#-1")),
        ]
    )  # fmt: skip


def test_hard_values_come_out_alike_and_as_they_went_in(store, postgres_address):
    with runlore.start("e", store=store, params=PARAMS, tags=HARD, description="a\0b", capture=False) as run:
        for value in (-0.0, math.nan, math.inf, -math.inf, 5e-324):
            run.log_metric(f"m {value}", value, step=-0.0)
        run.log_metric("k\ud800", 1.0)
        run.log_text("note.txt", "words")
    registry.register("data", "s", "card", store=store, run=run.uid, tags={"a": "b"})
    catalogs = [Catalog(store, open_database(address, store)) for address in (None, postgres_address)]
    for catalog in catalogs:
        catalog.refresh()
        facts = catalog.runs([run.uid])[0].facts
        assert repr(dict(facts.params)) == repr(dict(sorted(PARAMS.items())))
        assert facts.tags == HARD
        assert facts.metrics["k\ud800"] == 1.0
        assert math.copysign(1, facts.metrics["m -0.0"]) == -1
        assert catalog.misfiled_runs() == []
    assert everything(catalogs[0]) == everything(catalogs[1])
    for query, order_by in (
        ("params.bigger > 1180591620717411303424 and params.huge > 1e300", "params.nul"),
        ("tags.nul like 'a_b' and tags.surrogate matches '^x.y$'", "-tags.surrogate"),
        ("metrics.`m nan` = nan and not metrics.`m nan` < 1", "metrics.`m inf`"),
        ("at(metrics.`m inf`, 0) = inf and params.inf = inf", "at(metrics.`m -0.0`, 0)"),
    ):
        assert [[found.uid for found in catalog.page(query, order_by).runs] for catalog in catalogs] == [[run.uid]] * 2
    for catalog in catalogs:
        catalog.rebuild()
        catalog.close()


def test_a_run_is_followed_from_its_start_to_its_end_and_beyond(store, catalog):
    run = runlore.start("e", store=store, params={"lr": 0.1}, capture=False)
    run.log_metric("loss", 2.0, step=1)
    catalog.refresh()
    assert [found.is_open for found in catalog.page("metrics.loss = 2 and params.lr = 0.1", "metrics.loss").runs] == [
        True
    ]
    run.log_metric("loss", 1.0, step=2)
    run.set_tag("a", "b")
    catalog.refresh()
    assert len(catalog.page("metrics.loss = 1 and tags.a = b").runs) == 1
    run.finish()
    catalog.refresh()
    assert [found.is_open for found in catalog.page("metrics.loss = 1 and tags.a = b").runs] == [False]
    with runlore.resume(run.uid, store=store, capture=False) as again:
        again.log_metric("loss", 0.5, step=3)
        catalog.refresh()
        assert [found.is_open for found in catalog.page("metrics.loss = 0.5").runs] == [True]
        assert catalog.page("metrics.loss = 1").runs == ()
    catalog.refresh()
    assert catalog.series([run.uid])[run.uid]["loss"].points == 3
    assert catalog.misfiled_runs() == []


def test_a_catalog_of_another_version_is_made_anew(store, catalog):
    run = record(store)
    catalog.refresh()
    with catalog.database.writing() as connection:
        connection.run("UPDATE properties SET value = '1' WHERE name = 'version'")
        connection.run("UPDATE runs SET name = 'of another version'")
    catalog.close()
    catalog.refresh()
    assert [(found.uid, found.name) for found in catalog.page().runs] == [(run.uid, None)]


def _refresh(barrier, root, address, failures):
    catalog = Catalog(open_store(root), open_database(address, open_store(root)))
    barrier.wait(60)
    try:
        for _ in range(5):
            catalog.refresh()
    except Exception as error:
        failures.put(repr(error))
        raise
    catalog.close()


def test_readers_that_index_at_once_do_no_harm(store, catalog, request):
    is_postgres = "postgresql" in request.node.name
    address = request.getfixturevalue("postgres_address") if is_postgres else None
    for index in range(20):
        record(store, f"e{index % 3}", params={"p": index}, tags={"t": "x"})
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(4), context.Queue()
    arguments = (barrier, store.root, address, failures)
    readers = [context.Process(target=_refresh, args=arguments) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(120)
    assert [reader.exitcode for reader in readers] == [0] * 4, failures.get() if not failures.empty() else ""
    assert sorted(run.facts.params["p"] for run in catalog.page(facts=True).runs) == list(range(20))
    assert len(catalog.page("metrics.m = 1 and tags.t = x").runs) == 20
    assert catalog.misfiled_runs() == []


def test_a_child_opens_connections_of_its_own(store, catalog):
    record(store)
    catalog.refresh()
    pid = os.fork()
    if not pid:
        os._exit(0 if len(catalog.page().runs) == 1 and catalog.refresh() >= 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    record(store)
    catalog.refresh()
    assert len(catalog.page().runs) == 2


def test_two_stores_in_one_database_know_nothing_of_each_other(tmp_path, postgres_address):
    first, second = (open_store(tmp_path / name, create=True) for name in ("first", "second"))
    record(first)
    for place in (first, second):
        open_catalog(place, postgres_address).refresh()
    assert len(open_catalog(first, postgres_address).page().runs) == 1
    assert open_catalog(second, postgres_address).page().runs == ()
    assert open_catalog(first, postgres_address) is open_catalog(first, postgres_address)
    assert open_catalog(first) is not open_catalog(first, postgres_address)
    for place in (first, second):
        open_catalog(place, postgres_address).rebuild()
        open_catalog(place, postgres_address).close()


def test_connections_that_the_server_ended_are_opened_again(store, postgres_address):
    record(store)
    catalog = Catalog(store, open_database(postgres_address, store))
    catalog.refresh()
    with psycopg.connect(postgres_address, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid != pg_backend_pid() AND datname IS NOT NULL"
        )
    assert len(catalog.page().runs) == 1
    record(store)
    catalog.refresh()
    assert len(catalog.page().runs) == 2
    catalog.rebuild()
    catalog.close()


def test_an_address_that_is_none_and_a_server_that_is_not_there_are_said(store, tmp_path):
    with pytest.raises(InvalidArgument, match="no address of PostgreSQL"):
        open_catalog(store, "postgresql://[")
    with pytest.raises(NotReachable, match="does not answer") as caught:
        open_catalog(store, f"postgresql://someone:secret@/postgres?host={tmp_path}").page()
    assert "secret" not in str(caught.value)


def test_a_catalog_for_which_one_process_has_no_room_stays_where_others_read_it(store, tmp_path):
    run = make_run(store)
    path, other = str(tmp_path / "one.sqlite"), str(tmp_path / "other.sqlite")
    reader, writer = Catalog(store, SqliteDatabase(path)), Catalog(store, SqliteDatabase(path, [other]))
    reader.refresh()
    writer.refresh()
    with pytest.raises(NoRoom) as failed, writer.database.writing():
        raise sqlite3.OperationalError("database or disk is full")
    assert writer.database.recover(failed.value)
    writer.refresh()
    assert writer.path == other
    for catalog in (reader, writer):
        assert [found.uid for found in catalog.runs([run])] == [run]
