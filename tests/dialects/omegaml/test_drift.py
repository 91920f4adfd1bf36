"""Drift is found where there is some, and only there: compared with SciPy, and where omega-ml misses it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import runlore
import runlore.dialects.omegaml as om
from runlore.dialects.omegaml import drift_metrics
from runlore.dialects.omegaml.distributions import QUANTILES, describe_frame, draw, merge_mean
from runlore.dialects.omegaml.drift import COLUMNS, DataDriftMonitor


@pytest.fixture
def monitor():
    return om.runtime.experiment("myexp").as_monitor("mymodel")


def normal(mean, size=1000, seed=0):
    return np.random.default_rng(seed).normal(mean, 0.1, size)


def compared(monitor, *data, seq="recent"):
    for one in data:
        monitor.snapshot(one)
    return monitor.compare(seq)


def test_w14_far_apart_normals_drift_by_every_metric(monitor):
    found = compared(monitor, {"x": normal(0)}, {"x": normal(1, seed=1)}).df.set_index("metric")
    assert found["drift"].all()
    assert found.loc["js", "stats"] == pytest.approx(math.log(2), rel=0.05)
    assert found.loc["wasserstein", "stats"] == pytest.approx(10, rel=0.05)


def test_w14_swapped_categories_drift(monitor):
    found = compared(
        monitor, {"c": ["a"] * 90 + ["b"] * 10}, {"c": ["a"] * 10 + ["b"] * 90}
    ).df.set_index("metric")  # fmt: skip
    assert found["drift"].all()
    assert found["kind"].unique().tolist() == ["categorical"]
    assert found.loc["mean", "score"] > 0.99
    assert found.loc["mean", ["baseline", "target"]].tolist() == ["a", "b"]


def test_w14_only_categories_and_only_numbers_both_work(monitor):
    assert compared(monitor, {"c": ["a", "b"] * 50}, {"c": ["a", "b"] * 50}).summary == {"c": False}
    assert compared(monitor, {"x": normal(0)}, {"x": normal(0, seed=1)}).summary == {"x": False}


@pytest.mark.parametrize("size", [10, 100, 5000])
def test_the_same_data_has_not_drifted(monitor, size):
    frame = pd.DataFrame({"x": normal(0, size), "c": ["a", "b"] * (size // 2), "n": np.arange(size)})
    result = compared(monitor, frame, frame)
    assert result.summary == {"x": False, "c": False, "n": False}
    assert result.df["score"].max() == pytest.approx(0, abs=1e-9)


def test_small_samples_of_one_distribution_do_not_drift(monitor):
    found = [
        compared(monitor, {"x": normal(0, 50, seed=2 * seed)}, {"x": normal(0, 50, seed=2 * seed + 1)}).summary["x"]
        for seed in range(20)
    ]
    assert sum(found) <= 3


def test_snapshots_are_events_of_runs_and_hold_no_data(monitor):
    frame = pd.DataFrame({"x": [1.0, 2, 3, np.nan], "y": [4, 3, 2, 1], "c": ["a", None, "b", "a"], "b": [True] * 4})
    taken = monitor.snapshot(frame, source="test")
    row = runlore.experiment("myexp").data(event="snapshot").iloc[0]
    assert (row["key"], row["source"], row["value"]) == ("mymodel", "test", taken)
    x = taken["columns"]["x"]
    assert {"dtype", "hist", "pdf", "std", "var", "mean", "median", "min", "max", "percentiles", "missing"} <= set(x)
    assert (x["mean"], x["median"], x["min"], x["max"], x["missing"]) == (2, 2, 1, 3, 1)
    assert len(x["percentiles"]) == 7
    assert len(x["hist"]["counts"]) == 10
    assert taken["columns"]["c"]["groups"] == {"a": 2, "b": 1}
    assert taken["columns"]["c"]["missing"] == 1
    assert taken["columns"]["b"]["kind"] == "categorical"
    assert taken["pearson"]["x"]["y"] == pytest.approx(-1)
    assert taken["spearman"]["x"]["y"] == pytest.approx(-1)
    assert len(describe_frame(np.arange(1000.0))["columns"]["0"]["hist"]["counts"]) == 100
    with pytest.raises(ValueError, match="no rows"):
        monitor.snapshot({"x": []})


def test_the_sequence_says_what_is_compared(monitor):
    for mean in (0, 0, 1):
        monitor.snapshot({"x": normal(mean, seed=int(10 * mean))})
    assert monitor.compare("recent").summary == {"x": True}
    assert monitor.compare("baseline").df["seq_from"].unique().tolist() == [0]
    series = monitor.compare("series").df
    means = series[series["statistic"] == "mean"]
    assert means[["seq_from", "seq_to", "drift"]].to_numpy().tolist() == [[0, 1, False], [1, 2, True]]
    assert (means["dt_from"] < means["dt_to"]).all()
    assert list(series.columns) == COLUMNS
    assert monitor.compare([0, 1]).summary == {"x": False}
    assert monitor.compare([-1, 0, 1]).summary == {"x": True}
    for wrong in ("latest", [0], [0, 7]):
        with pytest.raises(ValueError, match="seq="):
            monitor.compare(wrong)


def test_a_comparison_needs_two_snapshots(monitor):
    with pytest.raises(ValueError, match="0 snapshots"):
        monitor.compare()
    monitor.snapshot([1, 2])
    with pytest.raises(ValueError, match="1 snapshots"):
        monitor.compare()


def test_capture_logs_drift_and_alerts(monitor):
    with om.runtime.experiment("myexp"):
        pass
    for mean in (0, 1):
        monitor.snapshot({"x": normal(mean), "y": normal(0)})
    monitor.capture({"x": False})
    assert monitor.alerts.empty
    stats = monitor.capture(recipients=["me@example.org"])
    assert stats.drifted() == ["x"]
    assert stats.drifted({"y": 2.0, "x": 0.5}) == ["x"]
    alert = monitor.alerts.iloc[0]
    assert alert["key"] == "drift:mymodel"
    assert alert["value"]["columns"] == ["x"]
    assert alert["value"]["recipients"] == ["me@example.org"]
    assert monitor.events["event"].tolist() == ["snapshot", "snapshot", "drift", "drift", "alert"]
    assert monitor.summary == {"x": True, "y": False}


def test_monitors_of_one_experiment_do_not_mix():
    exp = om.runtime.experiment("myexp")
    one, other = DataDriftMonitor("one", tracking=exp), DataDriftMonitor("other", tracking=exp)
    with exp:
        one.snapshot([1, 2, 3])
        other.snapshot([1, 2, 3])
    assert len(one.snapshots()) == len(other.snapshots()) == 1
    assert exp.data(run="*")["run"].unique().tolist() == [1]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(50, 300), st.integers(50, 300), st.floats(0, 2))
def test_tests_agree_with_scipy(seed, n, m, shift):
    random = np.random.default_rng(seed)
    a, b = random.normal(0, 1, n), random.normal(shift, 1.5, m)
    distance, pvalue = drift_metrics.kolmogorov_smirnov(a, b)
    expected = stats.ks_2samp(a, b, method="asymp")
    assert distance == pytest.approx(expected.statistic)
    assert pvalue == pytest.approx(expected.pvalue, abs=0.05)
    assert drift_metrics.wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))
    p, q = random.integers(1, 50, 6).astype(float), random.integers(1, 50, 6).astype(float)
    statistic, pvalue = drift_metrics.chi_square(p, q)
    expected = stats.chi2_contingency(np.array([p, q]), correction=False)
    assert statistic == pytest.approx(expected.statistic)
    assert pvalue == pytest.approx(expected.pvalue, abs=1e-10)
    shares = p / p.sum(), q / q.sum()
    assert drift_metrics.kullback_leibler(*shares) == pytest.approx(stats.entropy(*shares))
    assert 0 <= drift_metrics.jensen_shannon(*shares) <= math.log(2)


def test_quantiles_stand_for_the_values():
    values = np.random.default_rng(0).exponential(2, 10_000)
    column = describe_frame(values)["columns"]["0"]
    assert len(column["quantiles"]) == QUANTILES
    assert drift_metrics.wasserstein(draw(column, 1000), values) < 0.05
    merged = merge_mean([describe_frame(values), describe_frame(values + 4)])["columns"]["0"]
    both = np.concatenate([values, values + 4])
    assert (merged["mean"], merged["std"]) == pytest.approx((both.mean(), both.std()))
    assert drift_metrics.wasserstein(draw(merged, 2000), both) < 0.1


def test_columns_without_values_or_of_another_kind_are_left_out(monitor):
    result = compared(
        monitor, {"x": [1.0, 2], "e": [np.nan, np.nan], "k": [1, 2]}, {"x": [1.0, 2], "e": [1.0, 2], "k": ["a", "b"]}
    )  # fmt: skip
    assert list(result.summary) == ["x"]
    constant = compared(monitor, {"x": [3.0] * 9}, {"x": [3.0] * 9})
    assert constant.summary == {"x": False}
