"""A directory keeps the contract of a store; with its catalog it answers as the store in memory does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from tests.testing.directory_machine import DirectoryMachine

from runlore.store import open_store
from runlore.testing.index_suite import IndexSuite
from runlore.testing.store_suite import StoreSuite


class TestDirectoryStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path):
        return open_store(tmp_path / "store", create=True)


class TestDirectoryIndex(IndexSuite):
    @pytest.fixture
    def store(self, tmp_path):
        return open_store(tmp_path / "store", create=True)


TestDirectoryMachine = DirectoryMachine.TestCase
TestDirectoryMachine.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
