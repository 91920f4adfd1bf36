"""A directory whose catalog is in PostgreSQL keeps the contracts, and answers as the store in memory does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from tests.testing.directory_machine import DirectoryMachine

from runlore.catalog.catalog import Catalog, open_database
from runlore.store import open_store
from runlore.testing.index_suite import IndexSuite
from runlore.testing.store_suite import StoreSuite


@pytest.fixture
def store(tmp_path, postgres_address, monkeypatch):
    monkeypatch.setenv("RUNLORE_CATALOG", postgres_address)
    return open_store(tmp_path / "store", create=True)


class TestStore(StoreSuite):
    @pytest.fixture
    def store(self, store):
        return store


class TestIndex(IndexSuite):
    @pytest.fixture
    def store(self, store):
        return store

    @pytest.fixture
    def index(self, store, postgres_address):
        catalog = Catalog(store, open_database(postgres_address, store))
        yield catalog
        catalog.rebuild()
        catalog.close()


@pytest.fixture(scope="class")
def _machine_in_postgres(postgres_address):
    DirectoryMachine.database = postgres_address
    yield
    DirectoryMachine.database = None


@pytest.mark.usefixtures("_machine_in_postgres")
class TestMachine(DirectoryMachine.TestCase):
    settings = settings(max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
