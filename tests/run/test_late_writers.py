"""What is recorded of a run after readers found it ended, by a child that was forked before, is seen all the same."""

from __future__ import annotations

import os

import pytest

import runlore


@pytest.mark.parametrize("mode", ["mmap", "write"])
def test_a_forked_child_that_records_after_the_end_is_heard(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("RUNLORE_JOURNAL", mode)
    store = tmp_path / "store"
    run = runlore.start("e", store=store, capture=False)
    run.log_metric("parent", 1.0, step=1)
    waiting, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(waiting, 1)
        run.log_metric("child", 2.0, step=2)
        run.log_param("late", True)
        os._exit(0)
    run.finish()
    assert runlore.get_run(run.uid, store=store).metrics == {"parent": 1.0}
    os.utime(store / "runs" / "e", ns=(10**18, 10**18))  # long ago: a time that readers trust
    os.utime(store / "runs" / "e" / run.uid, ns=(10**18, 10**18))
    assert runlore.get_run(run.uid, store=store).metrics == {"parent": 1.0}
    os.write(go, b"x")
    os.waitpid(child, 0)
    found = runlore.get_run(run.uid, store=store)
    assert (found.metrics, found.params, found.status) == ({"child": 2.0, "parent": 1.0}, {"late": True}, "succeeded")
    assert found.metric("child")["value"].tolist() == [2.0]
