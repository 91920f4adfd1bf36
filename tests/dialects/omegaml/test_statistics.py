"""Throughput, group latency and utilization, from runs whose times are known."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

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


def test_latency_leaves_out_what_is_not_over(stats):
    latency = stats.latency().iloc[0]
    assert (latency["key"], latency["count"], latency["mean"]) == ("latency", 3, pytest.approx(7 / 3))
    assert stats.latency(time_key="seconds")["key"].tolist() == ["seconds"]


def test_throughput_is_per_unit(stats):
    assert stats.throughput().iloc[0][["count", "min", "max"]].tolist() == pytest.approx([3, 20, 30])
    assert stats.throughput(tp_unit=1)["max"].iloc[0] == pytest.approx(0.5)


def test_group_latency_is_between_ends(stats):
    assert stats.group_latency().iloc[0][["count", "min", "max"]].tolist() == pytest.approx([2, 2, 6])


def test_utilization_is_the_share_of_time_at_work(stats):
    utilization = stats.utilization().iloc[0]
    assert (utilization["count"], utilization["mean"]) == (10, pytest.approx(0.6))
    assert (utilization["min"], utilization["max"]) == (0, 1)


def test_summary_takes_other_events_and_keys(stats):
    found = stats.summary(perf_stats=True, time_key="duration", percentiles=[0.9])
    assert found["key"].tolist() == ["duration", "group_duration", "utilization"]
    assert list(found.columns) == ["event", "key", "count", "mean", "std", "min", "90%", "max"]
    assert stats.summary(time_events=["start", "nothing"]).empty
    assert stats.summary(groupby="nothing").empty
    assert stats.metrics().empty


def test_a_description_has_both_ways_of_access():
    found = describe([("a", [1, 2, 3, "x", None, float("nan")]), ("b", [])])
    assert found["count"].tolist() == [3, 0]
    assert found.loc["metric"].loc["a", "50%"] == found[found["key"] == "a"]["50%"].iloc[0] == 2
    assert describe([]).empty
