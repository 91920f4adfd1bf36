"""The journal: the append-only file in which one writer records events of one run. The truth of the store.

`format` has the bytes. Writing: `writer` is what is logged to, `appender` puts records one behind the other, `file`
gives them room, `written` is the writer without a memory map. Reading: `decode` is the front, `window` holds the bytes,
`frames` finds what is whole, and `records` decodes it: `scan` and `walk` find records, `layouts` knows the columns of
rows, `expand` makes points. `values` says what can be logged, `liveness` tells living writers from dead ones. Nothing
here knows of stores, experiments or queries.
"""

from __future__ import annotations

from runlore.journal.writer import JournalWriter, open_journal

__all__ = ["JournalWriter", "open_journal"]
