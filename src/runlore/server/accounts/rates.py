"""How many requests one caller may send: a bucket for each token, session or user, in each worker."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING

from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.caller import Caller

BURST_S = 10.0
"""What was not sent may be sent later, as much as of so many seconds."""
REMEMBERED = 10_000


class Rates:
    """See the module. Threads may share it.

    Args:
        per_second: requests that one caller may send in the long run; None: as many as it likes.
    """

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        """Whose → how many requests are left, and when that was."""

    def take(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            Problem: it is one too many (429); the header says in how many seconds there is room again.
        """
        if self._per_second is None:
            return
        most, now = max(self._per_second * BURST_S, 1.0), monotonic()
        whose = ("token", caller.token) if caller.token is not None else ("user", str(caller.user))
        with self._lock:
            left, then = self._buckets.get(whose, (most, now))
            left = min(most, left + (now - then) * self._per_second)
            is_taken = left >= 1.0
            self._buckets[whose] = (left - 1.0 if is_taken else left, now)
            self._buckets.move_to_end(whose)
            while len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        if not is_taken:
            wait_s = math.ceil((1.0 - left) / self._per_second)
            raise Problem(
                429, f"more than {self._per_second:g} requests a second came with this {whose[0]}; go on in "
                f"{wait_s} seconds",
                headers={"retry-after": str(wait_s)},
            )  # fmt: skip
