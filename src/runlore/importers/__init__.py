"""Taking in what other trackers recorded: one package or module a source, on one way into the store.

A source gives its runs, and each run gives its records once, in a stable order (`_records`). Whatever comes is written
through the contracts of the store (`_writing`), read back, and compared with what the source gave (`_proof`).

Uids are derived from the source's ids. So the second import of a run adds only what is missing: what a first one did
not get to, or what the source gained since.

What a source says is a stranger's: nothing of it is unpickled or evaluated, no path or address in it is followed. What
is damaged costs only itself, and is said.
"""

from runlore.importers._importing import Report, Taken, follow_runs, import_runs
from runlore.importers._records import LiveSource, Source, SourceRun

__all__ = ["LiveSource", "Report", "Source", "SourceRun", "Taken", "follow_runs", "import_runs"]
