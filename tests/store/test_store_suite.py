"""The store in a directory keeps the contract of a store."""

from __future__ import annotations

import pytest

from runlore.store import open_store
from runlore.testing.store_suite import StoreSuite


class TestDirectoryStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path):
        return open_store(tmp_path / "store", create=True)
