"""`Experiment.stats`: against numbers that were worked out by hand or by another method."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reader.made_runs import make_run

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.testing import MemoryStore


def made(values, *, key="acc", **more):
    """An experiment with runs of models: model → the metric of each seed."""
    store = MemoryStore()
    for model, numbers in values.items():
        for seed, number in enumerate(numbers):
            make_run(store, params={"model": model, "seed": seed, **more}, metrics={key: [0.0, number]})
    return runlore.experiment("iris", store=store), store


def test_mean_and_interquartile_mean_of_each_group():
    experiment, _ = made({"a": [1, 2, 3, 4, 5, 6, 7, 100], "b": [5, 5, 5, 5]})
    found = experiment.stats("acc", "params.model")
    assert found[["params.model", "count", "mean", "iqm"]].to_numpy().tolist() == [["a", 8, 16.0, 4.5], ["b", 4, 5, 5]]
    assert found.loc[1, ["mean_low", "mean_high", "iqm_low", "iqm_high", "std"]].tolist() == [5, 5, 5, 5, 0]
    assert "p_better" not in found


def test_the_interval_of_many_runs_is_that_of_the_normal_distribution():
    numbers = np.random.default_rng(1).normal(10, 2, 400)
    experiment, _ = made({"a": numbers.tolist()})
    row = experiment.stats("acc").loc[0]
    half = 1.959964 * numbers.std(ddof=1) / math.sqrt(400)
    np.testing.assert_allclose(
        [row["mean_low"], row["mean_high"]], [numbers.mean() - half, numbers.mean() + half], atol=0.02
    )
    wide = experiment.stats("acc", confidence=0.99).loc[0]
    assert wide["mean_low"] < row["mean_low"] < row["mean_high"] < wide["mean_high"]


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(2)
    groups = {str(place): generator.exponential(1.0, 30).tolist() for place in range(150)}
    experiment, _ = made(groups)
    found = experiment.stats("acc", "params.model", resamples=500)
    covered = ((found["mean_low"] <= 1) & (found["mean_high"] >= 1)).mean()
    assert 0.86 <= covered <= 0.98


def test_the_probability_of_improvement_counts_pairs_and_halves_ties():
    experiment, _ = made({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0], "c": [0.0, 0.0, 0.0]})
    up = experiment.stats("acc", "params.model", best="max")
    assert math.isnan(up["p_better"][0])
    assert up["p_better"].tolist()[1:] == [pytest.approx((6 + 2 / 2) / 9), 0.0]
    down = experiment.stats("acc", "params.model", best="min", baseline="b")
    assert down["p_better"][0] == pytest.approx(7 / 9)
    assert down["p_better"][2] == 1.0
    assert up["p_better_low"][1] < up["p_better"][1] < up["p_better_high"][1]


def test_what_is_better_comes_from_the_runs_where_they_say_it():
    experiment, store = made({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with runlore.start("iris", store=store, capture=False) as run:
        run.define_metric("acc", best="min")
    assert experiment.stats("acc", "params.model")["p_better"][1] == 0.0
    assert experiment.stats("acc", "params.model", value="best")["mean"].tolist() == [0.0, 0.0]


def test_of_a_seed_that_was_run_twice_the_latest_counts_and_runs_without_one_do_not():
    experiment, store = made({"a": [1.0, 2.0]})
    make_run(store, params={"model": "a", "seed": 1}, metrics={"acc": [5.0]})
    make_run(store, params={"model": "a"}, metrics={"acc": [100.0]})
    assert experiment.stats("acc", "params.model")[["count", "mean"]].to_numpy().tolist() == [[2, 3.0]]
    assert experiment.stats("acc", over=None)[["count", "mean"]].to_numpy().tolist() == [[4, 27.0]]


def test_the_same_runs_give_the_same_numbers_and_one_run_no_interval():
    experiment, _ = made({"a": [1.0, 2.0, 5.0], "b": [4.0]})
    first, second = (experiment.stats("acc", "params.model", best="max") for _ in range(2))
    assert first.equals(second)
    assert first.loc[1, ["mean_low", "mean_high", "std", "p_better_low"]].isna().all()


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "match"),
    [
        (("acd",), {}, NotFound, "did you mean 'acc'"),
        (("acc", "params.modell"), {}, InvalidArgument, "did you mean 'model'"),
        (("acc",), {"over": "sed"}, InvalidArgument, "over='params.sed': no run.*did you mean 'seed'"),
        (("acc",), {"value": "median"}, InvalidArgument, "value='median' must be one of"),
        (("acc",), {"confidence": 95}, InvalidArgument, "confidence=95"),
        (("acc",), {"resamples": 1}, InvalidArgument, "resamples=1 "),
        (("acc", "params.model"), {"best": "max", "baseline": "z"}, InvalidArgument, "which are 'a', 'b'"),
        (("acc", "params.model"), {"baseline": "a"}, InvalidArgument, "give best='min' or 'max'"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, kind, match):
    experiment, _ = made({"a": [1.0], "b": [2.0]})
    with pytest.raises(kind, match=match):
        experiment.stats(*arguments, **options)
