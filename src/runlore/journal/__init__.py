"""The journal: the append-only file in which one writer records events of one run. The truth of the store.

`format` describes the bytes, `writer` appends them, `decode` reads them (NumPy, inside functions), `liveness` tells
living writers from dead ones. Nothing here knows of stores, experiments or queries.
"""

from __future__ import annotations

from runlore.journal.writer import JournalWriter, open_journal

__all__ = ["JournalWriter", "open_journal"]
