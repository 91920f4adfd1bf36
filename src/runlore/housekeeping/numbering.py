"""One number, one run: what copying run directories from another store can break, and how it is mended.

A run's number is its own when the claim in `numbers/` holds its uid. Where two runs have one number, the run that holds
the claim keeps it, and the other gets the next free one. Its old number stays as the attribute `original_number`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile
from runlore.files import check_path
from runlore.model import ATTRIBUTE
from runlore.names import is_uid
from runlore.notices import say_once
from runlore.store import numbers
from runlore.store.annotate import ORIGINAL_NUMBER
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from collections.abc import Mapping
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
        try:
            number = _repair(session, run, current)
        except (DamagedFile, OSError) as error:  # it keeps what it has, and costs the others nothing
            say_once(f"the run {run.uid} has no number of its own: {error}")
            continue
        if number is not None:
            current[run.uid] = number
            changed.append(Renumbered(run.uid, run.experiment, run.number, number))
    if changed:
        session.refresh()
    return changed


def _repair(session: Session, run: RunRecord, current: Mapping[str, int | None]) -> int | None:
    """Give a run a number of its own; another one than it has is returned.

    Raises:
        DamagedFile: something is in the way of claims of the experiment.
        OSError: the store cannot be written to.
    """
    owner = _owner(session, run)
    if owner == run.uid:
        return None
    if run.number is not None:
        if owner is None and _claim(session, run, run.number):
            return None
        if owner is not None and current.get(owner, run.number if is_uid(owner) else None) != run.number:
            # it has another number by now, or the claim says nothing
            numbers.transfer(_directory(session, run.experiment), run.number, run.uid)
            return None
    number = session.store.claim_number(run.experiment, run.uid)
    facts: list[tuple[str, str, Any]] = [(ATTRIBUTE, "number", number)]
    if run.number is not None:
        facts.append((ATTRIBUTE, ORIGINAL_NUMBER, run.number))
    session.open_run(run).annotate(facts, after_ns=run.updated_ns)
    return number


def _runs(session: Session) -> list[RunRecord]:
    """All runs, oldest first, those in the trash too. One that has just begun and has no number yet is left alone."""
    found = session.page(None, "started", include_deleted=True, last=True).runs
    return [run for run in found if run.number is not None or run.ended_ns is not None]


def _directory(session: Session, experiment: str) -> str:
    """Where the claims of the experiment are.

    Raises:
        DamagedFile: a link, or a file, is in the place of a directory.
    """
    root = in_files(session.store, "mending numbers").root
    place = numbers.place_of(root, experiment)
    check_path(root, place)
    return os.path.join(root, place)


def _owner(session: Session, run: RunRecord) -> str | None:
    """Who holds the number that the run has; None: nobody, "": that cannot be read."""
    if run.number is None:
        return None
    try:
        return numbers.owner(_directory(session, run.experiment), run.number)
    except (DamagedFile, OSError):
        return ""


def _claim(session: Session, run: RunRecord, number: int) -> bool:
    """Claim the number that the run has; whether nobody was faster."""
    return numbers.claim_one(_directory(session, run.experiment), number, run.uid)
