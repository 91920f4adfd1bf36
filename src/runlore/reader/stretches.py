"""When a run was really going on: from its start, and from each time that it was resumed, until it ended or died."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runlore.store.detail import Detail


@dataclass(frozen=True)
class Stretches:
    """See the module.

    Attributes:
        spans: (begin, end) in ns since 1970 UTC, in order; the last one ends with the last that was recorded.
    """

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, detail: Detail) -> Stretches:
        """Those of a run of which this was recorded. They add up to `Detail.active_ns`.

        Example:
            >>> from runlore.store.detail import Detail
            >>> detail = Detail()
            >>> detail.started_ns, detail.last_ns = 0, 90
            >>> detail.statuses = [(40, "stop", "stop", {"status": "failed"}), (60, "resume", "resume", None)]
            >>> Stretches.of(detail).spans
            ((0, 40), (60, 90))
        """
        return cls(tuple(detail.spans()))

    @property
    def resumed_ns(self) -> tuple[int, ...]:
        """When it was resumed."""
        return tuple(begin for begin, _ in self.spans[1:])

    def active_s(self, time_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds for which the run had been going on at these times. In a gap the clock stands still.

        Example:
            >>> import numpy as np
            >>> Stretches(((0, 4 * 10**9), (10 * 10**9, 20 * 10**9))).active_s(np.array([10**9, 5 * 10**9, 11 * 10**9]))
            array([1., 4., 5.])
        """
        import numpy as np

        if not self.spans:
            return np.full(len(time_ns), np.nan)
        begins = np.array([begin for begin, _ in self.spans])
        lengths = np.array([end - begin for begin, end in self.spans])
        before = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        place = np.maximum(np.searchsorted(begins, time_ns, side="right") - 1, 0)
        inside = time_ns - begins[place]
        last = place == len(self.spans) - 1
        active: NDArray[np.float64] = (before[place] + np.where(last, inside, np.minimum(inside, lengths[place]))) / 1e9
        return active
