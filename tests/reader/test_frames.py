"""DataFrames of everything that was recorded: columns, dtypes, order, filters."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

import runlore
from runlore.errors import ExperimentNotFound, InvalidArgument, NotFound, RunNotFound, StoreNotFound
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run

COLUMNS = ["experiment", "run", "step", "event", "key", "value", "time", "node", "userid"]


@pytest.fixture(params=["live", "sealed"])
def iris(tmp_path, monkeypatch, request):
    """Three runs with numbers and other things, as journals or sealed."""
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    for lr in (0.1, 0.2, 0.3):
        with runlore.start("iris", params={"lr": lr, "layers": [1, 2]}, tags={"kind": "demo"}) as run:
            for step in range(4):
                run.log_metrics({"loss": lr / (step + 1), "acc": float(step)}, step=step)
            run.log_metric("final", lr)
            run.log_event("note", "n", {"a": 1}, fold=2)
    if request.param == "sealed":
        store = open_store()
        for view in runlore.experiment("iris"):
            assert seal_run(store, view.directory).outcome == "sealed"
    return runlore.experiment("iris")


def test_columns_order_and_index(iris):
    data = iris.data()
    assert data.columns.tolist() == [*COLUMNS, "fold"]
    assert isinstance(data.index, pd.RangeIndex)
    assert data["time"].is_monotonic_increasing
    assert data["time"].dtype == "datetime64[ns, UTC]"
    assert data["run"].dtype == "int64"
    one = iris.data(run=1)
    assert one["event"].tolist() == ["start", "param", "param", "tag", *["metric"] * 9, "note", "stop"]
    assert one["key"].tolist() == ["start", "lr", "layers", "kind", *["loss", "acc"] * 4, "final", "n", "stop"]
    assert one["value"].tolist()[1:4] == [0.1, [1, 2], "demo"]


def test_dtypes_of_plain_numbers(iris):
    metrics = iris.data(event="metric", key="loss")
    assert metrics["value"].dtype == "float64"
    assert metrics["step"].dtype == "int64"
    assert iris.data(event="metric")["step"].dtype == "float64"
    assert iris.data(key="lr")["value"].tolist() == [0.1, 0.2, 0.3]


def test_filters(iris):
    assert set(iris.data(event=["start", "stop"])["event"]) == {"start", "stop"}
    assert set(iris.data(event="parameter")["key"]) == {"lr", "layers"}
    assert iris.data(key=["final", "acc"], run=[2, 3], step=[1, 3])["value"].tolist() == [1.0, 3.0, 1.0, 3.0]
    assert iris.data(event="metric", step=math.nan)["key"].tolist() == ["final"] * 3
    assert iris.data(step=0, key="loss")["value"].tolist() == [0.1, 0.2, 0.3]
    assert iris.data(fold=2)["event"].tolist() == ["note"] * 3
    assert iris.data(value=0.3)["key"].tolist() == ["lr", "loss", "final"]
    assert len(iris.data(event="*", key="all")) == len(iris.data())
    assert iris.data(node="elsewhere").empty
    assert iris.data(nonsense=3).empty
    assert iris.data(key="nothing").columns.tolist() == COLUMNS


def test_bounds_in_time(iris):
    data = iris.data()
    middle = data["time"].iloc[len(data) // 2]
    early, late = iris.data(until=middle), iris.data(since=middle)
    assert early["time"].max() == late["time"].min() == middle
    assert len(iris.data(since="-1h")) == len(data)
    assert iris.data(since=dt.timedelta(hours=-0.0)).empty
    assert iris.data(until="-1h").empty
    assert iris.data(since=9e9).empty
    with pytest.raises(InvalidArgument, match="since"):
        iris.data(since=[1])


def test_runs_as_a_table(iris):
    table = iris.runs("metrics.loss < 0.07 and params.lr > 0.1", order_by="-metrics.final")
    assert table["run"].tolist() == [2]
    table = iris.runs(order_by="metrics.final desc")
    assert table["metrics.final"].tolist() == [0.3, 0.2, 0.1]
    assert table["params.lr"].dtype == "float64"
    assert table["params.layers"].tolist() == [[1, 2]] * 3
    assert table["tags.kind"].tolist() == ["demo"] * 3
    assert (table["duration"] == table["ended"] - table["started"]).all()
    assert table["points"].tolist() == [9, 9, 9]
    assert iris.runs(limit=1)["run"].tolist() == [3]


def test_one_run_and_one_metric(iris):
    assert iris.run(2).params["lr"] == 0.2
    assert iris.run(-1).number == 3
    assert iris.run(iris.run(1).uid).number == 1
    assert len(iris) == 3
    series = iris.run(1).metric("loss")
    assert series["step"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert series["value"].tolist() == [0.1, 0.05, 0.1 / 3, 0.025]
    assert iris.metric("acc", runs=[1, 2])["run"].tolist() == [1] * 4 + [2] * 4
    with pytest.raises(NotFound, match="did you mean 'loss'"):
        iris.run(1).metric("los")
    for missing in (9, 0, "nothing", -4):
        with pytest.raises(RunNotFound, match="no run"):
            iris.run(missing)


def test_statistics_of_all_points(iris):
    summary = iris.summary(points=True)
    assert summary["key"].tolist() == ["acc", "final", "loss", "duration_s"]
    assert summary["count"].tolist() == [12, 3, 12, 3]
    np.testing.assert_allclose(summary["mean"][1], 0.2)


def test_comparison(iris):
    frame = runlore.compare([iris.run(1), iris.run(2)])
    assert frame.loc[("params", "lr")].tolist() == [0.1, 0.2]
    assert ("params", "layers") not in frame.index
    assert ("params", "layers") in runlore.compare([iris.run(1), iris.run(2)], everything=True).index
    with pytest.raises(InvalidArgument, match="two"):
        runlore.compare([iris.run(1)])


def test_across_experiments(iris):
    runlore.start("vision/cifar10").finish()
    runlore.start("vision/deep/er").finish()
    assert runlore.runs(experiment="vision/*")["experiment"].tolist() == ["vision/cifar10"]
    assert len(runlore.runs(experiment="vision/**")) == 2
    assert runlore.experiments()["experiment"].tolist() == ["iris", "vision/cifar10", "vision/deep/er"]
    with pytest.raises(ExperimentNotFound, match="did you mean 'iris'"):
        runlore.experiment("irris")


def test_a_lookup_of_what_is_not_there(tmp_path):
    with pytest.raises(StoreNotFound, match="no store"):
        runlore.runs(store=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_lists_as_values_stay_lists(tmp_path):
    with runlore.start("e", store=tmp_path / "s", capture=False) as run:
        run.log_extra(shape=[1, 2])
        run.log_param("only", [1, 2])
        run.log_metric("m", 1.0)
    view = runlore.get_run(run.uid, store=tmp_path / "s")
    assert view.data(event="param")["value"].tolist() == [[1, 2]]
    assert view.data(event="metric")["shape"].tolist() == [[1, 2]]
