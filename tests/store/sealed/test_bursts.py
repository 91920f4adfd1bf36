"""Times split into bursts and delays: exact for any times, and small where it pays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runlore.store.sealed.bursts import delays

NOW = 1_700_000_000_000_000_000
moments = st.integers(-(2**63), 2**63 - 1) | st.integers(NOW, NOW + 10**10) | st.integers(NOW, NOW + 1000)
records = st.lists(st.tuples(moments, st.integers(1, 3)), max_size=60)


@given(records)
@example([(-(2**63), 1), (2**63 - 1, 2), (-(2**63), 1)])
@example([(NOW, 1)])
def test_no_time_is_changed(found):
    time_ns = np.repeat(np.array([when for when, _ in found], dtype=np.int64), [width for _, width in found])
    sequence = np.repeat(np.arange(len(found)), [width for _, width in found])
    delay = delays(time_ns, sequence)
    assert (delay.dtype, len(delay)) == (np.int32, len(time_ns))
    assert ((time_ns - delay) + delay).tolist() == time_ns.tolist()
    rows = [(start == end) for start, end in zip(sequence[1:].tolist(), sequence[:-1].tolist(), strict=True)]
    assert not delay[1:][rows].any(), "the points of a row share the time of their burst"


def test_what_is_logged_at_one_step_shares_a_time():
    generator = np.random.default_rng(0)
    steps = NOW + np.cumsum(generator.integers(100_000_000, 110_000_000, 500))
    within = np.cumsum(generator.integers(200, 5000, (500, 20)), axis=1)
    time_ns = (steps[:, None] + within).ravel()
    delay = delays(time_ns, np.arange(len(time_ns)))
    assert len(np.unique(time_ns - delay)) <= 520, "about one time a step"
    assert delay.min() == 0
    assert delay.max() <= 20 * 5000


@pytest.mark.parametrize("interval", [1_000, 10_000_000, 3_000_000_000])
def test_a_single_series_has_no_pauses(interval):
    time_ns = NOW + interval * np.arange(5000)
    delay = delays(time_ns, np.arange(5000))
    assert (delay >= 0).all()
    assert (delay < 1 << 30).all()
    assert len(np.unique(time_ns - delay)) <= 2 + 5000 * interval / (1 << 30) or interval > 1 << 30
