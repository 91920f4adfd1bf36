"""What users of omega-ml's tracking rely on, by the number of the behaviour."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import runlore
import runlore.dialects.omegaml as om

NINE = ["experiment", "run", "step", "event", "key", "value", "dt", "node", "userid"]


def experiment(name="myexp", **options):
    return om.runtime.experiment(name, **options)


def record(count, name="myexp", key="acc"):
    for number in range(1, count + 1):
        with experiment(name) as exp:
            exp.log_metric(key, number / 10)
    return experiment(name)


def test_01_a_metric_in_a_with_block_is_three_rows():
    with experiment() as exp:
        exp.log_metric("accuracy", 0.5)
    data = exp.data()
    assert data["event"].tolist() == ["start", "metric", "stop"]
    assert data["key"].tolist() == ["start", "accuracy", "stop"]
    assert data["dt"].is_monotonic_increasing


def test_02_runs_are_counted_from_one():
    with experiment() as first:
        pass
    with first:
        pass
    with experiment() as third:
        pass
    assert [first.data()["run"].unique().tolist(), third.data()["run"].unique().tolist()] == [[2], [3]]
    assert experiment().data(run="*")["run"].unique().tolist() == [1, 2, 3]


def test_03_data_is_that_of_the_current_run_unless_all_are_asked_for():
    record(3)
    with experiment() as exp:
        exp.log_metric("acc", 1)
    assert exp.data()["run"].unique().tolist() == [4]
    assert exp.data(run="*")["run"].unique().tolist() == [1, 2, 3, 4]
    assert exp.data(run="all")["run"].unique().tolist() == [1, 2, 3, 4]
    # The document shows one run for a handle that has recorded nothing: the latest.
    assert experiment().data()["run"].unique().tolist() == [4]


def test_04_columns_are_nine_in_order_and_typed():
    before = pd.Timestamp(dt.datetime.now(dt.timezone.utc)).tz_localize(None)
    exp = record(1)
    data = exp.data()
    assert list(data.columns) == NINE
    assert data["dt"].dtype == np.dtype("datetime64[ns]")
    assert abs(data["dt"][0] - before) < pd.Timedelta("1min")
    assert data["run"].dtype == np.dtype("int64")
    assert data["step"].dtype == object
    assert data["step"].tolist() == [None, None, None]
    assert data["value"].dtype == np.dtype("float64")
    assert data.index.equals(pd.RangeIndex(3))
    with exp:
        exp.log_param("name", "x")
    assert exp.data()["value"].dtype == object
    assert exp.data()["value"].tolist() == [None, "x", None]


def test_05_events_filter_by_one_or_several():
    exp = record(1)
    assert exp.data(event="metric")["event"].tolist() == ["metric"]
    assert exp.data(event=["start", "stop"])["event"].tolist() == ["start", "stop"]
    with exp:
        exp.log_param("lr", 1)
    assert exp.data(event="parameter")["key"].tolist() == exp.data(event="param")["key"].tolist() == ["lr"]


def test_06_metrics_of_all_runs_can_be_plotted():
    exp = record(3)
    axes = exp.data(key="acc", event="metric", run="*").plot(x="run", y="value")
    line = axes.get_lines()[0]
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == [0.1, 0.2, 0.3]
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (-1, [5]), (-2, [4]), (-99, [1]), (3, [3]), ([1, -1], [1, 5]), ((2, 3), [2, 3]), (range(1, 3), [1, 2]),
        (np.array([1, 4]), [1, 4]), (slice(2, 4), [2, 3, 4]), (slice(2, None), [2, 3, 4, 5]), (slice(None, 2), [1, 2]),
        (slice(-2, None), [4, 5]), ("*", [1, 2, 3, 4, 5]), ("all", [1, 2, 3, 4, 5]), ("3", [3]), (np.int64(3), [3]),
        (pd.Series([2, 5]), [2, 5]), (3.0, [3]), (17, []), ([], []),
    ],
)  # fmt: skip
def test_07_runs_are_selected(run, expected):
    exp = record(5)
    assert exp.data(run=run)["run"].unique().tolist() == expected


@pytest.mark.parametrize("run", ["x", object(), 1.5])
def test_07_what_selects_no_run_is_refused(run):
    exp = record(1)
    with pytest.raises((ValueError, TypeError), match="run="):
        exp.data(run=run)


def test_08_no_match_is_empty_and_never_logged_is_none():
    assert experiment().data() is None
    assert experiment().data(run="*", event="metric") is None
    exp = record(1)
    found = exp.data(event="nope")
    assert found.empty
    assert isinstance(found, pd.DataFrame)


def test_09_the_second_example_has_five_rows():
    lr = LogisticRegression()
    with experiment("iris") as exp:
        exp.log_param("params", lr.get_params())
        exp.log_artifact(lr, "model")
        exp.log_system()
    data = exp.data()
    assert data["event"].tolist() == ["start", "param", "artifact", "system", "stop"]
    assert list(data.columns) == [*NINE, "name"]
    assert data["name"].isna().tolist() == [True, True, False, True, True]
    assert data["name"][2] == "model"


def test_10_values_of_params_become_plain():
    with experiment() as exp:
        exp.log_param("params", {"C": 1.0, "solver": "lbfgs", "none": None, "nested": {"a": [1, 2]}})
        exp.log_param("int", np.int64(3))
        exp.log_param("float", np.float32(0.5))
        exp.log_param("array", np.arange(3))
        exp.log_param("series", pd.Series([1.5, 2.5]))
        exp.log_param("large", 2**70)
    values = exp.data(event="param").set_index("key")["value"]
    assert values["params"] == {"C": 1.0, "solver": "lbfgs", "none": None, "nested": {"a": [1, 2]}}
    assert (values["int"], type(values["int"])) == (3, int)
    assert (values["float"], type(values["float"])) == (0.5, float)
    assert values["array"] == [0, 1, 2]
    assert values["series"] == [1.5, 2.5]
    assert values["large"] == 2**70


def test_11_artifacts_are_restored_as_a_list():
    with experiment("iris") as exp:
        exp.log_artifact(LogisticRegression(), "model")
    found = exp.restore_artifacts()
    assert str(found) == "[LogisticRegression()]"
    assert exp.restore_artifacts("nope") == []
    assert str(exp.restore_artifact("model")) == "LogisticRegression()"
    assert exp.restore_artifact("nope") is None
    assert experiment("empty").restore_artifacts() == []


def test_12_artifacts_are_restored_from_cells():
    with experiment("iris") as exp:
        exp.log_artifact({"a": 1}, "one")
        exp.log_artifact([2], "two")
    cells = exp.data(event="artifact")["value"]
    assert exp.restore_artifacts(value=cells[0]) == [{"a": 1}]
    assert exp.restore_artifacts(value=cells.tolist()) == [{"a": 1}, [2]]
    assert {"name", "data", "format"} <= set(cells[0])
    for wrong in ({"name": "x"}, {"digest": "../../etc/passwd", "kind": "object"}):
        with pytest.raises(ValueError, match=r"artifact|digest"):
            exp.restore_artifacts(value=wrong)


@pytest.mark.parametrize("obj", [{"a": [1, {"b": None}], 3: "x"}, [1, 2.5, "z"], "text", ("t", (1,)), {1, 2}, 7, None])
def test_13_builtins_come_back_equal(obj):
    with experiment() as exp:
        exp.log_artifact(obj, "obj")
    (found,) = exp.restore_artifacts("obj")
    assert found == obj
    assert type(found) is type(obj)


def test_13_frames_series_and_arrays_come_back_with_equal_content():
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", None]}, index=[5, 7])
    with experiment() as exp:
        exp.log_artifact(frame, "frame")
        exp.log_artifact(frame["x"], "series")
        exp.log_artifact(np.eye(3), "array")
    pd.testing.assert_frame_equal(exp.restore_artifact("frame"), frame)
    pd.testing.assert_series_equal(exp.restore_artifact("series"), frame["x"])
    np.testing.assert_array_equal(exp.restore_artifact("array"), np.eye(3))


def test_14_metadata_keeps_its_type():
    about = om.Metadata("iris-model", "sklearn.joblib", {"owner": "me"})
    with experiment() as exp:
        exp.log_artifact(about, "about")
    assert exp.restore_artifact("about") == about
    assert exp.data(event="artifact")["value"][0]["format"] == "metadata"


def test_15_the_system_is_a_dict_at_label_0():
    with experiment() as exp:
        exp.log_metric("before", 1)
        exp.log_system()
    value = exp.data(event="system").value[0]
    assert {"platform", "python", "packages"} <= set(value)
    assert {"system", "node", "release", "version", "machine", "processor"} <= set(value["platform"])
    assert value["python"].startswith("CPython-3.")
    assert all("==" in package for package in value["packages"])


def test_16_extras_are_columns_of_what_follows():
    with experiment("iris") as exp:
        exp.log_extra(tag="v1.5")
        exp.log_metric("score", 0.99)
        exp.log_system()
    data = exp.data()[["key", "value", "tag"]]
    assert data["key"].tolist() == ["start", "score", "system", "stop"]
    assert data["tag"].isna().tolist() == [True, False, False, False]
    assert data["tag"].tolist()[1:] == ["v1.5"] * 3


def test_17_extras_stay_on_the_handle_until_removed():
    exp = experiment()
    with exp:
        exp.log_extra(a=1, b="x")
    with exp:
        exp.log_metric("acc", 1)
    data = exp.data()
    assert data["a"].tolist() == [1, 1, 1]
    with exp:
        exp.log_extra(remove=True, a=0)
        exp.log_metric("acc", 1)
        exp.log_extra(remove=True)
        exp.log_metric("acc", 2)
    data = exp.data(event="metric")
    assert "a" not in data.columns
    assert data["b"].tolist()[0] == "x"
    assert data["b"].isna().tolist() == [False, True]
    with exp:
        pass
    assert list(exp.data().columns) == NINE


@pytest.mark.parametrize("name", ["experiment", "run", "event", "dt", "node", "userid"])
def test_18_reserved_extras_are_refused(name):
    with experiment() as exp:
        for call in (exp.log_metric, exp.log_param, exp.log_data):
            if name not in ("event", "dt"):
                with pytest.raises(ValueError, match=name):
                    call("k", 1, **{name: 5})
        with pytest.raises(ValueError, match=name):
            exp.log_extra(**{name: 5})
    assert exp.data()["event"].tolist() == ["start", "stop"]


def test_19_logging_needs_a_run():
    exp = experiment()
    for call in (
        lambda: exp.log_metric("a", 1), lambda: exp.log_param("a", 1), lambda: exp.log_artifact([], "a"),
        lambda: exp.log_data("a", 1), exp.log_system, lambda: exp.log_event("e", "k", 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="no active run"):
            call()
    assert exp.data() is None
    exp.start()
    exp.log_metric("a", 1)
    exp.stop()
    exp.use()
    exp.log_metric("a", 3)
    exp.stop()
    assert exp.data(event="metric", run="*")[["run", "value"]].to_numpy().tolist() == [[1, 1], [2, 3]]


def test_20_use_joins_the_open_run_or_starts_one():
    first = experiment()
    assert first.use().current_run() == 1
    second = experiment().use()
    assert second.current_run() == 1
    second.log_metric("a", 2)
    first.log_metric("a", 1)
    first.stop()
    assert experiment().data(event="metric")["value"].tolist() == [2, 1]
    assert experiment().status() == "STOPPED"
    assert experiment().use().current_run() == 2


def test_21_with_starts_a_run_also_after_use():
    exp = experiment()
    exp.use()
    with exp:
        exp.log_metric("a", 1)
    assert exp.data(event="metric")["run"].tolist() == [2]


def test_22_without_implied_run_the_open_run_is_joined():
    outer = experiment()
    outer.start()
    with experiment(implied_run=False) as exp:
        exp.log_metric("a", 1)
    assert outer.status() == "STARTED"
    outer.stop()
    with experiment(implied_run=False) as exp:
        exp.log_metric("a", 2)
    assert exp.status() == "STOPPED"
    data = exp.data(run="*")
    assert data[data["event"] == "metric"]["run"].tolist() == [1, 2]
    assert data["event"].tolist().count("stop") == 2


def test_23_status_goes_on_and_asking_changes_nothing():
    exp = experiment()
    assert exp.status() == "PENDING"
    exp.start()
    assert exp.status() == "STARTED"
    exp.stop()
    assert exp.status() == "STOPPED"
    exp.start()
    assert (exp.status(1), exp.status(7), exp.current_run()) == ("STOPPED", "PENDING", 2)
    assert exp.status(run=-1) == "STARTED"
    exp.log_metric("a", 1)
    assert exp.data(event="metric")["run"].tolist() == [2]
    exp.stop()


def test_24_nested_blocks_do_not_mix():
    with experiment("outer") as outer, experiment("inner") as inner:
        outer.log_metric("o", 1)
        inner.log_metric("i", 1)
    assert outer.data()["key"].tolist() == ["start", "o", "stop"]
    assert inner.data()["key"].tolist() == ["start", "i", "stop"]


@pytest.mark.parametrize("same_handle", [True, False])
def test_24_nested_blocks_of_one_experiment_are_two_runs(same_handle):
    first = experiment()
    second = first if same_handle else experiment()
    with first:
        with second:
            second.log_metric("a", 2)
        first.log_metric("a", 1)
    data = first.data(run="*")
    for run in (1, 2):
        own = data[data["run"] == run]
        assert own["event"].tolist() == ["start", "metric", "stop"]
        assert own["value"].tolist()[1] == run


def test_25_an_exception_goes_on_and_the_run_is_stopped_as_failed():
    exp = experiment()
    with pytest.raises(RuntimeError, match="boom"), exp:
        raise RuntimeError("boom")
    assert exp.data()["event"].tolist() == ["start", "stop"]
    assert exp.status() == "STOPPED"
    view = runlore.get_run("myexp#1")
    assert (view.status, view.exit["exception"], view.exit["message"]) == ("failed", "RuntimeError", "boom")
    with exp:
        pass
    assert runlore.get_run("myexp#2").status == "succeeded"


def test_26_bounds_in_time_search_all_runs():
    exp = record(3)
    with exp:
        exp.log_metric("old", 1, dt=dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=2))
    assert exp.data(since="1h")["run"].unique().tolist() == [1, 2, 3, 4]
    assert exp.data(since="1h", event="metric")["key"].tolist() == ["acc"] * 3
    assert exp.data(run=1, since="1h")["run"].unique().tolist() == [1]
    assert exp.data(run=-1, since="3h", event="metric")["key"].tolist() == ["old"]
    data = exp.data(run="*")
    first, last = data["dt"].iloc[1], data["dt"].iloc[-2]
    inside = exp.data(since=first, end=last)
    assert len(inside) == len(data) - 2
    assert (inside["dt"].iloc[0], inside["dt"].iloc[-1]) == (first, last)
    for since in ("1h", dt.timedelta(hours=1), "-1h", dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1)):
        assert "old" not in exp.data(since=since)["key"].tolist()
    assert exp.data(end="1h")["key"].tolist() == data["key"].tolist()
    assert exp.data(end="-1h")["key"].tolist() == ["old"]


def test_27_batches_and_slices():
    with experiment() as exp:
        exp.log_events("metric", "acc", range(20))
    batches = list(exp.data(event="metric", batchsize=8))
    assert [len(batch) for batch in batches] == [8, 8, 4]
    assert [value for batch in batches for value in batch["value"]] == list(range(20))
    assert [len(batch) for batch in exp.data(event="metric", batchsize=8, raw=True)] == [8, 8, 4]
    assert exp.data(event="metric", slice=(3, 5))["value"].tolist() == [3, 4]
    assert exp.data(event="metric", slice=slice(18, 30))["value"].tolist() == [18, 19]
    assert exp.data(event="metric", slice=(30, 40)) is None
    with pytest.raises(ValueError, match="batchsize"):
        exp.data(batchsize=0)
    with pytest.raises(ValueError, match="slice"):
        exp.data(slice=3)


def test_28_raw_rows_are_dicts_and_lazy_ones_wait():
    with experiment() as exp:
        exp.log_metric("acc", 0.5, step=3, tag="x")
    rows = exp.data(raw=True)
    assert [row["event"] for row in rows] == ["start", "metric", "stop"]
    assert dt.datetime.fromisoformat(rows[0]["dt"][:26])
    assert (rows[1]["value"], rows[1]["step"], rows[1]["tag"]) == (0.5, 3, "x")
    assert rows[0]["value"] is None
    assert "tag" not in rows[0]
    cursor = exp.data(lazy=True)
    with exp:
        pass
    assert (len(cursor), cursor.count()) == (2, 2)
    assert [row["run"] for row in cursor] == [2, 2]


def test_29_summary_counts_every_metric_and_the_latency():
    for number in range(10):
        with experiment() as exp:
            exp.log_metric("mse", number)
            exp.log_metric("accuracy", number / 10)
    summary = exp.summary()
    assert summary["key"].tolist() == ["accuracy", "mse", "latency"]
    assert summary["count"].tolist() == [10, 10, 10]
    assert list(summary.columns) == ["event", "key", "count", "mean", "std", "min", "25%", "50%", "75%", "max"]
    assert summary.index.tolist() == [0, 1, 2]
    assert summary.set_index("key").loc["mse", ["mean", "max"]].tolist() == [4.5, 9]
    one = exp.summary(run=1, key="mse")
    assert one["key"].tolist() == ["mse", "latency"]
    assert np.isnan(one["std"].iloc[0])
    assert exp.summary(percentiles=[0.1, 0.9]).columns.tolist()[6:8] == ["10%", "90%"]


def test_30_runs_without_the_metric_count_in_latency():
    for number in range(6):
        with experiment("iris") as exp:
            if number == 0:
                exp.log_metric("score", 0.5)
    assert exp.summary()[["key", "count"]].to_numpy().tolist() == [["score", 1], ["latency", 6]]


def test_31_clear_begins_anew():
    exp = record(2)
    with pytest.raises(AssertionError):
        exp.clear()
    with pytest.raises(ValueError, match="force=True"):
        exp.clear()
    assert len(exp.data(run="*")) == 6
    exp.clear(force=True)
    assert exp.data() is None
    assert exp.data(run="*") is None
    assert exp.status() == "PENDING"
    with exp:
        exp.log_metric("acc", 1)
    assert exp.data(run="*")["run"].unique().tolist() == [1]


def test_32_data_of_several_runs_is_put_together():
    for start in (0, 10):
        with experiment() as exp:
            exp.log_data("Y", pd.Series(range(start, start + 10)))
            exp.log_data("A", np.arange(start, start + 10))
            exp.log_data("L", [start])
            exp.log_data("D", {"a": start})
    assert exp.data(event="data", key="Y")["event"].tolist() == ["data"]
    found = exp.restore_data("Y", run="*")
    assert isinstance(found, pd.Series)
    assert found.tolist() == list(range(20))
    assert exp.restore_data("Y").tolist() == list(range(10, 20))
    assert exp.restore_data("A", run="*").tolist() == list(range(20))
    assert exp.restore_data("L", run="*") == [0, 10]
    assert exp.restore_data("D", run="*") == [{"a": 0}, {"a": 10}]
    assert [len(piece) for piece in exp.restore_data("Y", run="*", concat=False)] == [10, 10]
    assert exp.restore_data("nope", run="*") == []


def test_33_steps_are_returned_as_given():
    steps = [0, 1, 2.5, -3, None]
    with experiment() as exp:
        for step in steps:
            exp.log_metric("acc", 1, step=step)
        exp.log_param("p", "x", step=0)
    found = exp.data(event="metric")["step"].tolist()
    assert found == steps
    assert type(found[0]) is int
    assert exp.data(step=0)["key"].tolist() == ["acc", "p"]
    assert exp.data(step=[0, 2.5], event="metric")["step"].tolist() == [0, 2.5]


def test_34_unknown_keywords_filter_columns():
    with experiment() as exp:
        exp.log_metric("acc", 1, taskid="a", kind="k", time=5)
        exp.log_metric("acc", 2, taskid="b")
    assert exp.data(taskid="a")["value"].tolist() == [1]
    assert exp.data(taskid=["a", "b"])["value"].tolist() == [1, 2]
    assert exp.data(value=2)["taskid"].tolist() == ["b"]
    assert exp.data(kind="k", time=5)["value"].tolist() == [1]
    assert len(exp.data(node=exp.data()["node"][0])) == 4
    assert exp.data(node="elsewhere").empty
    assert exp.data(nope="x").empty
    assert len(exp.data(nope="*")) == 4


def test_35_another_process_sees_what_was_logged_at_once():
    code = "import runlore.dialects.omegaml as om; print(*om.runtime.experiment('myexp').data()['event'])"

    def seen():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.split()

    exp = experiment()
    exp.start()
    assert seen() == ["start"]
    exp.log_metric("acc", 1)
    exp.flush()
    assert seen() == ["start", "metric"]
    exp.stop()
