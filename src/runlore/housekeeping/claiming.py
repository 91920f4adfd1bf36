"""Names that users chose for runs: what another store has claimed is claimed here too, and no run loses its name.

A claim follows its run. It is taken over when the run is here and not in the trash; a claim without a run (a group of a
dialect, for example) where the name is free. A name that is taken keeps its meaning: which other run has it over there
is said, and that run is found by its uid.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import DamagedFile
from runlore.store import claims
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.reader.session import Session


class Clash(NamedTuple):
    """A name that means one run here, and another one in the other store. Nothing about it was changed.

    Attributes:
        namespace: in which names are unique, such as a dialect's.
        name: as it was claimed.
        uid: of the run that has it here.
        run: that run as `experiment#number`; None: it does not exist yet.
        other_uid: of the run that has it in the other store.
        other_run: that run as it is called here.
    """

    namespace: str
    name: str
    uid: str
    run: str | None
    other_uid: str
    other_run: str | None


class Claims(NamedTuple):
    """What became of the claims of another store.

    Attributes:
        taken: how many are new here.
        clashes: names that mean other runs here.
        damaged: places of claims that cannot be read, there or here; they were left as they are.
    """

    taken: int
    clashes: list[Clash]
    damaged: list[str]


class _Runs:
    """What is known of the runs of this store."""

    def __init__(self, session: Session) -> None:
        self._known = {run.uid: run for run in session.page(include_deleted=True, last=True).runs}

    def exists(self, uid: Any) -> bool:
        return isinstance(uid, str) and uid in self._known

    def counts(self, uid: Any) -> bool:
        """Whether it is here, and not in the trash."""
        return self.exists(uid) and not self._known[uid].deleted

    def label(self, uid: str) -> str | None:
        run = self._known.get(uid)
        return None if run is None else f"{run.experiment}#{run.number}"


def take_claims(session: Session, other: str) -> Claims:
    """Claim here what is claimed in another store, for runs that are here. Twice is the same as once.

    Args:
        session: this store, up to date, with the other store's runs.
        other: the other store's directory.

    Raises:
        OSError: the store cannot be written to.
    """
    result = Claims(0, [], [])
    places = claims.every_claim(other)
    if not places:
        return result
    runs, root = _Runs(session), in_files(session.store, "taking over claims").root
    for where in places:
        try:
            result = _take(root, other, where, runs, result)
        except DamagedFile:  # noqa: PERF203 - one must not hide the others
            result.damaged.append(f"claims/{where}")
    return result


def _take(root: str, other: str, where: str, runs: _Runs, result: Claims) -> Claims:
    theirs = claims.claimed_at(other, where)
    if theirs is None or ("uid" in theirs and not runs.counts(theirs["uid"])):
        return result
    while not claims.claim_at(root, where, theirs):
        ours = claims.claimed_at(root, where)
        if ours is None:
            continue  # it was given back at this moment
        if "uid" not in theirs or ours.get("uid") == theirs["uid"]:
            return result
        if runs.exists(ours.get("uid")) or claims.is_pending(ours):
            result.clashes.append(_clash(where, ours, theirs, runs))
            return result
        claims.release_at(root, where, ours)  # its run was removed, or never came to be
    return result._replace(taken=result.taken + 1)


def _clash(where: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], runs: _Runs) -> Clash:
    here, there = str(ours.get("uid")), str(theirs["uid"])
    return Clash(os.path.dirname(where), theirs["name"], here, runs.label(here), there, runs.label(there))
