"""A store, a server for it, and a client."""

from __future__ import annotations

import httpx
import pytest
from tests.server.live import serving

from runlore.store import open_store


@pytest.fixture
def store_path(tmp_path):
    return open_store(tmp_path / "store", create=True).location


@pytest.fixture
def address(store_path):
    with serving(store_path) as found:
        yield found


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=30) as opened:
        yield opened
