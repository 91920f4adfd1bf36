"""The journals of a run as files."""

from __future__ import annotations

import os

from runlore.journal.folder import JOURNAL, journals_in


def journal_paths(directory: str) -> list[tuple[str, str]]:
    """(writer, path) of the journals of a run, in the order of their writers.

    Raises:
        DamagedFile: what should be the directory of journals is something else.
    """
    return journals_in(os.path.join(directory, JOURNAL))
