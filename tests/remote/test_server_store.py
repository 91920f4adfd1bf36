"""A server's store keeps the contract of a store, and its index answers as the store in memory does."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from tests.server.live import serving

from runlore.journal import liveness
from runlore.remote.store import open_server
from runlore.store import open_store
from runlore.testing.index_suite import IndexSuite
from runlore.testing.machine import StoreMachine
from runlore.testing.store_suite import StoreSuite


class TestServerStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RUNLORE_CACHE", str(tmp_path / "cache"))
        path = open_store(tmp_path / "store", create=True).location
        with serving(path) as address:
            store = open_server(address)
            yield store
            store.server.close()


class TestServerIndex(IndexSuite):
    @pytest.fixture
    def store(self, tmp_path):
        with serving(open_store(tmp_path / "store", create=True).location) as address:
            store = open_server(address)
            yield store
            store.server.close()


class ServerMachine(StoreMachine):
    """A directory behind a server in this process, and its client."""

    def open_store(self):
        # A process that is gone, as far as a journal's header tells: here death is a lock that nobody holds any more.
        self.started = liveness._own_start
        liveness._own_start = os.getpid(), 1
        self.directory = tempfile.mkdtemp()
        self.closing = contextlib.ExitStack()
        path = open_store(os.path.join(self.directory, "store"), create=True).location
        contexts = []
        store = open_server(self.closing.enter_context(serving(path, contexts=contexts)))
        self.closing.callback(store.server.close)
        self.recorders_of_server = contexts[0].recorders
        return store, store.index()

    def let_die(self, uid, recorder):
        """What a killed server leaves: a journal that ends without an end, and a lock that nobody holds."""
        with self.recorders_of_server.hold(uid, recorder._writer) as held:
            journal = held.recorder
        status = os.fstat(journal._lock_fd)
        liveness.held.discard((status.st_dev, status.st_ino))
        journal._abandon()

    def teardown(self):
        super().teardown()
        if hasattr(self, "index"):
            liveness._own_start = self.started
            self.closing.close()
            shutil.rmtree(self.directory)


TestServerMachine = ServerMachine.TestCase
TestServerMachine.settings = settings(
    max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
