"""Which runs changed, for those who watch: pages that are open.

While somebody watches, the runs that changed last are looked at after each refresh of the index, those that it took in
last, however old they are, and those that were running. What changed has the moment at which that was seen, in ms since
1970 UTC, as its place: whoever comes back says the last place that they know of, and gets what came after it. Where
that cannot be told, as by another worker or after a restart, they are told to ask for everything anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.query.expression import Attribute, Compare
from runlore.reader.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session
    from runlore.server.freshness import Freshness

FIRST_LOOK = 100
MOST = 2_000
"""Runs that are told of at once. Where more changed, everything is asked for anew."""
MOST_RUNNING = 5_000
REMEMBERED = 20_000
_RUNNING = Compare(Attribute("status"), "=", model.RUNNING)


@dataclass(frozen=True)
class Changed:
    """What changed since a place.

    Attributes:
        at: the place after it.
        runs: uid → experiment; None: more than can be told.
        is_over: nothing more will be told: the server ends.
    """

    at: int
    runs: dict[str, str] | None
    is_over: bool = False


class Changes:
    """See the module. Threads may share it.

    Args:
        session: the store.
        freshness: what keeps its index up to date.
    """

    def __init__(self, session: Session, freshness: Freshness) -> None:
        self._session = session
        self._freshness = freshness
        self._lock = threading.Lock()
        self._versions: dict[str, tuple[Any, ...]] = {}
        self._running: dict[str, str] = {}
        self._log: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._begun_at: int | None = None
        self._now = 0
        self._forgotten_at = 0
        self._looks = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._is_over = False

    @contextmanager
    def watching(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call a function whenever something changed, in another thread."""
        with self._lock:
            self._listeners.append(listener)
        try:
            with self._freshness.watching(self._look):
                yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def wait_until_looking(self, timeout_s: float) -> None:
        """Return when it is known how the runs are, so that whatever changes from then on is told."""
        self._looks.wait(timeout_s)

    @staticmethod
    def place() -> int:
        """The place of now, for those who have seen all."""
        return int(time() * 1e3)

    def end(self) -> None:
        """Tell those who watch that nothing more will come: the server ends, and does not wait for them."""
        with self._lock:
            self._is_over = True
            listeners = list(self._listeners)
        self._looks.set()
        for listener in listeners:
            listener()

    def since(self, place: int) -> Changed:
        """What changed after a place. Nothing is left out: where this cannot be told, everything may have changed."""
        with self._lock:
            if self._is_over:
                return Changed(place, None, is_over=True)
            if self._begun_at is None or place < max(self._begun_at, self._forgotten_at):
                return Changed(self.place(), None)
            found = {uid: experiment for uid, (at, experiment) in self._log.items() if at > place}
            return Changed(max(self._now, place), found if len(found) <= MOST else None)

    def _look(self) -> None:
        """Find what changed; called after each refresh, in one thread."""
        index = self._session.index
        found = self._new_of(index.latest)
        found.update(self._new_of(index.arrivals))
        page = index.page(_RUNNING, None, MOST_RUNNING, include_deleted=True, facts=True, last=True)
        running = {run.uid: run for run in page.runs}
        ended = [uid for uid in self._running if uid not in running]
        found.update(running)
        found.update({run.uid: run for run in index.runs(ended)} if ended else {})
        with self._lock:
            self._running = {uid: run.experiment for uid, run in running.items()}
            changed = [run for uid, run in found.items() if self._versions.get(uid) != _version(run)]
            self._versions.update((run.uid, _version(run)) for run in changed)
            if self._begun_at is None:
                self._begun_at = self._now = self.place()
                self._looks.set()
                return
            if not changed:
                return
            self._now = max(self._now + 1, self.place())
            for run in changed:
                self._log[run.uid] = self._now, run.experiment
                self._log.move_to_end(run.uid)
            while len(self._log) > REMEMBERED:
                self._forgotten_at = self._log.popitem(last=False)[1][0]
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def _new_of(self, newest: Callable[..., list[RunRecord]]) -> dict[str, RunRecord]:
        """The first runs in an order of the index: as many as are new, and some that are not."""
        limit = FIRST_LOOK
        while True:
            runs = newest(limit, facts=True)
            known = any(self._versions.get(run.uid) == _version(run) for run in runs)
            if known or len(runs) < limit or self._begun_at is None or limit >= REMEMBERED:
                return {run.uid: run for run in runs}
            limit *= 10


def _version(run: RunRecord) -> tuple[Any, ...]:
    """What differs when anything that a page shows of the run does."""
    facts = facts_of(run)
    said = hash((facts.detail, *facts.tags.items()))
    return run.updated_ns, run.status, run.points, run.lost, len(run.damage), len(facts.params), said
