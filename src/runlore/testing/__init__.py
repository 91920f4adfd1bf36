"""What tests need: a store in memory, and the suites that say what a store and an index are.

`MemoryStore` is a store for tests of your own: nothing is written anywhere.

    import runlore
    from runlore.testing import MemoryStore

    store = MemoryStore()
    with runlore.start("iris", store=store, capture=False) as run:
        run.log_metric("acc", 0.9)
    assert runlore.get_run(run.uid, store=store).metrics == {"acc": 0.9}

`StoreSuite` and `IndexSuite` (in `runlore.testing.store_suite` and `index_suite`, which need pytest) and `StoreMachine`
(in `runlore.testing.machine`, which needs Hypothesis) are the tests that every kind of store passes; a kind of its own
overrides one fixture.
"""

from __future__ import annotations

from runlore.testing.memory_store import MemoryStore

__all__ = ["MemoryStore"]
