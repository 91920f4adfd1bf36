"""Copies of a run's handle: within the process the handle itself, in another process one that joins the run.

A handle crosses to another process by what names its run, never by what it holds. Where it arrives it opens a journal
of its own with its first record, as a forked child's does; a copy that only travels along leaves no trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import RunNotFound
from runlore.run import ends

if TYPE_CHECKING:
    from runlore.run.handle import Run
    from runlore.store.base import RecordedRun

_arrived: dict[str, Run] = {}
"""Handles that came from other processes, by uid: each run has one."""


def restore(kind: type[Run], about: dict[str, Any]) -> Run:
    """The handle that was copied: this process's own, where it has one, else a new one that joins the run.

    A run that was over when it was copied, or is over by now, gets a handle that takes nothing more.

    Args:
        kind: the handle's class.
        about: what `Run.__reduce__` says of it.
    """
    known = ends.open_runs.get(about["uid"]) or _arrived.get(about["uid"])
    if known is not None and not known.ended:
        return known
    recorded: RecordedRun = about["run"]
    recorder = recorded.record(lazily=True)
    run = kind(
        about["store"], recorded, recorder, about["number"], about["experiment"], about["name"], owner=False,
        start=about["start"],
    )  # fmt: skip
    over = about["ended"] or not _goes_on(recorded)
    run._adopt(about, over=over)  # noqa: SLF001 - the other half of `Run.__reduce__`
    if not over:
        _arrived[run.uid] = run
    return run


def _goes_on(run: RecordedRun) -> bool:
    """Whether some writer of the run lives."""
    try:
        return run.is_alive()[0]
    except RunNotFound:
        return False
