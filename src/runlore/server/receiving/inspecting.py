"""What journals say that arrive from callers who may not do everything: read before it is kept.

A journal names the experiment of its run and the contents of its artifacts, and whoever sends it wrote it. It is read
as the index reads it, incrementally and from the same bytes, so that nothing is seen there that was not seen here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from runlore.errors import UnsupportedFormat
from runlore.journal.decode import read_source
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.journal.decoded import Context as Reached
    from runlore.journal.source import LongerSource
    from runlore.server.endpoint import Call

REMEMBERED = 1_000
"""Journals of which it is known how far they were read. Of others, all is read again with the next bytes."""
_PIECE_BYTES = 4 << 20


class Inspections:
    """How far journals were read, in this process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reached: OrderedDict[tuple[str, str, int, int], Reached] = OrderedDict()

    def inspector(
        self, call: Call, uid: str, writer: str
    ) -> Callable[[tuple[int, int], LongerSource], None] | None:  # fmt: skip
        """What is to be called with a journal before it gains bytes; None: the caller may do everything."""
        sight = call.context.sight
        if sight is None:
            return None

        def inspect(file: tuple[int, int], source: LongerSource) -> None:
            key = (uid, writer, *file)
            with self._lock:
                reached = self._reached.get(key) if source.written else None
            while True:
                try:
                    chunk = read_source(source, reached, max_bytes=_PIECE_BYTES)
                except UnsupportedFormat as error:
                    raise Problem(400, str(error), field="body") from None
                sight.vet(uid, [(event.kind, event.key, event.value) for event in chunk.events])
                reached = chunk.context
                if not chunk.more:
                    break
            with self._lock:
                self._reached[key] = reached
                self._reached.move_to_end(key)
                while len(self._reached) > REMEMBERED:
                    self._reached.popitem(last=False)

        return inspect
