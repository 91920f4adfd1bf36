"""The journal: the append-only file in which one writer records events of one run. The truth of the store.

`format` has the bytes. Writing: `writer` is what is logged to, `appender` puts records one behind the other, `file`
gives them room, `written` is the writer without a memory map. Reading: `decode` is the front and `decoded` what it
gives; `source` has the bytes, `window` holds some of them, `header` and `frames` find what is whole by the `chain` of
frames, and `records` decodes it: `scan` and `walk` find records, `layouts` knows the columns of rows, `expand` makes
points. `values` says what can be logged, `liveness` tells living writers from dead ones. Nothing here knows of
stores, experiments or queries.
"""

from __future__ import annotations

from runlore.journal.opening import open_journal
from runlore.journal.writer import JournalWriter

__all__ = ["JournalWriter", "open_journal"]
