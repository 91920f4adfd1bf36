"""Series that are kept between charts: how the points of a run are parted, and what they take."""

from __future__ import annotations

import numpy as np
import pytest

from runlore.reader.series_cache import split
from runlore.store.points import RunPoints


def points(keys, steps, times, values):
    none = np.zeros(len(keys), np.int64)
    return RunPoints(
        names=["a", "b"],
        key=np.array(keys, np.uint32),
        step=np.array(steps, float),
        time_ns=np.array(times, np.int64),
        value=np.array(values, float),
        writer=none.astype(np.uint32),
        writers=["w"],
        headers=[{}],
        sequence=none,
        extras=[],
    )


TOGETHER = ([1, 0, 1, 0, 1, 0], [1, 1, 2, 2, np.nan, np.nan], [5, 5, 6, 6, 7, 7], [10, 1, 20, 2, 30, 3])


def test_series_recorded_together_share_steps_and_times():
    found = split(points(*TOGETHER))
    assert found["a"].value.tolist() == [1, 2, 3]
    assert found["b"].value.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(found["a"].step, [1, 2, np.nan])
    assert found["a"].time_ns.tolist() == [5, 6, 7]
    assert found["a"].step is found["b"].step
    assert found["a"].value.base is None, "a series that is kept keeps no other alive"
    assert found["a"].nbytes < points(*TOGETHER).value.nbytes + 450


@pytest.mark.parametrize(
    ("keys", "steps", "times"),
    [
        ([1, 0, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3], [5, 5, 6, 6, 7, 7]),
        ([1, 0, 1, 0, 1, 0], [1, 1, 2, 2, 3, 4], [5, 5, 6, 6, 7, 7]),
        ([1, 0, 1, 0, 1, 0], [1, 1, 2, 2, 3, 3], [5, 5, 6, 6, 7, 8]),
        ([1, 1, 1, 1, 0, 0], [1, 2, 3, 4, 1, 2], [5, 6, 7, 8, 5, 6]),
        ([1, 0, 1], [1, 1, 2], [5, 5, 6]),
    ],
    ids=["another order", "a step of its own", "a time of its own", "one after the other", "one more"],
)
def test_series_recorded_apart_have_their_own(keys, steps, times):
    values = np.arange(len(keys), dtype=float)
    found = split(points(keys, steps, times, values))
    for number, name in enumerate("ab"):
        mine = np.array(keys) == number
        np.testing.assert_array_equal(found[name].value, values[mine])
        np.testing.assert_array_equal(found[name].step, np.array(steps, float)[mine])
        np.testing.assert_array_equal(found[name].time_ns, np.array(times)[mine])
    assert found["a"].step is not found["b"].step
