"""Summaries of points: what a plain loop finds, from any pieces in any order."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal.decode import Points
from runlore.store.series import SeriesColumns, SeriesRecord, summarise_points
from runlore.store.summary import UNSET, RunSummary

finite_or_not = st.floats(allow_nan=True)
point = st.tuples(st.integers(0, 2), st.none() | st.integers(-3, 3), st.integers(0, 5), finite_or_not)


def as_points(rows):
    return Points(
        np.array([row[0] for row in rows], dtype="u4"),
        np.array([math.nan if row[1] is None else row[1] for row in rows], dtype="f8"),
        np.array([row[2] for row in rows], dtype="i8"),
        np.array([row[3] for row in rows], dtype="f8"),
        np.arange(len(rows), dtype="i8"),
    )


@settings(deadline=None)
@given(st.lists(point, min_size=1, max_size=30))
def test_a_summary_is_what_a_plain_loop_finds(rows):
    found = dict(summarise_points(as_points(rows), {0: "a", 1: "b", 2: "c"}).items())
    for number, name in enumerate("abc"):
        mine = [row for row in rows if row[0] == number]
        assert (name in found) == bool(mine)
        if not mine:
            continue
        order = sorted(range(len(mine)), key=lambda i: (-math.inf if mine[i][1] is None else mine[i][1], mine[i][2], i))
        good = [row[3] for row in mine if not math.isnan(row[3])]
        summary = found[name]
        assert summary.points == len(mine)
        assert summary.finite == len(good)
        np.testing.assert_array_equal(summary.first, mine[order[0]][3])
        np.testing.assert_array_equal(summary.last, mine[order[-1]][3])
        assert summary.last_step == mine[order[-1]][1]
        np.testing.assert_array_equal(summary.min, min(good, default=math.nan))
        np.testing.assert_array_equal(summary.max, max(good, default=math.nan))


@settings(deadline=None)
@given(st.lists(st.lists(point, max_size=8), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_pieces_in_any_order_make_the_same_summary(pieces, random):
    # Distinct times, so that "latest" is unambiguous whatever the order.
    clock = itertools.count(1)
    numbered = [
        [(key, step, next(clock), 1.0 if math.isinf(value) else value) for key, step, _, value in piece]
        for piece in pieces
    ]
    names = {0: "a", 1: "b", 2: "c"}
    whole, parts = RunSummary(), RunSummary()
    whole.add_points("w", as_points([row for piece in numbered for row in piece]), names)
    random.shuffle(numbered)
    for piece in numbered:
        parts.add_points("w", as_points(piece), names)
    assert whole.series.keys == parts.series.keys
    for (_, expected), (_, got) in zip(whole.series.items(), parts.series.items(), strict=True):
        np.testing.assert_allclose(got.sum, expected.sum, rtol=1e-9)
        np.testing.assert_equal(
            [got.points, got.finite, *got[3:]],
            [expected.points, expected.finite, *expected[3:]],
        )


rows = st.builds(
    SeriesRecord, st.integers(1, 9), st.integers(0, 9), finite_or_not, finite_or_not, st.none() | st.floats(-3, 3),
    finite_or_not, st.none() | st.floats(-3, 3), finite_or_not, st.none() | st.floats(-3, 3), st.integers(0, 3),
    finite_or_not, st.none() | st.floats(-3, 3), st.integers(0, 3),
)  # fmt: skip
some_series = st.dictionaries(st.sampled_from(["a", "b", "é", "\ud800"]), rows)


@settings(deadline=None)
@given(some_series, some_series)
def test_columns_merge_as_rows_do(mine, other):
    merged = dict(SeriesColumns.of(mine).merge(SeriesColumns.of(other)).items())
    assert list(merged) == sorted({*mine, *other})
    for key, found in merged.items():
        both = key in mine and key in other
        np.testing.assert_equal(found, mine[key].merge(other[key]) if both else {**mine, **other}[key])


@settings(deadline=None)
@given(some_series)
def test_columns_survive_bytes(known):
    series = SeriesColumns.of(known)
    copy = SeriesColumns.unpack(series.keys, *series.pack())
    np.testing.assert_equal(dict(copy.items()), dict(series.items()))
    assert repr(dict(copy.items())) == repr(dict(series.items()))  # the sign of zero too
    assert SeriesColumns.unpack(series.keys, *copy.merge(SeriesColumns.empty()).pack()).pack() == series.pack()


def test_two_numbers_of_one_name_are_one_series():
    points = as_points([(0, 1, 1, 5.0), (1, 2, 2, 7.0), (2, 1, 1, 1.0)])
    found = dict(summarise_points(points, {0: "a", 1: "a", 2: "b"}).items())
    assert {key: (row.points, row.first, row.last) for key, row in found.items()} == {"a": (2, 5, 7), "b": (1, 1, 1)}


def test_a_summary_survives_json():
    summary = RunSummary()
    summary.add_points("w", as_points([(0, None, 1, math.nan), (0, 2, 2, math.inf)]), {0: "a"})
    summary.params = {"n": (1, None), "gone": (2, UNSET), "big": (3, 2**70), "text": (4, "é\ud800")}
    copy = RunSummary.load(json.loads(json.dumps(summary.dump())))
    np.testing.assert_equal(dict(copy.series.items()), dict(summary.series.items()))
    assert copy.params == summary.params
