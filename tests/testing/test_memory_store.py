"""The store in memory keeps the contract of a store."""

from __future__ import annotations

import pytest

from runlore.testing import MemoryStore
from runlore.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self):
        return MemoryStore()
