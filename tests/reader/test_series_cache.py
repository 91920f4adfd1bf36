"""Series by themselves, of points that were recorded in every kind of row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlore
from runlore.reader.series_cache import ENTRY_BYTES, BoundedCache, Common, split
from runlore.store.points import RunPoints

ROWS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
        st.one_of(st.just(math.nan), st.integers(0, 3).map(float)),
        st.integers(0, 5),
    ),
    max_size=12,
)


def points_of(rows):
    """Points as a store gives them: rows of keys with one step and one time."""
    key, step, time = [], [], []
    for keys, at, time_ns in rows:
        key += keys
        step += [at] * len(keys)
        time += [time_ns] * len(keys)
    names, key = np.unique(np.array(key, dtype=np.uint32), return_inverse=True)
    count = len(key)
    return RunPoints(
        key.astype(np.uint32), [f"k{name}" for name in names], np.array(step, float), np.array(time, np.int64),
        np.arange(count, dtype=float), np.zeros(count, np.uint32), ["w"], [{}], np.arange(count), [],
    )  # fmt: skip


def check(points):
    """Each series is what has its key, in the order of the points."""
    found = split(points)
    assert list(found) == points.names
    for number, name in enumerate(points.names):
        mine = points.key == number
        for column in ("step", "time_ns", "value"):
            np.testing.assert_array_equal(getattr(found[name], column), getattr(points, column)[mine])
        assert not np.shares_memory(found[name].value, points.value) or len(points.names) == 1
    return found


@given(ROWS)
def test_each_series_has_its_points(rows):
    check(points_of(rows))


@given(
    st.permutations(range(4)), st.lists(st.tuples(st.sampled_from([math.nan, 1.0, 2.0]), st.integers(0, 5)), min_size=1)
)
def test_series_of_equal_rows_share_their_steps_and_times(order, places):
    found = check(points_of([(order, step, time_ns) for step, time_ns in places]))
    assert len({id(series.step) for series in found.values()}) == 1
    kept = BoundedCache(10_000)
    for name, series in found.items():
        kept.put(name, series, series.nbytes, series.common)
    assert kept.bytes == len(places) * (4 * 8 + 16) + 4 * ENTRY_BYTES


@pytest.mark.parametrize("keys", [2, 70_000])
def test_so_many_keys(keys):
    count = 2 * keys
    points = RunPoints(
        (np.arange(count) // 2 % keys).astype(np.uint32), [f"k{number}" for number in range(keys)], np.zeros(count),
        np.zeros(count, np.int64), np.arange(count, dtype=float), np.zeros(count, np.uint32), ["w"], [{}],
        np.arange(count), [],
    )  # fmt: skip
    found = split(points)
    assert [found[f"k{number}"].value.tolist() for number in (0, keys - 1)] == [[0, 1], [count - 2, count - 1]]


def test_rows_of_a_run(tmp_path):
    with runlore.start("e", store=tmp_path, capture=False) as run:
        for step in range(5):
            run.log_metrics({"b": step, "a": -step}, step=step)
    points = runlore.get_run(run.uid, store=tmp_path).recorded().points()
    assert points.writer.tolist() == [0] * 10
    assert [split(points)[name].value.tolist() for name in "ab"] == [[0, -1, -2, -3, -4], [0, 1, 2, 3, 4]]


def test_what_values_have_in_common_counts_once_and_until_the_last_of_them_is_gone():
    kept = BoundedCache(100)
    for name in "abc":
        kept.put(name, name, 10, Common(7, 40))
    assert kept.bytes == 70
    kept.put("a", "again", 5, Common(7, 40))
    assert kept.bytes == 65
    kept.put("large", "x", 60)  # b and c, the oldest, make room; a still holds what they had in common
    assert (kept.get("b"), kept.get("c"), kept.get("a"), kept.bytes) == (None, None, None, 60)
    kept.put("d", "d", 10, Common(7, 40))
    assert (kept.get("large"), kept.bytes) == (None, 50)
    kept.put("none", "x", 70, Common(8, 40))
    assert (kept.get("none"), kept.bytes) == (None, 50)
