"""How runs turned out: statistics of one value of each, by groups."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from tests.reader.made_runs import make_run

import runlore
from runlore.errors import InvalidArgument
from runlore.testing import MemoryStore

COLUMNS = ["count", "mean", "std", "ci_low", "ci_high", "min", "25%", "50%", "75%", "max"]


@pytest.fixture
def store() -> MemoryStore:
    """Two configurations with three seeds each; one run is long, one diverged, one was deleted."""
    store = MemoryStore()
    for seed, (lr, loss) in enumerate([
        (0.1, [9.0, 1.0]), (0.1, [9.0, 5.0, 2.0]), (0.1, [9.0] * 100 + [3.0]),
        (0.2, [8.0, 4.0]), (0.2, [8.0, math.nan]), (0.2, [8.0, 6.0]),
    ]):  # fmt: skip
        make_run(store, params={"lr": lr, "seed": seed}, metrics={"loss": loss, "system/cpu": [1.0]}, group=f"lr={lr}",
                 tags={"odd": str(seed % 2)}, end_s=200 + seed)  # fmt: skip
    gone = make_run(store, params={"lr": 0.1}, metrics={"loss": [1000.0]}, group="lr=0.1")
    runlore.get_run(gone, store=store).delete()
    return store


def summary(store, *arguments, **options):
    return runlore.experiment("iris", store=store).summary(*arguments, **options)


def test_each_run_counts_once(store):
    found = summary(store)
    assert list(found) == ["event", "key", *COLUMNS]
    assert found[["event", "key"]].to_numpy().tolist() == [["metric", "loss"], ["run", "duration_s"]]
    loss, duration = found.to_dict("records")
    assert (loss["count"], loss["mean"], loss["min"], loss["50%"], loss["max"]) == (5, 3.2, 1.0, 3.0, 6.0)
    np.testing.assert_allclose(loss["std"], statistics.stdev([1, 2, 3, 4, 6]))
    assert (duration["count"], duration["mean"]) == (6, 202.5)


def test_groups_are_runs_that_have_the_same(store):
    found = summary(store, "group")
    assert list(found) == ["event", "key", "group", *COLUMNS]
    loss = found[found["key"] == "loss"]
    assert loss["group"].tolist() == ["lr=0.1", "lr=0.2"]
    assert loss["count"].tolist() == [3, 2]
    assert loss["mean"].tolist() == [2.0, 5.0]
    half = 4.302652729911275 / math.sqrt(3)  # Student's t of 2 degrees of freedom, times 1 / sqrt(3)
    np.testing.assert_allclose(loss[["ci_low", "ci_high"]].iloc[0], [2 - half, 2 + half])
    wider = summary(store, "group", confidence=0.99)
    assert wider["ci_low"].iloc[0] < loss["ci_low"].iloc[0]
    assert found[found["key"] == "duration_s"]["mean"].tolist() == [201, 204]


def test_groups_by_several_things_and_by_what_some_runs_lack(store):
    make_run(store, metrics={"loss": [7.0]})
    found = summary(store, ["params.lr", "tags.odd"])
    loss = found[found["key"] == "loss"]
    assert list(found)[2:4] == ["params.lr", "tags.odd"]
    assert loss["params.lr"].fillna(-1).tolist() == [0.1, 0.1, 0.2, 0.2, -1]
    assert loss["tags.odd"].fillna("-").tolist() == ["0", "1", "1", "0", "-"]
    assert loss["mean"].tolist() == [2.0, 2.0, 5.0, 0.0, 7.0] or loss["count"].tolist() == [2, 1, 2, 0, 1]


@pytest.mark.parametrize(("value", "mean"), [("last", 2.0), ("first", 9.0), ("min", 2.0), ("max", 9.0), ("mean", None)])
def test_the_value_of_a_run_can_be_chosen(store, value, mean):
    loss = summary(store, "group", value).iloc[0]
    means = [5.0, 16 / 3, 903 / 101]
    np.testing.assert_allclose(loss["mean"], statistics.mean(means) if mean is None else mean)


def test_a_single_run_has_no_spread():
    store = MemoryStore()
    make_run(store, metrics={"loss": [1.0, 2.0]})
    loss = summary(store).iloc[0]
    assert (loss["count"], loss["mean"], loss["min"], loss["max"]) == (1, 2.0, 2.0, 2.0)
    assert np.isnan(loss[["std", "ci_low", "ci_high"]].astype(float)).all()


def test_an_experiment_without_metrics_has_durations():
    store = MemoryStore()
    make_run(store, end_s=None)
    found = summary(store, "group")
    assert found[["key", "count"]].to_numpy().tolist() == [["duration_s", 1]]


def test_points_are_described_all_together_where_that_is_wanted(store):
    found = summary(store, points=True)
    assert list(found) == ["event", "key", "count", "mean", "std", "min", "25%", "50%", "75%", "max"]
    assert found[["key", "count"]].to_numpy().tolist() == [["loss", 2 + 3 + 101 + 2 + 1 + 2], ["duration_s", 6]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group_by": "grup"}, "group_by='grup' must be one of group"),
        ({"group_by": "params.lrr"}, r"no run of the experiment has it; did you mean 'lr'\?"),
        ({"group_by": "tags."}, "begin with params"),
        ({"value": "median"}, "value='median' must be one of last, first, min"),
        ({"value": "best"}, r"value='best': no run says .* run\.define_metric"),
        ({"confidence": 95}, "confidence=95 must be between 0 and 1"),
        ({"points": True, "group_by": "group"}, "leave group_by and value out"),
    ],
)
def test_what_cannot_be_summarised_is_said(store, options, words):
    with pytest.raises(InvalidArgument, match=words):
        summary(store, **options)
