"""Throughput, group latency and utilization, from runs whose times are known."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

import runlore.dialects.omegaml as om
from runlore.dialects.omegaml.statistics import ExperimentStatistics, describe

START = dt.datetime(2026, 1, 2, 3, 4, 5)


class Recorded:
    """A tracker that has spans of runs, in seconds from a start."""

    def __init__(self, *spans):
        rows = []
        for run, span in enumerate(spans, 1):
            for event, second in zip(("start", "stop"), span, strict=False):
                rows.append({"run": run, "event": event, "key": event, "dt": START + dt.timedelta(seconds=second)})
        self.frame = pd.DataFrame(rows)
        self.frame["dt"] = self.frame["dt"].astype("datetime64[ns]")
        self.frame["value"] = 1.0

    def data(self, run, event, **filters):
        assert run == "all"
        return self.frame[self.frame["event"].isin([event] if isinstance(event, str) else event)]


@pytest.fixture
def stats():
    return ExperimentStatistics(Recorded((0, 2), (1, 4), (8, 10), (9,)))


def test_latency_is_a_row_a_run_that_is_over(stats):
    found = stats.latency()
    assert found[["run", "latency"]].to_numpy().tolist() == [[1, 2], [2, 3], [3, 2]]
    assert found["event"].tolist() == ["start"] * 3
    assert list(found.columns) == ["run", "event", "key", "dt", "value", "latency"]
    assert stats.latency(time_key="seconds")["seconds"].tolist() == [2, 3, 2]
    assert stats.latency(time_events=["start", "nothing"]).empty


def test_latency_with_percentiles_is_described(stats):
    for percentiles in (True, [0.5]):
        row = stats.latency(percentiles=percentiles).iloc[0]
        assert (row["key"], row["count"], row["mean"], row["50%"]) == ("latency", 3, pytest.approx(7 / 3), 2)


def test_throughput_is_per_unit(stats):
    assert stats.throughput().iloc[0][["count", "min", "max"]].tolist() == pytest.approx([3, 20, 30])
    assert stats.throughput(tp_unit=1)["max"].iloc[0] == pytest.approx(0.5)
    assert stats.throughput(time_key="speed")["key"].tolist() == ["speed"]


def test_group_latency_is_that_of_equal_parts_of_the_time(stats):
    # events at 0, 1, 2, 4 | 8, 9, 10
    assert stats.group_latency(time_slots=2).iloc[0][["count", "min", "max"]].tolist() == pytest.approx([2, 2, 4])
    assert stats.group_latency().iloc[0][["count", "max"]].tolist() == pytest.approx([1, 10])
    assert stats.group_latency(time_slots=100)["count"].iloc[0] == 7  # parts in which nothing happened are left out


def test_utilization_is_the_share_of_time_at_work(stats):
    utilization = stats.utilization().iloc[0]
    assert (utilization["count"], utilization["mean"]) == (10, pytest.approx(0.6))
    assert (utilization["min"], utilization["max"]) == (0, 1)


def test_summary_takes_other_events_and_keys(stats):
    found = stats.summary(perf_stats=True, time_key="duration", percentiles=[0.9])
    assert found["key"].tolist() == ["duration", "group_duration", "throughput", "utilization"]
    assert list(found.columns) == ["event", "key", "count", "mean", "std", "min", "90%", "max"]
    assert stats.summary(time_events=["start", "nothing"]).empty
    assert stats.metrics().empty


def test_summary_counts_throughput_in_its_unit(stats):
    found = stats.summary(perf_stats=True, tp_unit=3600).set_index("key")
    assert found.loc["throughput", "max"] == 1800
    assert found.loc["utilization", "mean"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda stats: stats.summary(groupby="nothing"), "groupby='nothing' is no column"),
        (lambda stats: stats.latency(groupby="nothing"), "groupby='nothing' is no column"),
        (lambda stats: stats.latency(delta=True), r"delta=True is not supported; take latency"),
        (lambda stats: stats.latency(event="metric"), r"event='metric': use time_events="),
        (lambda stats: stats.summary(event="metric"), r"event='metric': use time_events="),
        (lambda stats: stats.group_latency(time_slots=0), "time_slots=0"),
        (lambda stats: stats.throughput(tp_unit=0), "tp_unit=0"),
        (lambda stats: stats.utilization(tp_unit="x"), "tp_unit='x'"),
    ],
)
def test_what_cannot_be_computed_is_said(stats, call, message):
    with pytest.raises(ValueError, match=message):
        call(stats)


def recorded():
    for accuracy in (0.5, 0.7):
        with om.runtime.experiment("iris") as exp:
            exp.log_metric("acc", accuracy)
            exp.log_metric("loss", accuracy / 2)
            exp.log_event("note", "mood", 3)
    return exp


def test_metrics_are_described_by_run():
    stats = recorded().stats
    assert stats.metrics()[["run", "event", "key", "mean"]].to_numpy().tolist() == [
        [1, "metric", "acc", 0.5], [1, "metric", "loss", 0.25], [2, "metric", "acc", 0.7], [2, "metric", "loss", 0.35],
    ]  # fmt: skip
    assert stats.metrics(groupby="run").equals(stats.metrics())
    assert stats.metrics(groupby="")[["key", "count"]].to_numpy().tolist() == [["acc", 2], ["loss", 2]]
    assert stats.metrics(groupby="key")["key"].tolist() == ["acc", "loss"]
    assert stats.metrics(groupby="node", key="acc")[["key", "count"]].to_numpy().tolist() == [["acc", 2]]
    assert stats.metrics(event="metric").equals(stats.metrics())
    assert stats.metrics(event="note")["key"].tolist() == ["mood", "mood"]
    assert stats.metrics(run=2)["run"].tolist() == [2, 2]
    with pytest.raises(ValueError, match="groupby='nothing'"):
        stats.metrics(groupby="nothing")


def test_latency_has_the_columns_of_the_data():
    stats = recorded().stats
    found = stats.latency(run="all")
    assert list(found.columns) == [
        "run", "experiment", "step", "event", "key", "value", "dt", "node", "userid", "latency",
    ]  # fmt: skip
    assert found["run"].tolist() == [1, 2]
    assert stats.latency(run=2)["run"].tolist() == [2]


def test_a_description_has_plain_columns_and_is_labelled_from_0():
    a, b = ({"event": "metric", "key": key} for key in "ab")
    found = describe([(a, [1, 2, 3, "x", None, float("nan")]), (b, [])])
    assert found["count"].tolist() == [3, 0]
    assert found["50%"].tolist()[0] == 2
    assert isinstance(found.index, pd.RangeIndex)
    assert list(found.reset_index().columns)[:3] == ["index", "event", "key"]
    assert describe([]).empty
