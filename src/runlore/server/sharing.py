"""Answers that several callers ask for at once, as when a team looks at one page: each is made once.

An answer holds until the index is brought up to date, which is at most as long as any answer may be old.
"""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from starlette.responses import Response

MOST_BYTES = 32 << 20
"""Of all answers that are kept."""


class _Slot:
    """One answer."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.response: Response | None = None


class SharedAnswers:
    """See the module. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment = float("-inf")
        self._slots: dict[Hashable, _Slot] = {}
        self._bytes = 0

    def get(self, moment: float, key: Hashable, make: Callable[[], Response]) -> Response:
        """The answer to a question; whoever asks it while it is made waits for it.

        Args:
            moment: when the index was brought up to date last; -inf: nobody knows.
            key: the question, and whatever else the answer depends on.
            make: makes it. What that raises, each caller gets from a call of its own.
        """
        with self._lock:
            if moment > self._moment:
                self._moment, self._slots, self._bytes = moment, {}, 0
            slot = self._slots.setdefault(key, _Slot()) if moment == self._moment > float("-inf") else _Slot()
        with slot.lock:
            if slot.response is None:
                made = make()
                with self._lock:
                    if self._bytes + len(made.body) <= MOST_BYTES:
                        self._bytes += len(made.body)
                        slot.response = _copied(made)
                return made
            return _copied(slot.response)


def _copied(response: Response) -> Response:
    """The same answer with headers of its own: more are added on the way out."""
    found = copy.copy(response)
    found.__dict__.pop("_headers", None)
    found.raw_headers = list(response.raw_headers)
    return found
