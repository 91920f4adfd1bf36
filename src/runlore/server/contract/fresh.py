"""Bringing the index up to date for several callers at once: each gets one that began after it asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from runlore.wire.text import Garbled

if TYPE_CHECKING:
    from runlore.index.base import Index
    from runlore.server.endpoint import Call

HEADER = "Runlore-Fresh"
"""Header of a question: `1`, the answer is to be of this moment, or later."""


class Refresher:
    """Callers that come while the index is being brought up to date share the next time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._begun = 0
        self._done = 0

    def refresh(self, index: Index) -> None:
        """Return when a refresh is through that began after this call."""
        with self._count:
            wanted = self._begun + 1
        with self._turn:
            if self._done >= wanted:
                return  # somebody who waited before us began after we asked
            with self._count:
                self._begun += 1
                mine = self._begun
            index.refresh()
            self._done = mine


def index_of(call: Call) -> Index:
    """The index, as fresh as the caller wants it.

    Raises:
        Garbled: the header says something else.
    """
    wanted = call.request.headers.get(HEADER, "0")
    if wanted not in ("0", "1"):
        raise Garbled(f"{HEADER}: {wanted!r:.20} should be 0 or 1")
    if wanted == "1":
        call.context.part(Refresher).refresh(call.context.index)
    return call.context.index
