"""What a metric means: recorded by a run, and heeded wherever runs are compared."""

from __future__ import annotations

import pytest

import runlore
from runlore.errors import InvalidArgument, InvalidName, RunEnded
from runlore.opening import open_store
from runlore.reader.cells import Field, columns_of
from runlore.store.directory import DirectoryStore
from runlore.store.sealed.sealing import seal_store
from runlore.testing import MemoryStore


@pytest.fixture(params=["directory", "memory"])
def store(request, tmp_path):
    return open_store(str(tmp_path / "store"), create=True) if request.param == "directory" else MemoryStore()


def record(store, values, *, best=None, key="acc", experiment="e"):
    with runlore.start(experiment, store=store, capture=False) as run:
        for step, value in enumerate(values):
            run.log_metrics({key: value, "epoch": step // 2}, step=step)
        if best:
            run.define_metric(key, best=best, x="epoch")
    return run.uid


def test_what_was_said_is_read_again_also_when_sealed(store):
    uid = record(store, [0.1, 0.3], best="max")
    assert runlore.get_run(uid, store=store).definitions == {"acc": {"best": "max", "x": "epoch"}}
    if isinstance(store, DirectoryStore):
        seal_store(store)
    assert runlore.get_run(uid, store=store).definitions == {"acc": {"best": "max", "x": "epoch"}}


def test_queries_and_orders_know_the_best(store):
    record(store, [0.9, 0.2])
    record(store, [0.5, 0.7], best="max")
    record(store, [0.1, 0.3])
    found = runlore.runs("best(metrics.acc) >= 0.7", order_by="-best(metrics.acc)", store=store)
    assert found["run"].tolist() == [1, 2]
    assert runlore.runs(order_by="best(metrics.acc)", store=store)["run"].tolist() == [3, 2, 1]
    assert runlore.runs("not best(metrics.acc) > 0.6 or status = failed", store=store)["run"].tolist() == [3]


def test_what_the_latest_run_says_counts_for_all(store):
    record(store, [0.9, 0.2], best="max")
    record(store, [0.5, 0.7], best="min")
    assert runlore.runs(order_by="best(metrics.acc)", store=store)["run"].tolist() == [1, 2]


def test_of_one_experiment_its_own_runs_are_asked(store):
    record(store, [0.9, 0.2], best="max", experiment="a")
    record(store, [0.9, 0.2], best="min", experiment="b")
    assert len(runlore.experiment("a", store=store).runs("best(metrics.acc) > 0.8")) == 1
    assert runlore.experiment("b", store=store).runs("best(metrics.acc) < 0.8").shape[0] == 1


def test_where_nobody_said_it_the_error_says_how(store):
    record(store, [0.9])
    with pytest.raises(InvalidArgument, match=r"run\.define_metric\('acc', best='max'\)"):
        runlore.runs("best(metrics.acc) > 0.5", store=store)
    with pytest.raises(InvalidArgument, match="no run says what is best of any metric"):
        runlore.experiment("e", store=store).summary(value="best")


def test_tables_and_summaries_have_the_best(store):
    record(store, [0.9, 0.2])
    record(store, [0.5, 0.7], best="max")
    summary = runlore.experiment("e", store=store).summary(value="best")
    assert summary[["key", "max"]].iloc[0].tolist() == ["acc", 0.9]
    assert summary["key"].tolist() == ["acc", "duration_s"]
    from runlore.reader.session import Session

    session = Session(store).refresh()
    runs = session.page(None, "number", facts=True).runs
    assert columns_of(session, runs, [Field.parse("metrics.acc:best")], None)["metrics.acc:best"] == [0.9, 0.7]


def test_an_index_asked_by_itself_says_that_it_does_not_know(store):
    uid = record(store, [0.5], best="max")
    from runlore.reader.session import Session

    with pytest.raises(InvalidArgument, match=r"best\(metrics\.acc\) has no meaning by itself"):
        Session(store).refresh().page("best(metrics.acc) > 0", experiment="e")
    assert runlore.get_run(uid, store=store).definitions


def test_what_makes_no_sense_is_refused_before_anything_is_recorded(store):
    with runlore.start("e", store=store, capture=False) as run:
        with pytest.raises(InvalidArgument, match="best='most' must be 'min' or 'max'"):
            run.define_metric("acc", best="most")
        with pytest.raises(InvalidArgument, match="says nothing"):
            run.define_metric("acc")
        with pytest.raises(InvalidArgument, match="x='acc' is the metric itself"):
            run.define_metric("acc", x="acc")
        with pytest.raises(InvalidName):
            run.define_metric("", best="max")
    with pytest.raises(RunEnded):
        run.define_metric("acc", best="max")
    assert runlore.get_run(run.uid, store=store).definitions == {}
