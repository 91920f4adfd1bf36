"""How often somebody may be wrong: passwords that are tried one after the other are answered no more for a while."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from runlore.server.accounts._tables import FAILURES, delete, insert, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.server.accounts._tables import Database

WINDOW_S = 300.0
MOST_BY_CLIENT = 10
"""Wrong passwords of one name from one address, within the window."""
MOST = 100
"""Wrong ones of one name from anywhere."""


class Throttle:
    """Counts what failed, in the database: all workers and servers of it count together. Threads may share it."""

    def __init__(self, database: Database, window_s: float = WINDOW_S) -> None:
        self._database = database
        self._window_s = window_s

    def wait_s(self, name: str, client: str) -> float:
        """Seconds until the next try is looked at; 0: now."""
        now = time()
        wanted = select(FAILURES.c.client, FAILURES.c.time_s).where(FAILURES.c.name == _short(name))
        wanted = wanted.where(FAILURES.c.time_s > now - self._window_s).order_by(FAILURES.c.time_s.desc()).limit(MOST)
        with self._database.transaction() as connection:
            failed = connection.execute(wanted).all()
        mine = [time_s for where, time_s in failed if where == client[:100]]
        return max(
            self._left(mine, MOST_BY_CLIENT, now),
            self._left([time_s for _, time_s in failed], MOST, now),
        )

    def failed(self, name: str, client: str) -> None:
        """One was wrong."""
        now = time()
        with self._database.transaction() as connection:
            connection.execute(delete(FAILURES).where(FAILURES.c.time_s <= now - self._window_s))
            connection.execute(insert(FAILURES).values(name=_short(name), client=client[:100], time_s=now))

    def _left(self, times: Sequence[float], most: int, now: float) -> float:
        """Of times, the latest first."""
        if len(times) < most:
            return 0.0
        return max(0.0, min(times[most - 1] + self._window_s - now, self._window_s))


def _short(name: str) -> str:
    """Of a name that may be anything, what a database takes."""
    return name.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:200]
