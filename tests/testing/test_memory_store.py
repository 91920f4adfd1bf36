"""The store in memory keeps the contract of a store."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

import runlore
from runlore.errors import NotLocal
from runlore.testing import MemoryStore
from runlore.testing.index_suite import IndexSuite
from runlore.testing.machine import StoreMachine
from runlore.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestMemoryIndex(IndexSuite):
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


def test_what_is_recorded_in_it_is_read_as_from_any_store():
    store = MemoryStore()
    with runlore.start("iris", "first", params={"lr": 0.1}, tags=["t"], store=store, capture=False) as run:
        run.log_metric("acc", 0.9, step=1)
        run.log_text("notes", name="notes.txt")
        with run.child("below") as child:
            child.log_metric("acc", 0.5)
    view = runlore.get_run("iris#1", store=store)
    assert (view.status, view.params, view.metrics, view.tags) == ("succeeded", {"lr": 0.1}, {"acc": 0.9}, {"t": ""})
    assert view.artifact("notes.txt").read_text() == "notes"
    assert [other.name for other in view.children()] == ["below"]
    view.set_tag("stage", "checked")
    assert view.tags["stage"] == "checked"
    with runlore.resume(run.uid, store=store, capture=False) as again:
        again.log_metric("acc", 0.95, step=2)
    assert runlore.runs("metrics.acc > 0.9", store=store)["run"].tolist() == [1]
    assert runlore.experiment("iris", store=store).metric("acc", runs=1)["value"].tolist() == [0.9, 0.95]
    with pytest.raises(NotLocal, match="memory"):
        _ = run.path
