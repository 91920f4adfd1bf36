"""How often somebody may be wrong: passwords that are tried one after the other are answered no more for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from time import monotonic

WINDOW_S = 300.0
MOST_BY_CLIENT = 10
"""Wrong passwords of one name from one address, within the window."""
MOST = 100
"""Wrong ones of one name from anywhere."""
REMEMBERED = 10_000


class Throttle:
    """Counts what failed, in this process. Threads may share it."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._lock = threading.Lock()
        self._failed: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wait_s(self, name: str, client: str) -> float:
        """Seconds until the next try is looked at; 0: now."""
        now = monotonic()
        with self._lock:
            return max(
                self._left((name, client), MOST_BY_CLIENT, now),
                self._left((name, ""), MOST, now),
            )

    def failed(self, name: str, client: str) -> None:
        """One was wrong."""
        now = monotonic()
        with self._lock:
            for key in ((name, client), (name, "")):
                times = self._failed.setdefault(key, deque(maxlen=MOST))
                times.append(now)
                self._failed.move_to_end(key)
            while len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)

    def _left(self, key: tuple[str, str], most: int, now: float) -> float:
        times = self._failed.get(key)
        if times is None or len(times) < most:
            return 0.0
        return max(0.0, times[-most] + self._window_s - now)
