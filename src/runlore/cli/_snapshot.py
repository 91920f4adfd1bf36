"""A session that answers from one moment: what a command needs, which ends before anything could change for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.reader.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable


class Snapshot(Session):
    """Brings the catalog up to date the first time it is asked to, and not again."""

    _done = False

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> Session:
        """As `Session.refresh`, once."""
        if not self._done:
            super().refresh(progress)
            self._done = True
        return self
