"""Keeping the index up to date while somebody asks: one refresh at a time, in one thread, however many ask.

While requests come in, the index is brought up to date every half second, so that none of them waits for it. After a
pause the first request waits until it is. When nobody asks, nothing is done.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from runlore.index.base import Index

log = logging.getLogger("runlore.server")

LEAST_S = 0.05
"""Between two refreshes that nobody waits for."""

AWAKE_S = 5.0
"""How long after the last request the index is kept up to date."""

MOST_ALONE = 20
"""Runs that are brought up to date one by one, for somebody who waits; where it is more, all are."""

MOST_TOUCHED = 1_000
"""Runs that are remembered as written to; where it is more, all are taken to be."""

PATIENCE_S = 5.0
"""How long a request waits for an index that takes its time, as one that is built: then it is answered with what is
there."""


class Freshness:
    """See the module. Threads may share it.

    Args:
        index: what is kept up to date.
        every_s: how old an answer may be.
    """

    def __init__(self, index: Index, every_s: float) -> None:
        self._index = index
        self._every_s = every_s
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asked_at = -AWAKE_S
        self._wanted_since = 0.0
        self._known_at = float("-inf")
        self._written_at = float("-inf")
        self._touched: dict[str, float] = {}
        self._watchers: list[Callable[[], None]] = []
        self._closed = False

    def wait(self) -> None:
        """Return when the index is at most half a second old; at once while requests come in."""
        now = monotonic()
        with self._condition:
            self._asked_at = now
            if now - self._known_at > self._every_s:
                self._wait_until(now - self._every_s)

    def wait_for_now(self) -> None:
        """Return when the index has all that was recorded before this call."""
        now = monotonic()
        with self._condition:
            self._asked_at = now
            self._wait_until(now)

    def wrote(self, uids: Collection[str] | None = None) -> None:
        """Say that something was recorded through this server, before whoever sent it is told so.

        Args:
            uids: of the runs, where nothing else was changed; None: nobody knows what was.
        """
        now = monotonic()
        if uids is None:
            self._written_at = now
            return
        with self._condition:
            self._touched.update(dict.fromkeys(uids, now))
            if len(self._touched) > MOST_TOUCHED:
                self._touched.clear()
                self._written_at = now

    def wait_for_written(self) -> None:
        """Return when the index has all of which `wrote` told; what came otherwise is there as after `wait`."""
        now = monotonic()
        with self._condition:
            self._asked_at = now
            self._forget_touched()
            touched = dict(self._touched)
            moment = max(self._written_at, now - self._every_s)
            if self._known_at < moment or len(touched) > MOST_ALONE:
                self._wait_until(max([moment, *touched.values()]))
                return
        if touched and not self._refresh_alone(touched):
            with self._condition:
                self._wait_until(max(touched.values()))

    def _refresh_alone(self, touched: dict[str, float]) -> bool:
        """Bring the index up to date with runs of which `wrote` told, and nothing else; whether that was possible."""
        try:
            if not self._index.refresh_open(touched):
                return False
        except (RunloreError, OSError) as error:
            log.warning("the index could not be brought up to date with %s runs: %s", len(touched), error)
            return False
        with self._condition:
            for uid, at in touched.items():
                if self._touched.get(uid) == at:
                    del self._touched[uid]
        return True

    def _forget_touched(self) -> None:
        """Those that the last refresh of all has taken in."""
        self._touched = {uid: at for uid, at in self._touched.items() if at > self._known_at}

    @contextmanager
    def watching(self, look: Callable[[], None]) -> Iterator[None]:
        """Keep the index up to date, and call a function in the thread that does so after each time."""
        with self._condition:
            self._watchers.append(look)
            self._start()
            self._condition.notify_all()
        try:
            yield
        finally:
            with self._condition:
                self._watchers.remove(look)

    @property
    def moment(self) -> float:
        """When the index was last brought up to date, in seconds of the monotonic clock; -inf: never."""
        return self._known_at

    def age_s(self) -> float:
        """Seconds since the index was last brought up to date; infinite: never."""
        return monotonic() - self._known_at

    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def close(self) -> None:
        """End the thread. What waits is let go."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    # -- the thread -------------------------------------------------------------------------------------------------

    def _wait_until(self, moment: float) -> None:
        self._wanted_since = max(self._wanted_since, moment)
        self._start()
        self._condition.notify_all()
        self._condition.wait_for(lambda: self._known_at >= moment or self._closed, PATIENCE_S)

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="runlore-freshness", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._sleep():
            begun = monotonic()
            self._refresh()
            with self._condition:
                self._known_at = begun
                watchers = list(self._watchers)
                self._condition.notify_all()
            for look in watchers:
                self._tried(look)

    def _sleep(self) -> bool:
        """Wait until there is something to do; False: it is over."""
        with self._condition:
            while not self._closed:
                if self._known_at < self._wanted_since:
                    return True
                now = monotonic()
                if self._watchers or now - self._asked_at < AWAKE_S:
                    left = self._known_at + max(self._every_s, LEAST_S) - now
                    if left <= 0:
                        return True
                    self._condition.wait(left)
                else:
                    self._condition.wait()
            return False

    def _refresh(self) -> None:
        self._tried(self._index.refresh)

    def _tried(self, action: Callable[[], object]) -> None:
        """What goes wrong is said, and tried again: requests are answered with what is there."""
        try:
            action()
        except (RunloreError, OSError) as error:
            log.warning("the index could not be brought up to date: %s", error)
