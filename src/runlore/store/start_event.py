"""What the start event of a run says, read without any library: for processes that join or resume a run."""

from __future__ import annotations

import os
from typing import Any

from runlore.errors import DamagedFile
from runlore.journal.folder import JOURNAL, journals_in
from runlore.journal.glance import first_event, first_value
from runlore.model import ATTRIBUTE, START


def start_of(run_directory: str) -> dict[str, Any]:
    """The value of the run's start event: experiment, number, name … Empty where it was not written yet, or is lost.

    A run that was sent here got its number here, by an event of its own.
    """
    about = _recorded_start(run_directory)
    if about and "number" not in about:
        number = given_number(run_directory)
        return {**about, "number": number} if number else about
    return about


def given_number(run_directory: str) -> int | None:
    """The number that the run was given after its start, for example when it arrived here; None: none."""
    found: Any = None
    for _, path in _journals(run_directory):
        found = first_value(path, ATTRIBUTE, "number")
        if found:
            break
    if not found and os.path.exists(os.path.join(run_directory, "events.parquet")):
        from runlore.store.detail import Detail
        from runlore.store.sealed.files import read_summary

        found = Detail.load(read_summary(run_directory)["summary"]["detail"]).attribute("number")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _recorded_start(run_directory: str) -> dict[str, Any]:
    for _, path in _journals(run_directory):
        about = first_event(path, START)
        if about:
            return about
    if os.path.exists(os.path.join(run_directory, "events.parquet")):
        from runlore.store.sealed.files import read_summary

        return dict(read_summary(run_directory)["start"])
    return {}


def _journals(run_directory: str) -> list[tuple[str, str]]:
    try:
        return journals_in(os.path.join(run_directory, JOURNAL))
    except DamagedFile:
        return []  # it may have been sealed
