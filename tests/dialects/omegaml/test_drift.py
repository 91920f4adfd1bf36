"""Drift is found where there is some, and only there; snapshots hold no rows."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import runlore
import runlore.dialects.omegaml as om
from runlore.dialects.omegaml.monitoring import DataDriftMonitor, DriftStats, ModelDriftMonitor
from runlore.dialects.omegaml.monitoring._describe import MAX_GROUPS, OTHERS, QUANTILES, describe, draw, frame_of
from runlore.dialects.omegaml.monitoring._scipy import wasserstein
from runlore.dialects.omegaml.monitoring.stats import COLUMNS


@pytest.fixture
def exp():
    return om.runtime.experiment("myexp")


@pytest.fixture
def monitor(exp):
    return exp.as_monitor("foo")


def normal(mean, size=1000, seed=0):
    return np.random.default_rng(seed).normal(mean, 0.1, size)


def compared(monitor, *data, seq="recent"):
    for one in data:
        monitor.snapshot(one)
    return monitor.compare(seq)


def drifted(stats):
    return stats.summary(raw=True)["columns"]


# -- what is drift ----------------------------------------------------------------------------------------------------


def test_w14_far_apart_normals_drift_by_every_statistic(monitor):
    found = compared(monitor, {"x": normal(0)}, {"x": normal(1, seed=1)}).df.set_index("statistic")
    assert found.index.tolist() == ["ks", "wasserstein", "kld", "jsd", "mean"]
    assert found["drift"].all()
    assert found["score"].between(0.9, 1).all()
    assert found.loc["jsd", "metric"] == pytest.approx(math.log(2), rel=0.05)
    assert found.loc["wasserstein", "metric"] == pytest.approx(1, rel=0.05)
    assert found.loc["mean", "stats"] == "ks,wasserstein"
    assert found.loc["ks", "pvalue"] < 1e-10


def test_w14_swapped_categories_drift(monitor):
    found = compared(monitor, {"c": ["a"] * 90 + ["b"] * 10}, {"c": ["a"] * 10 + ["b"] * 90}).df.set_index("statistic")
    assert found.index.tolist() == ["chisquare", "psi", "mean"]
    assert found["drift"].all()
    assert found.loc["mean", "score"] == pytest.approx(0.9)
    assert found.loc["mean", "baseline"]["groups"] == {"a": 90, "b": 10}


def test_w14_only_categories_and_only_numbers_both_work(monitor):
    assert drifted(compared(monitor, {"c": ["a", "b"] * 50}, {"c": ["a", "b"] * 50})) == {"c": False}
    assert drifted(compared(monitor, {"x": normal(0)}, {"x": normal(0, seed=1)})) == {"x": False}


@pytest.mark.parametrize("size", [10, 100, 5000])
def test_the_same_data_has_not_drifted(monitor, size):
    frame = pd.DataFrame({"x": normal(0, size), "c": ["a", "b"] * (size // 2), "n": np.arange(size)})
    result = compared(monitor, frame, frame)
    assert drifted(result) == {"c": False, "n": False, "x": False}
    assert result.df["score"].max() == pytest.approx(0, abs=1e-9)


def test_small_samples_of_one_distribution_do_not_drift(monitor):
    found = [
        drifted(compared(monitor, {"x": normal(0, 50, seed=2 * seed)}, {"x": normal(0, 50, seed=2 * seed + 1)}))["x"]
        for seed in range(20)
    ]
    assert sum(found) <= 1


def test_columns_without_values_or_of_another_kind_are_left_out(monitor):
    result = compared(
        monitor, {"x": [1.0, 2], "e": [np.nan, np.nan], "k": [1, 2]}, {"x": [1.0, 2], "e": [1.0, 2], "k": ["a", "b"]}
    )  # fmt: skip
    assert result.columns == ["x"]
    assert drifted(compared(monitor, {"x": [3.0] * 9}, {"x": [3.0] * 9})) == {"x": False}
    assert drifted(compared(monitor, {"c": ["a"] * 9}, {"c": ["a"] * 5})) == {"c": False}


def test_the_confidence_decides(monitor):
    for shift in (0, 0.03):
        monitor.snapshot({"x": normal(shift, 100)})
    pvalue = monitor.compare()["x", "ks"]["pvalue"].iloc[0]
    assert 1e-12 < pvalue < 1
    assert monitor.compare(ci=1 - pvalue / 2)["x", "ks"]["drift"].tolist() == [False]
    assert monitor.compare(ci=1 - min(0.99, pvalue * 2))["x", "ks"]["drift"].tolist() == [True]
    with pytest.raises(ValueError, match="ci=95"):
        monitor.compare(ci=95)


# -- snapshots --------------------------------------------------------------------------------------------------------


def test_snapshots_are_events_of_runs(monitor):
    frame = pd.DataFrame({"x": [1.0, 2, 3, np.nan], "y": [4, 3, 2, 1], "c": ["a", None, "b", "a"], "b": [True] * 4})
    taken = monitor.snapshot(frame)
    row = runlore.experiment("myexp").data(event="snapshot").iloc[0]
    assert (row["key"], row["value"]) == ("foo", taken)
    assert monitor.data == [taken]
    about = taken["info"]
    assert (about["resource"], about["kind"], about["len"]) == ("foo", "data", 4)
    assert (about["num_columns"], about["cat_columns"]) == (["x", "y"], ["c", "b"])
    x = taken["stats"]["x"]
    assert {"dtype", "hist", "pdf", "std", "var", "mean", "median", "min", "max", "percentiles", "missing"} <= set(x)
    assert (x["mean"], x["median"], x["min"], x["max"], x["missing"]) == (2, 2, 1, 3, 1)
    assert [len(part) for part in x["percentiles"]] == [7, 7]
    assert [len(part) for part in x["hist"]] == [10, 11]
    assert taken["stats"]["c"]["groups"] == {"a": 2, "b": 1}
    assert taken["stats"]["c"]["missing"] == 1
    assert x["corr"]["pearson"]["y"] == pytest.approx(-1)
    assert x["corr"]["spearman"]["y"] == pytest.approx(-1)
    assert describe(frame_of(np.arange(1000.0)))["0"]["bins"] == 100
    assert monitor.df["stats.x.mean"].tolist() == [2]


def test_what_is_stored_has_no_rows(monitor, store):
    """Whichever way data comes in, what is stored does not grow with its rows and has no text of most of them."""
    secrets = [f"secret-{number:05}" for number in range(5000)]
    frame = pd.DataFrame({"id": secrets, "x": np.random.default_rng(0).normal(size=5000)})
    monitor.snapshot(frame)
    monitor.compare(d1=frame, d2=frame)
    ModelDriftMonitor("m", tracking=monitor.tracking).snapshot(X=frame, Y=frame)
    found = json.dumps(runlore.experiment("myexp").data()["value"].tolist())
    kept = {secret for secret in secrets if secret in found}
    assert len(kept) <= MAX_GROUPS
    values = {f"{value!r}" for value in frame["x"].tolist()}
    assert sum(value in found for value in values) < 10  # the least and the greatest, and what a quantile hits
    groups = monitor.data[0]["stats"]["id"]["groups"]
    assert (len(groups), groups[OTHERS]) == (MAX_GROUPS + 1, 5000 - MAX_GROUPS)
    assert not (store / "blobs").exists()


def test_many_categories_are_compared_by_those_that_both_name(monitor):
    many = [f"k{number % 300}" for number in range(3000)] + ["often"] * 1000
    assert drifted(compared(monitor, {"c": many}, {"c": many})) == {"c": False}
    assert drifted(compared(monitor, {"c": many}, {"c": ["often"] * 4000}))["c"]


def test_quantiles_stand_for_the_values():
    values = np.random.default_rng(0).exponential(2, 10_000)
    column = describe(frame_of(values))["0"]
    assert len(column["quantiles"]) == QUANTILES
    assert wasserstein(draw(column, 1000), values) < 0.05


def test_snapshots_select_and_name_columns(monitor):
    frame = pd.DataFrame({"x": [1, 2, 3, 4], "y": [1.0, 2, 3, 4], "c": list("aabb")})
    taken = monitor.snapshot(
        frame, columns=["x", "c"], catcols=["x"], rename={"c": "group"}, prefix="in_", name="flowers"
    )  # fmt: skip
    assert list(taken["stats"]) == ["in_x", "in_group"]
    assert taken["info"]["cat_columns"] == ["in_x", "in_group"]
    assert taken["info"]["resource"] == "flowers"
    assert monitor.snapshot(frame, c="b")["stats"]["x"]["min"] == 3
    assert monitor.snapshot(frame, filter={"c": ["a", "b"]}, x=[1, 4], kind="test")["info"]["len"] == 2
    assert "corr" not in monitor.snapshot(frame, correlate=False)["stats"]["x"]
    before = len(monitor.data)
    monitor.snapshot(frame, logged=False)
    assert len(monitor.data) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": [1]}, r"X=\[1\]: there is no column 'X'"),
        ({"columns": ["q"]}, "columns: there is no column 'q'"),
        ({"catcols": ["q"]}, "catcols: there is no column 'q'"),
        ({"rename": {"q": "p"}}, "rename: there is no column 'q'"),
        ({"chunksize": 10}, "chunksize=10.*not supported"),
        ({"groupby": "c"}, "groupby='c' are not supported; for name, part in"),
        ({"c": "z"}, "has no rows"),
        ({"since": "1h"}, "since='1h' selects logged data"),
    ],
)
def test_what_a_snapshot_cannot_do_is_refused_and_nothing_is_logged(monitor, options, message):
    with pytest.raises(ValueError, match=message):
        monitor.snapshot(pd.DataFrame({"x": [1, 2], "c": ["a", "b"]}), **options)
    assert monitor.data == []
    with pytest.raises(ValueError, match="occur twice"):
        monitor.snapshot(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_data_comes_from_a_store_by_its_name(exp):
    frame = pd.DataFrame({"x": [1, 2, 3]})

    class Store:
        def get(self, name):
            return frame if name == "foo" else None

    for store in (Store(), {"foo": frame}):
        monitor = DataDriftMonitor("foo", store=store, tracking=exp)
        assert monitor.snapshot()["stats"]["x"]["max"] == 3
        assert monitor.snapshot("foo")["info"]["len"] == 3
        with pytest.raises(ValueError, match="dataset='bar': neither the store"):
            monitor.snapshot("bar")


def test_data_comes_from_what_was_logged_since_the_last_snapshot(exp):
    monitor = DataDriftMonitor("foo", tracking=exp)
    with pytest.raises(ValueError, match="dataset='foo': neither the store"):
        monitor.snapshot()
    for value in (1, 5):
        with exp:
            exp.log_data("foo", pd.DataFrame({"x": [value, value + 1]}))
        taken = monitor.snapshot(since="last")
        assert (taken["stats"]["x"]["min"], taken["info"]["len"]) == (value, 2)
    assert monitor.snapshot()["info"]["len"] == 4
    with pytest.raises(ValueError, match="neither the store"):
        monitor.snapshot(since="last")


# -- comparing --------------------------------------------------------------------------------------------------------


def test_the_sequence_says_what_is_compared(monitor):
    for mean in (0, 0, 1):
        monitor.snapshot({"x": normal(mean, seed=int(10 * mean))})

    def pairs(seq=None, **options):
        return monitor.compare(seq, **options)["x", "mean"][["seq_from", "seq_to", "drift"]].to_numpy().tolist()

    assert pairs() == pairs("recent") == pairs([-2, -1]) == [[1, 2, True]]
    assert pairs("baseline") == [[0, 1, False], [0, 2, True]]
    assert pairs("baseline", baseline=-1) == [[2, 0, True], [2, 1, True]]
    assert pairs("series") == pairs([0, 1, 2]) == [[0, 1, False], [1, 2, True]]
    assert pairs(d1=0, d2=1) == [[0, 1, False]]
    assert pairs(since="last") == [[0, 1, True]]
    assert pairs(since="1h") == [[1, 2, True]]
    for options in ({"seq": "latest"}, {"seq": [0]}, {"seq": [0, 7]}, {"seq": "baseline", "baseline": 3}):
        with pytest.raises(ValueError, match="seq="):
            monitor.compare(**options)
    with pytest.raises(ValueError, match="0 snapshots since"):
        monitor.compare(since="+1h")


def test_a_comparison_needs_two_snapshots(monitor):
    with pytest.raises(ValueError, match="0 snapshots"):
        monitor.compare()
    monitor.snapshot([1, 2])
    with pytest.raises(ValueError, match="1 snapshots"):
        monitor.compare()
    with pytest.raises(ValueError, match="give both"):
        monitor.compare(d1=[1, 2])


def test_data_is_compared_without_being_logged(monitor):
    found = monitor.compare(d1=pd.DataFrame({"x": normal(0)}), d2=pd.DataFrame({"x": normal(1)}))
    assert drifted(found) == {"x": True}
    assert found["x", "mean"][["seq_from", "seq_to"]].to_numpy().tolist() == [[-2, -1]]
    assert monitor.data == []
    assert monitor.tracking.data() is None


def test_columns_with_new_names_are_matched(monitor):
    sides = {"d1": {"old": normal(0)}, "d2": {"new": normal(1)}}
    assert monitor.compare(**sides).columns == []
    assert drifted(monitor.compare(**sides, matcher={"old": "new"})) == {"old": True}


def test_a_comparison_is_a_table(monitor):
    frame = pd.DataFrame({"x": normal(0), "c": ["a", "b"] * 500})
    found = compared(monitor, frame, frame.assign(x=frame["x"] + 1), seq="series")
    df = found.df
    assert list(df.columns) == COLUMNS == list(found.as_dataframe().columns)
    assert len(df) == 8
    assert (df["dt_from"] < df["dt_to"]).all()
    assert (found.columns, found.seq()) == (["x", "c"], [0, 1])
    assert found.stats["c"] == ["chisquare", "psi", "mean"]
    assert len(found["x"]) == 5
    assert found["x", "mean", 0, 1].equals(found.select("x", "mean", (0, 1)))
    assert found.select(["x", "c"], "mean")["column"].tolist() == ["x", "c"]
    assert found.select(seq=1).empty
    assert found.baseline("x")["mean"] == pytest.approx(0, abs=0.02)
    assert found.target("x")["mean"] == pytest.approx(1, abs=0.02)
    assert list(found.target()) == ["x", "c"]
    assert found.as_dataframe(statistic="ks")["column"].tolist() == ["x"]
    with pytest.raises(ValueError, match="nothing=1: there is no column 'nothing'"):
        found.as_dataframe(nothing=1)
    with pytest.raises(ValueError, match="column='q' was not compared; there are x, c"):
        found.baseline("q")


def test_a_comparison_sums_up(monitor):
    frame = pd.DataFrame({"x": normal(0), "c": ["a", "b"] * 500})
    found = compared(monitor, frame, frame, frame.assign(x=frame["x"] + 1), seq="series")
    summary = found.summary()
    assert list(summary.columns) == ["column", "drift", "kind", "seq", "score"]
    assert summary[["column", "drift", "kind", "seq"]].to_numpy().tolist() == [
        ["c", False, "data", [1, 2]], ["x", True, "data", [1, 2]],
    ]  # fmt: skip
    assert found.summary(raw=True) == {
        "columns": {"c": False, "x": True},
        "summary": {"data": True},
        "info": {"data": ["x"], "seq": [[1, 2]]},
        "score": {"data": 1.0},
    }
    assert found.summary("c")["drift"].tolist() == [False]
    assert found.summary(statistic="ks")["column"].tolist() == ["x"]
    assert found.summary(seq_to=1)["drift"].tolist() == [False, False]
    assert monitor.summary("series", raw=True) == found.summary(raw=True)
    described = found.describe()
    assert described.loc[("x", "ks"), ("metric", "count")] == 2
    assert found.describe("x", "ks", percentiles=[0.9])["metric"].columns.tolist()[-2:] == ["90%", "max"]
    assert repr(found) == "DriftStats(DataDriftMonitor(foo), drifts=1)"


def test_a_comparison_as_mappings(monitor):
    frame = pd.DataFrame({"x": normal(0)})
    compared(monitor, frame, frame + 1)
    [one] = monitor.compare(raw=True)
    assert one["info"]["seq"] == [0, 1]
    assert one["stats"]["x"]["ks"]["drift"] is True
    assert one["info"]["baseline"]["x"]["count"] == 1000
    json.dumps(one)
    assert DriftStats([one]).summary()["drift"].tolist() == [True]


def test_a_comparison_is_drawn(monitor):
    import matplotlib.pyplot as plt

    frame = pd.DataFrame({"x": normal(0), "c": ["a", "b"] * 500})
    found = compared(monitor, frame, frame.assign(x=frame["x"] + 1), seq="series")
    ax, drawn, kind = found.plot("x", raw=True, xlim=(-1, 2))
    assert kind == "dist"
    assert list(drawn.columns) == ["x baseline", "x target"]
    assert ax.get_xlim() == (-1, 2)
    widths = np.diff(drawn.index)
    assert (drawn["x target"].to_numpy()[:-1] * widths).sum() == pytest.approx(1, rel=0.01)
    ax = found.plot("c")
    assert len(ax.patches) == 4
    assert found.plot(kind="time", statistic="ks", raw=True)[1]["x"].tolist() == [1.0]
    for wrong in ({"kind": "pie"}, {"sample": 10}, {"column": "q"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            found.plot(**wrong)
    plt.close("all")


# -- models -----------------------------------------------------------------------------------------------------------


def test_models_are_watched_by_what_they_were_called_with():
    with om.runtime.experiment("myexp", autotrack=True) as exp:
        model = exp.watch(LogisticRegression())
        X = normal(0, 200).reshape(-1, 2)
        model.fit(X, (X[:, 0] > 0).astype(int))
        exp.log_metric("acc", 0.9)
    monitor = om.runtime.model("mymodel").monitor("myexp")
    assert isinstance(monitor, ModelDriftMonitor)
    first = monitor.snapshot(catcols=["0"])
    assert first["info"]["kind"] == "model"
    assert first["X"]["info"]["cat_columns"] == ["X_0"]
    assert first["metrics"]["stats"]["acc"]["mean"] == 0.9
    assert monitor.snapshot(since="last", ignore_empty=True) is None
    with pytest.raises(ValueError, match="no X or Y was logged since 'last'"):
        monitor.snapshot(since="last")
    with exp:
        model.predict(X + 1)
    second = monitor.snapshot(since="last")
    assert second["metrics"] is None
    assert second["X"]["stats"]["X_1"]["mean"] == pytest.approx(first["X"]["stats"]["X_1"]["mean"] + 1)


def test_drift_of_models_has_kinds(exp):
    monitor = ModelDriftMonitor("mymodel", tracking=exp)
    with exp:
        monitor.snapshot(X={"a": normal(0)}, Y={"b": normal(0)}, rename={"a": "x"})
        exp.log_metric("acc", 1)
        monitor.snapshot(X={"x": normal(1)}, Y={"b": normal(0)})
    found = monitor.compare()
    assert found.df[["column", "kind"]].drop_duplicates().to_numpy().tolist() == [["X_x", "feature"], ["Y_b", "label"]]
    assert found.summary(raw=True)["summary"] == {"feature": True, "label": False}
    assert exp.data(event="snapshot")["key"].tolist() == ["mymodel", "mymodel"]
    with pytest.raises(ValueError, match="groupby="):
        monitor.snapshot(X={"x": [1]}, groupby="x")


# -- capturing --------------------------------------------------------------------------------------------------------


def test_capture_logs_drift_and_alerts(monitor):
    for mean in (0, 0, 1):
        monitor.snapshot({"x": normal(mean), "y": normal(0)})
    assert monitor.capture("y") is False
    assert monitor.capture(seq=[0, 1]) is False
    assert monitor.events(stats=False).empty
    assert monitor.capture(alerts=[{"event": "drift", "recipients": ["me@example.org"]}]) is True
    drift = monitor.events(stats=False).iloc[0]
    assert (drift["key"], drift["monitor"]) == ("foo", "foo")
    assert drift["value"]["columns"] == {"x": True, "y": False}
    assert drift["value"]["info"] == {"data": ["x"], "seq": [[0, 2]]}
    [alert] = monitor.events("alert", raw=True, stats=False)
    assert (alert["key"], alert["recipients"]) == ("drift:foo", ["me@example.org"])
    assert alert["value"][0]["columns"]["x"]
    assert drifted(monitor.events()) == {"x": True, "y": False}
    assert len(monitor.events("snapshot", stats=False)) == 3
    assert monitor.events(column="y", stats=False).empty
    assert monitor.capture(rules=[]) is True
    assert len(monitor.events("alert", stats=False)) == 1
    for wrong in ("drift", {"event": "stop"}):
        with pytest.raises(ValueError, match="rules"):
            monitor.capture(rules=[wrong])
    with pytest.raises(ValueError, match="statistic='ks'"):
        monitor.events(statistic="ks")


def test_monitors_of_one_experiment_do_not_mix(exp):
    one, other = DataDriftMonitor("one", tracking=exp), DataDriftMonitor("other", tracking=exp)
    with exp:
        one.snapshot([1, 2, 3])
        other.snapshot([1, 2, 3])
    assert len(one.data) == len(other.data) == 1
    assert exp.data(run="*")["run"].unique().tolist() == [1]
    with pytest.raises(AssertionError, match="force"):
        one.clear()
    one.clear(force=True)
    assert exp.data() is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda exp: DataDriftMonitor("foo"), "tracking=None: give the experiment"),
        (lambda exp: DataDriftMonitor(pd.DataFrame(), tracking=exp), "must be a name; give data to snapshot"),
        (lambda exp: DataDriftMonitor("foo", tracking=exp, query={"a": 1}), "query="),
        (lambda exp: DataDriftMonitor("foo", tracking=exp, statscalc=1), "statscalc="),
        (lambda exp: exp.as_monitor("foo", schedule="daily"), "schedule='daily'.*call capture"),
        (lambda exp: exp.as_monitor("foo", provider="nothing"), "provider='nothing'"),
        (lambda exp: exp.track("foo", store=1), "store=1.*log_artifact"),
    ],
)
def test_monitors_refuse_what_they_do_not_have(exp, make, message):
    with pytest.raises(ValueError, match=message):
        make(exp)


def test_experiments_make_monitors(exp):
    assert type(exp.as_monitor("foo")) is DataDriftMonitor
    assert type(exp.as_monitor(LogisticRegression())) is ModelDriftMonitor
    assert type(exp.as_monitor("foo", provider="model")) is ModelDriftMonitor
    assert type(exp.as_monitor("foo", provider=ModelDriftMonitor)) is ModelDriftMonitor
    assert exp.as_monitor("foo", store={"foo": [1, 2]}, provider="default").snapshot()["info"]["len"] == 2
    assert type(exp.track(LogisticRegression(), monitor=True)) is ModelDriftMonitor
    monitor = exp.as_monitor("bar", alerts=[{"event": "drift", "recipients": "ann"}])
    compared(monitor, {"x": normal(0)}, {"x": normal(1)})
    assert monitor.capture()
    assert monitor.events("alert", stats=False)["recipients"].tolist() == [["ann"]]
    for name in ("report", "statscalc", "dataset"):
        with pytest.raises(AttributeError, match=f"{name} is not part"):
            getattr(monitor, name)
