"""Followers that are kept for clients which poll: each poll reads what journals gained, not the run from its start."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from runlore.names import is_uid
from runlore.wire.text import Garbled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.store.base import Follower, RecordedRun
    from runlore.store.content import StoredEvent

KEPT = 1_000


class _Kept:
    def __init__(self, follower: Follower, kinds: Sequence[str] | None) -> None:
        self.follower = follower
        self.kinds = kinds
        self.lock = threading.Lock()
        self.cursor: dict[str, int] = {}


class Followers:
    """The followers of the clients that asked last, by the names that these gave them.

    The cursor says how far a client has read: of each writer, the sequence of its last event. Where it is not where
    the follower stands (an answer was lost, another process of the server answered before), the run is read anew, and
    what the cursor covers is left out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Kept] = OrderedDict()

    def poll(
        self, run: RecordedRun, name: str, kinds: Sequence[str] | None, cursor: Mapping[str, int]
    ) -> tuple[list[StoredEvent], dict[str, int]]:  # fmt: skip
        """The events beyond the cursor, and the cursor beyond them.

        Raises:
            Garbled: the name is none.
            RunNotFound: the run was deleted.
        """
        if not is_uid(name):
            raise Garbled(f"follower={name!r:.60} should be 32 hexadecimal digits")
        kept = self._find(f"{run.uid}/{name}", run, kinds)
        with kept.lock:
            if kept.cursor != cursor:
                kept.follower, kept.cursor = run.follow(kinds), {}
            events = [event for event in kept.follower.poll() if event.sequence > cursor.get(event.writer, -1)]
            after = dict(cursor)
            for event in events:
                after[event.writer] = max(event.sequence, after.get(event.writer, -1))
            kept.cursor = after
            return events, dict(after)

    def _find(self, name: str, run: RecordedRun, kinds: Sequence[str] | None) -> _Kept:
        with self._lock:
            kept = self._known.get(name)
            if kept is None or kept.kinds != kinds:
                kept = self._known[name] = _Kept(run.follow(kinds), kinds)
            self._known.move_to_end(name)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return kept
