"""One number, one run: what copying run directories from another store can break, and how it is mended.

A run's number is its own when the claim in `numbers/` holds its uid. Where two runs have one number, the run that holds
the claim keeps it, and the other gets the next free one. Its old number stays as the attribute `original_number`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile
from runlore.model import ATTRIBUTE
from runlore.names import is_uid
from runlore.notices import say_once
from runlore.store import numbers
from runlore.store.annotate import ORIGINAL_NUMBER, annotate
from runlore.store.listing import check_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

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
        Renumbered(row["uid"], row["experiment"], row["number"], None)
        for row in _rows(session)
        if _owner(session, row) != row["uid"]
    ]


def repair_numbers(session: Session) -> list[Renumbered]:
    """Give every run a number of its own. The oldest run of a number that nobody claimed keeps it.

    Twice is the same as once, and runs that are started meanwhile are not disturbed.

    Returns:
        The runs that got another number.
    """
    changed = []
    rows = _rows(session)
    current = {row["uid"]: row["number"] for row in rows}
    for row in rows:
        try:
            number = _repair(session, row, current)
        except (DamagedFile, OSError) as error:  # it keeps what it has, and costs the others nothing
            say_once(f"the run {row['uid']} has no number of its own: {error}")
            continue
        if number is not None:
            current[row["uid"]] = number
            changed.append(Renumbered(row["uid"], row["experiment"], row["number"], number))
    if changed:
        session.refresh()
    return changed


def _repair(session: Session, row: Mapping[Any, Any], current: Mapping[str, int | None]) -> int | None:
    """Give a run a number of its own; another one than it has is returned.

    Raises:
        DamagedFile: something is in the way of claims of the experiment.
        OSError: the store cannot be written to.
    """
    owner = _owner(session, row)
    if owner == row["uid"]:
        return None
    if owner is None and row["number"] is not None and _claim(session, row):
        return None
    if owner is not None and current.get(owner, row["number"] if is_uid(owner) else None) != row["number"]:
        # it has another number by now, or the claim says nothing
        numbers.transfer(_directory(session, row["experiment"]), row["number"], row["uid"])
        return None
    number = session.store.claim_number(row["experiment"], row["uid"])
    facts: list[tuple[str, str, Any]] = [(ATTRIBUTE, "number", number)]
    if row["number"] is not None:
        facts.append((ATTRIBUTE, ORIGINAL_NUMBER, row["number"]))
    annotate(session.store, session.directory(row["path"]), facts, after_ns=row["updated_ns"])
    return number


def _rows(session: Session) -> list[Mapping[Any, Any]]:
    """All runs, oldest first, those in the trash too. One that has just begun and has no number yet is left alone."""
    keys = session.page(None, "started", None, include_deleted=True).runs
    rows = session.rows([key.id for key in keys])
    return [dict(row) for row in rows if row["number"] is not None or row["ended_ns"] is not None]


def _directory(session: Session, experiment: str) -> str:
    """Where the claims of the experiment are.

    Raises:
        DamagedFile: a link, or a file, is in the place of a directory.
    """
    place = numbers.place_of(session.store.root, experiment)
    check_path(session.store.root, place)
    return os.path.join(session.store.root, place)


def _owner(session: Session, row: Mapping[Any, Any]) -> str | None:
    """Who holds the number that the run has; None: nobody, "": that cannot be read."""
    if row["number"] is None:
        return None
    try:
        return numbers.owner(_directory(session, row["experiment"]), row["number"])
    except (DamagedFile, OSError):
        return ""


def _claim(session: Session, row: Mapping[Any, Any]) -> bool:
    """Claim the number that the run has; whether nobody was faster."""
    return numbers.claim_one(_directory(session, row["experiment"]), row["number"], row["uid"])
