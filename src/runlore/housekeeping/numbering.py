"""One number, one run: what copying run directories from another store can break, and how it is mended.

A run's number is its own when the claim in `numbers/` holds its uid. Where two runs have one number, the run that holds
the claim keeps it, and the other gets the next free one. Its old number stays as the attribute `original_number`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.model import ATTRIBUTE
from runlore.names import encode_path
from runlore.store import numbers
from runlore.store.annotate import ORIGINAL_NUMBER
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from typing import Any

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session


class Renumbered(NamedTuple):
    """A run whose number is not its own.

    Attributes:
        uid: of the run.
        experiment: of the run.
        old: the number that it has; None: it has none.
        new: the number that it got; None: not yet, or the old one, which nobody had claimed.
    """

    uid: str
    experiment: str
    old: int | None
    new: int | None


def wrong_numbers(session: Session) -> list[Renumbered]:
    """Runs whose number is claimed by another run, or by none, or that have none. Nothing is changed."""
    return [
        Renumbered(run.uid, run.experiment, run.number, None)
        for run in _runs(session)
        if _owner(session, run) != run.uid
    ]


def repair_numbers(session: Session) -> list[Renumbered]:
    """Give every run a number of its own. The oldest run of a number that nobody claimed keeps it.

    Twice is the same as once, and runs that are started meanwhile are not disturbed.

    Returns:
        The runs that got another number.
    """
    changed = []
    runs = _runs(session)
    current = {run.uid: run.number for run in runs}
    for run in runs:
        owner = _owner(session, run)
        if owner == run.uid:
            continue
        if owner is None and run.number is not None and _claim(session, run, run.number):
            continue
        if run.number is not None and owner is not None and current.get(owner, run.number) != run.number:
            numbers.transfer(_directory(session, run.experiment), run.number, run.uid)
            continue
        number = session.store.claim_number(run.experiment, run.uid)
        facts: list[tuple[str, str, Any]] = [(ATTRIBUTE, "number", number)]
        if run.number is not None:
            facts.append((ATTRIBUTE, ORIGINAL_NUMBER, run.number))
        current[run.uid] = number
        session.open_run(run).annotate(facts, after_ns=run.updated_ns)
        changed.append(Renumbered(run.uid, run.experiment, run.number, number))
    if changed:
        session.refresh()
    return changed


def _runs(session: Session) -> list[RunRecord]:
    """All runs, oldest first, those in the trash too. One that has just begun and has no number yet is left alone."""
    found = session.page(None, "started", include_deleted=True, last=True).runs
    return [run for run in found if run.number is not None or run.ended_ns is not None]


def _directory(session: Session, experiment: str) -> str:
    return os.path.join(in_files(session.store, "mending numbers").root, "numbers", encode_path(experiment))


def _owner(session: Session, run: RunRecord) -> str | None:
    if run.number is None:
        return None
    return numbers.owner(_directory(session, run.experiment), run.number)


def _claim(session: Session, run: RunRecord, number: int) -> bool:
    """Claim the number that the run has; whether nobody was faster."""
    return numbers.claim_one(_directory(session, run.experiment), number, run.uid)
