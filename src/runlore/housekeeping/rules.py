"""What is done with runs by their age: to the trash with them, or only the contents of their artifacts dropped."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument
from runlore.housekeeping.retention import drop_artifacts
from runlore.model import ATTRIBUTE
from runlore.reader.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.housekeeping.retention import Drop
    from runlore.reader.session import Session

KEEP = "keep"
"""Runs with this tag are left alone, and so are those that a registered card has to do with."""
_PROVENANCE = frozenset({"code", "diff"})
_AT_ONCE = 1_000
_DAY_NS = 86_400 * 1_000_000_000


def trash_old(session: Session, experiment: str | Sequence[str], days: float) -> list[str]:
    """Put runs into the trash that ended at least so many days ago; their uids.

    From there they can be taken back until the trash is emptied. Runs that go on, that have the tag `keep`, or that a
    card has to do with, stay.

    Args:
        session: the store, up to date.
        experiment: name, glob or list of those.
        days: since they ended.

    Raises:
        InvalidArgument: `days` is none.
        ReadOnlyStore: the store cannot be written to.
    """
    gone = []
    for view in _old(session, experiment, days):
        view.recorded().annotate([(ATTRIBUTE, "deleted", True)], after_ns=view.updated_ns)
        gone.append(view.uid)
    return gone


def drop_old(session: Session, experiment: str | Sequence[str], days: float, kind: str | None = None) -> list[Drop]:
    """Drop the contents of artifacts of runs that ended at least so many days ago; everything else of them stays.

    What says how the run came about, its code and what was changed in it, stays too. Which runs are left alone,
    arguments and errors: as of `trash_old`.

    Args:
        session: the store, up to date.
        experiment: name, glob or list of those.
        days: since they ended.
        kind: only artifacts of this kind; None: all.
    """
    dropped: list[Drop] = []
    for view in _old(session, experiment, days):
        dropped += drop_artifacts(view, kind, f"the run ended {days:g} days ago or more", but=_PROVENANCE)
    return dropped


def _old(session: Session, experiment: str | Sequence[str], days: float) -> Iterator[RunView]:
    if not days > 0:
        raise InvalidArgument(f"days={days!r} should be more than 0")
    before = time_ns() - int(days * _DAY_NS)
    pages = session.index.pages("ended is not null", "started", _AT_ONCE, experiment=experiment, facts=True)
    for page in pages:
        old = [run for run in page.runs if run.ended_ns is not None and run.ended_ns <= before and not run.is_open]
        linked = {link.uid for link in session.index.links([run.uid for run in old])} if old else set()
        for run in old:
            view = RunView(session, run)
            if run.uid not in linked and KEEP not in view.tags:
                yield view
