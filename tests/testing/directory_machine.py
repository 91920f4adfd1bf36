"""What may happen to a store in a directory, beside a store in memory to which the same happens."""

from __future__ import annotations

import os
import shutil
import tempfile

from hypothesis.stateful import rule

from runlore.catalog.catalog import Catalog, open_database
from runlore.journal import liveness
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run
from runlore.testing.machine import StoreMachine


class DirectoryMachine(StoreMachine):
    """What may happen to a directory besides: it is sealed, copied, and its catalog is thrown away."""

    database = None
    """Address of the one that the catalog is kept in; None: a file of the store."""

    def open_store(self):
        # A process that is gone, as far as a journal's header tells: here death is a lock that nobody holds any more.
        self.started = liveness._own_start
        liveness._own_start = os.getpid(), 1
        self.directory = tempfile.mkdtemp()
        store = open_store(os.path.join(self.directory, "store"), create=True)
        return store, self.open_catalog(store)

    def open_catalog(self, store):
        return Catalog(store, open_database(self.database, store))

    def let_die(self, uid, recorder):
        """What a killed program leaves: a journal that ends without an end, and a lock that nobody holds."""
        status = os.fstat(recorder._lock_fd)
        liveness.held.discard((status.st_dev, status.st_ino))
        recorder._abandon()

    def teardown(self):
        super().teardown()
        if hasattr(self, "index"):
            liveness._own_start = self.started
            self.index.rebuild()  # what is kept elsewhere would stay
            self.index.close()
            shutil.rmtree(self.directory)

    @rule(uid=StoreMachine.ended)
    def seal(self, uid):
        seal_run(self.store, self.store.open_run(uid).directory)

    @rule()
    def rebuild(self):
        self.index.rebuild()

    @rule()
    def another_reader(self):
        other = self.open_catalog(self.store)
        other.refresh()
        other.close()
