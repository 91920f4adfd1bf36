"""Which database the catalog of a directory is kept in: the reader says so, by `RUNLORE_CATALOG`."""

from __future__ import annotations

import os

import pytest

import runlore
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.cli import run as run_command
from runlore.errors import InvalidArgument
from runlore.opening import directory_catalog, open_index
from runlore.store import open_store


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "store", create=True)
    for loss in (0.5, 0.1):
        with runlore.start("e", store=store, params={"lr": 0.1}, capture=False) as run:
            run.log_metric("loss", loss)
    return store


def test_readers_of_a_directory_use_the_database_that_is_named(store, postgres_address, monkeypatch, capsys):
    expected = runlore.runs("metrics.loss < 0.3", store=store)
    os.unlink(os.path.join(store.root, "catalog.sqlite"))
    monkeypatch.setenv("RUNLORE_CATALOG", postgres_address)
    catalog = directory_catalog(store)
    try:
        assert open_index(store) is catalog
        assert "schema=runlore_" in catalog.path
        found = runlore.runs("metrics.loss < 0.3", store=store)
        assert found.to_dict() == expected.to_dict()
        runlore.get_run("e#2", store=store).set_tag("stage", "checked")
        assert runlore.runs("tags.stage = checked", store=store)["run"].tolist() == [2]
        assert run_command(["runs", "-e", "e", "--store", store.root]) == 0
        assert run_command(["doctor", "--store", store.root]) == 0
        with catalog.database.writing() as connection:
            connection.run("UPDATE runs SET name = 'another'")
        assert run_command(["doctor", "--store", store.root]) == 1
        assert "schema=runlore_" in capsys.readouterr().out
        assert run_command(["doctor", "--repair", "--store", store.root]) == 0
        assert runlore.runs("metrics.loss < 0.3", store=store).to_dict()["run"] == {0: 2}
        assert not os.path.exists(os.path.join(store.root, "catalog.sqlite"))
    finally:
        catalog.rebuild()
        catalog.close()


@pytest.mark.parametrize("unset", [None, ""])
def test_without_an_address_it_is_a_file_of_the_store(store, monkeypatch, unset):
    if unset is not None:
        monkeypatch.setenv("RUNLORE_CATALOG", unset)
    assert isinstance(directory_catalog(store).database, SqliteDatabase)
    assert directory_catalog(store).path == os.path.join(store.root, "catalog.sqlite")


@pytest.mark.parametrize("address", ["mysql://someone:secret@host/name", "/some/secret", "secret"])
def test_an_address_of_another_kind_is_refused_and_its_password_is_not_shown(store, monkeypatch, capsys, address):
    monkeypatch.setenv("RUNLORE_CATALOG", address)
    with pytest.raises(InvalidArgument, match=r"RUNLORE_CATALOG .*postgresql://user@host/name") as caught:
        runlore.runs(store=store)
    assert "secret" not in str(caught.value)
    assert run_command(["runs", "--store", store.root]) == 2
    said = capsys.readouterr().err
    assert "RUNLORE_CATALOG" in said
    assert "secret" not in said
    assert "Traceback" not in said


def test_a_database_that_does_not_answer_is_said_without_its_password(store, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("RUNLORE_CATALOG", f"postgresql://someone:secret@/name?host={tmp_path}")
    assert run_command(["runs", "--store", store.root]) != 0
    said = capsys.readouterr().err
    assert "does not answer" in said
    assert "secret" not in said
    assert "Traceback" not in said
