from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.examples import examples

from runlore.errors import InvalidArgument
from runlore.reader.reducing import downsample, zoom
from runlore.reader.series import align, group_statistics, student_quantile

values = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0])
whole = st.integers(-(2**62), 2**62) | st.integers(0, 20)
places = st.lists(whole, max_size=60) | st.lists(st.floats(-1e3, 1e3) | st.sampled_from([math.nan, 0.5]), max_size=60)
few = st.lists(st.tuples(st.integers(0, 8), st.floats(-100, 100)), max_size=10)


def series_of(place, data):
    return place, data.draw(st.lists(values, min_size=len(place), max_size=len(place)))


def naive_buckets(x, buckets):
    """Bucket → indices in it, by exact arithmetic; None where rounding decides."""
    rows = sorted((i for i in range(len(x)) if x[i] == x[i]), key=lambda i: (x[i], i))
    if not rows:
        return {}, rows
    low, span = Fraction(x[rows[0]]), Fraction(x[rows[-1]]) - Fraction(x[rows[0]])
    found: dict[int, list[int]] = {}
    for i in rows:
        place = (Fraction(x[i]) - low) * buckets / span if span else Fraction(buckets)
        if isinstance(x[i], float):
            assume(abs(place - round(place)) > 1e-6 or i in (rows[0], rows[-1]) or x[i] in (x[rows[0]], x[rows[-1]]))
        found.setdefault(min(math.floor(place), buckets - 1), []).append(i)
    return found, rows


@settings(max_examples=examples(150), deadline=None)
@given(places, st.integers(1, 8), st.data())
def test_no_extreme_of_a_bucket_is_lost(place, buckets, data):
    x, y = series_of(place, data)
    expected, rows = naive_buckets(x, buckets)
    found = downsample(np.array(x, dtype=np.int64 if all(isinstance(i, int) for i in x) else float), y, buckets)
    if len(rows) <= 2 * buckets:
        assert found.tolist() == rows
        return
    wanted = {rows[0], rows[-1]}
    for members in expected.values():
        known = [i for i in members if math.isfinite(y[i])]
        if known:
            wanted.add(min(known, key=lambda i: y[i]))
            wanted.add(max(known, key=lambda i: y[i]))
        for is_one in (math.isnan, math.inf.__eq__, (-math.inf).__eq__):
            wanted.update([i for i in members if is_one(y[i])][:1])
    assert found.tolist() == [i for i in rows if i in wanted]


@settings(max_examples=examples(100), deadline=None)
@given(places, st.integers(1, 8), st.data())
def test_a_zoomed_chart_is_the_chart_of_the_range_with_its_neighbours(place, buckets, data):
    x, y = series_of(place, data)
    x_min, x_max = data.draw(st.none() | st.integers(-5, 25)), data.draw(st.none() | st.integers(-5, 25))
    found = zoom(x, y, x_min, x_max, buckets).tolist()
    rows = sorted((i for i in range(len(x)) if x[i] == x[i]), key=lambda i: (x[i], i))
    below = [i for i in rows if x_min is not None and x[i] < x_min]
    inside = [i for i in rows if (x_min is None or x[i] >= x_min) and (x_max is None or x[i] <= x_max)]
    above = [i for i in rows if x_max is not None and x[i] > x_max and i not in below]
    part = downsample(np.array([x[i] for i in inside]), [y[i] for i in inside], buckets)
    assert found == below[-1:] + [inside[i] for i in part] + above[:1]


def test_charts_of_nothing_of_one_point_and_of_infinite_steps():
    assert downsample([], [], 3).tolist() == []
    assert downsample([1], [math.nan], 3).tolist() == [0]
    assert downsample([math.nan] * 9, range(9), 2).tolist() == []
    assert downsample([5] * 9, [0, 1, 2, 9, 3, -9, 4, 5, 6], 2).tolist() == [0, 3, 5, 8]
    steps = [-math.inf, *range(20), math.inf]
    assert {0, 21} < set(downsample(steps, [0.0] * 10 + [7.0] + [0.0] * 11, 4).tolist())
    assert 10 in downsample(steps, [0.0] * 10 + [7.0] + [0.0] * 11, 4)
    extreme = [-1e308, *range(10), 1e308]
    assert {0, 11} < set(downsample(extreme, range(12), 2).tolist())
    assert len(downsample(np.array([-(2**63), *range(10), 2**63 - 1]), range(12), 3)) <= 11
    assert zoom([0, 1, 2], [0, 0, 0], 5, 1, 3).tolist() == [2]


@pytest.mark.parametrize("buckets", [0, -1, 1.5, None])
def test_buckets_are_counted(buckets):
    with pytest.raises(InvalidArgument, match="integer >= 1"):
        downsample([1], [1], buckets)


def test_x_and_y_belong_together():
    with pytest.raises(InvalidArgument, match="equal length"):
        downsample([1, 2], [1], 1)


def latest(points):
    return dict(points)


@settings(max_examples=examples(100), deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), few, max_size=3), st.sampled_from(["union", "nearest", "interpolate"]))
def test_aligned_series_agree_with_a_naive_alignment(series, method):
    table = align({name: ([x for x, _ in s], [y for _, y in s]) for name, s in series.items()}, method=method)
    known = {name: latest(s) for name, s in series.items()}
    assert table.index.tolist() == sorted({x for s in known.values() for x in s})
    assert table.index.name == "step"
    assert table.columns.tolist() == list(series)
    for name, points in known.items():
        for x, found in table[name].items():
            if x in points:
                expected = points[x]
            elif not points or method == "union":
                expected = math.nan
            elif method == "nearest":
                expected = points[min(points, key=lambda place: (abs(place - x), place))]
            elif min(points) < x < max(points):
                left, right = max(p for p in points if p < x), min(p for p in points if p > x)
                expected = points[left] + (points[right] - points[left]) * (x - left) / (right - left)
            else:
                expected = math.nan
            assert found == pytest.approx(expected, nan_ok=True, abs=1e-9)


def test_alignment_by_time():
    second = 10**9
    series = {"a": ([2**60, 2**60 + second], [1, 2]), "b": ([2**60 + second, 2**60 + 3 * second], [3, 4])}
    table = align(series, "time", "interpolate")
    assert table.index.tolist() == [pd.Timestamp(2**60 + n * second, tz="UTC") for n in (0, 1, 3)]
    assert table["a"].tolist()[:2] == [1, 2]
    relative = align(series, "relative_time")
    assert relative.index.tolist() == [0, 1, 2]
    assert relative["a"].tolist()[:2] == [1, 2]
    assert relative["b"].tolist()[::2] == [3, 4]


def test_an_alignment_of_nothing():
    assert align({}).empty
    assert align({"a": ([], [])}).columns.tolist() == ["a"]
    assert align({"a": ([], [])}, "time").index.name == "time"
    assert align({"a": ([math.nan, 1], [1, 2])}).index.tolist() == [1]
    for arguments in ({"how": "day"}, {"method": "mean"}):
        with pytest.raises(InvalidArgument, match="must be one of"):
            align({}, **arguments)


def naive_iqm(numbers):
    """The mean of the middle half, each value repeated four times so that the quartiles fall between values."""
    repeated = sorted(numbers * 4)
    return float(np.mean(repeated[len(numbers) : 3 * len(numbers)]))


@settings(max_examples=examples(60), deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), few, max_size=7),
    st.sampled_from([0.5, 0.9, 0.95, 0.999]),
)
def test_group_statistics_agree_with_naive_ones(series, confidence):
    found = group_statistics(
        {name: ([x for x, _ in s], [y for _, y in s]) for name, s in series.items()}, confidence=confidence
    )
    known = [latest(s) for s in series.values()]
    assert found.index.tolist() == sorted({x for s in known for x in s})
    for x, row in found.iterrows():
        numbers = [s[x] for s in known if x in s]
        assert row["count"] == len(numbers)
        assert row["mean"] == pytest.approx(np.mean(numbers), abs=1e-9)
        assert row["iqm"] == pytest.approx(naive_iqm(numbers), abs=1e-9)
        if len(numbers) == 1:
            assert row[["std", "ci_low", "ci_high"]].isna().all()
            continue
        assert row["std"] == pytest.approx(np.std(numbers, ddof=1), abs=1e-9)
        half = stats.t.ppf((1 + confidence) / 2, len(numbers) - 1) * row["std"] / math.sqrt(len(numbers))
        assert row["ci_low"] == pytest.approx(row["mean"] - half, rel=1e-6, abs=1e-6)
        assert row["ci_high"] == pytest.approx(row["mean"] + half, rel=1e-6, abs=1e-6)


def test_nan_counts_as_no_value():
    table = group_statistics({"a": ([0, 1], [math.nan, 1.0]), "b": ([0, 1], [2.0, 3.0]), "c": ([2], [math.nan])})
    assert table["count"].tolist() == [1, 2, 0]
    assert table["mean"].tolist()[:2] == [2.0, 2.0]
    assert table.loc[2, ["mean", "std", "iqm"]].isna().all()
    assert group_statistics({}).empty
    assert group_statistics({"a": ([1], [math.inf]), "b": ([1], [1.0])})["mean"].tolist() == [math.inf]


@pytest.mark.parametrize("confidence", [0, 1, 1.5, -1])
def test_confidence_is_a_share(confidence):
    with pytest.raises(InvalidArgument, match="between 0 and 1"):
        group_statistics({}, confidence=confidence)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 31, 100, 999])
@pytest.mark.parametrize("probability", [0.6, 0.95, 0.975, 0.995, 0.9995])
def test_quantiles_of_student_agree_with_scipy(degrees, probability):
    assert student_quantile(degrees, probability) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9)
