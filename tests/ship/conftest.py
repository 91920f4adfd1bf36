"""A server, and a spool of the test's own."""

from __future__ import annotations

import os

import pytest
from tests.server.live import serving

from runlore.store import open_store


@pytest.fixture(autouse=True)
def spool_root(tmp_path, monkeypatch):
    """Where the spools are."""
    for name in [name for name in os.environ if name.startswith("RUNLORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNLORE_SPOOL", str(tmp_path / "spool"))
    return tmp_path / "spool"


@pytest.fixture
def store_path(tmp_path):
    return open_store(tmp_path / "store", create=True).location


@pytest.fixture
def address(store_path):
    with serving(store_path) as found:
        yield found
