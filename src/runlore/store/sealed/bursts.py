"""Bursts: records that were made in one breath, such as those of one step of a training loop.

Times are what takes most room once values are packed: steps follow one another at random intervals of milliseconds,
in nanoseconds. But what is logged at one step is logged within microseconds. A time is therefore split into that of
its burst, which many points share, and a short delay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAUSE = 32
"""A burst ends where nothing happens for so many times what a quarter of all intervals do not exceed."""
_LONGEST_BITS = 30
"""A burst lies between two multiples of 2^30 ns, about a second."""
_FIRST_OUTSIDE = 1 << 31


def delays(time_ns: NDArray[np.int64], sequence: NDArray[np.int64]) -> NDArray[np.int32]:
    """How long after the beginning of its burst each point was recorded.

    Args:
        time_ns: when, as nanoseconds since 1970.
        sequence: the place of the record in its journal, which never falls. The points of a row share one.

    Returns:
        Nanoseconds; `time_ns - delays(...)` is the same for all points of a burst. A row of several points is a burst
        of its own. Any times can be given, also such that fall, or lie centuries apart.
    """
    import numpy as np

    if not len(time_ns):
        return np.zeros(0, dtype=np.int32)
    starts = np.flatnonzero(np.concatenate(([True], sequence[1:] != sequence[:-1])))
    widths = np.diff(np.append(starts, len(sequence)))
    times = time_ns[starts]
    seconds = times >> _LONGEST_BITS
    begins = np.ones(len(times), dtype=bool)
    begins[1:] = _pauses(times) | (widths[1:] > 1) | (seconds[1:] != seconds[:-1])
    first = np.maximum.accumulate(np.where(begins, np.arange(len(times)), 0))
    late = times - times[first]
    late[(late < -_FIRST_OUTSIDE) | (late >= _FIRST_OUTSIDE)] = 0  # such a record is a burst of its own
    return np.repeat(late.astype(np.int32), widths)


def _pauses(times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether there is a pause before each record but the first."""
    import numpy as np

    intervals = np.abs(times[1:].astype(np.float64) - times[:-1])
    if not len(intervals):
        return np.zeros(0, dtype=bool)
    quarter = len(intervals) // 4
    pauses: NDArray[np.bool_] = intervals > _PAUSE * np.partition(intervals, quarter)[quarter]
    return pauses
