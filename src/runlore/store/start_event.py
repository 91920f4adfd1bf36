"""What the start event of a run says, read without any library: for processes that join or resume a run."""

from __future__ import annotations

import os
from typing import Any

from runlore.errors import DamagedFile
from runlore.journal.folder import JOURNAL, journals_in
from runlore.journal.glance import first_event
from runlore.model import START


def start_of(run_directory: str) -> dict[str, Any]:
    """The value of the run's start event: experiment, number, name … Empty where it was not written yet, or is lost."""
    try:
        journals = journals_in(os.path.join(run_directory, JOURNAL))
    except DamagedFile:
        journals = []  # it may have been sealed
    for _, path in journals:
        about = first_event(path, START)
        if about:
            return about
    if os.path.exists(os.path.join(run_directory, "events.parquet")):
        from runlore.store.sealed.files import read_summary

        return dict(read_summary(run_directory)["start"])
    return {}
