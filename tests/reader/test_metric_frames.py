"""`RunView.metric` is what `data` has of the series, whatever the run is, and takes little more than its own bytes."""

from __future__ import annotations

import math
import tracemalloc

import pandas as pd
import pytest

import runlore
from runlore.store import segments
from runlore.store.sealed.sealing import seal_run


def record(store, how):
    with runlore.start("e", store=store, capture=False) as run:
        for step in range(50):
            run.log_metric("plain", step / 7, step=step)
            run.log_metrics({"row": 1.0 * step, "other": 2.0}, step=50 - step)
        run.log_metric("all", 1.0)
        run.log_metric("strange", math.nan, step=0.5)
        run.log_metric("strange", -math.inf)
        run.log_event("metric", "own", 1.0, step=1, columns={"fold": 3})
        run.log_metric("own", 2.0, step=2)
        run.log_extra(node_rank=2)
        run.log_metric("own", 3.0, step=3)
    with runlore.resume(run.uid, store=store, capture=False) as again:
        again.log_metric("plain", 9.0, step=3, time=1.0)
    if how == "sealed":
        assert seal_run(run.store, run.path).outcome == "sealed"
    return runlore.get_run(run.uid, store=store)


@pytest.mark.parametrize("how", ["journal", "sealed"])
def test_a_metric_is_what_the_data_have_of_it(tmp_path, how):
    view = record(tmp_path / "store", how)
    everything = view.data(event="metric")
    for key in view.metrics:
        found = view.metric(key)
        wanted = everything[everything["key"] == key][["step", "value", "time"]].reset_index(drop=True)
        wanted["step"] = wanted["step"].astype(found["step"].dtype)
        pd.testing.assert_frame_equal(found, wanted.astype({"value": "float64"}))
        found["value"] += 1  # it is the caller's own
        found.loc[0, "value"] = 5.0


def test_a_long_live_series_takes_little_more_than_its_columns(tmp_path, monkeypatch):
    """Its columns are 24 bytes a point; what is mapped of the files that readers keep is the system's."""
    monkeypatch.setattr(segments, "MIN_BYTES", 1)
    count = 100_000
    with runlore.start("e", store=tmp_path / "store", capture=False) as run:
        for step in range(count):
            run.log_metric("loss", 0.5, step)
        view = runlore.get_run(run.uid, store=tmp_path / "store")
        assert len(view.metric("loss")) == count
        tracemalloc.start()
        try:
            found = view.metric("loss")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(found) == count
    assert peak < 45 * count  # among them a window of 1 MiB
