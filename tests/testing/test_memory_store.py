"""The store in memory keeps the contract of a store."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from runlore.testing import MemoryStore
from runlore.testing.machine import StoreMachine
from runlore.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class MemoryMachine(StoreMachine):
    """Two stores in memory: what the machine does to a store, it can do."""

    def open_store(self):
        store = MemoryStore()
        return store, store.index()

    def let_die(self, uid, recorder):
        self.store.recorded[uid].crash()


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
