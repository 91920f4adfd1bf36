"""Sending what waits in a spool now, to its end: what `runlore sync` does."""

from __future__ import annotations

import os
from contextlib import closing
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from runlore.ship.connection import Unreachable
from runlore.ship.sender import MOST_HELD, Sender
from runlore.ship.settings import keeps_spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runlore.ship.client import SentRun
    from runlore.ship.spool import Spool, SpooledJournal

_WAITS_S = (0.5, 1.0, 2.0)
"""Between tries while the server does not answer; then what is left is left."""
_PATIENCE_S = 20.0
"""Since it answered last. It may take a try that long to find out that it does not."""
_PAUSE_S = 0.02


LIVES = "its process lives, and sends it"
"""Why a run is left that should be."""


class SyncedRun(NamedTuple):
    """What became of a run that waited.

    Attributes:
        store: the address of the server.
        experiment: of the run.
        uid: of the run.
        number: that the server gave it; None: it did not come to that.
        journals: how many waited.
        sent: how many of them the server has now.
        waiting_bytes: of those that are left.
        reason: why they are; empty where none is.
    """

    store: str
    experiment: str
    uid: str
    number: int | None
    journals: int
    sent: int
    waiting_bytes: int
    reason: str


class Synced(NamedTuple):
    """What `sync` did.

    Attributes:
        runs: each that waited.
        refused_contents: SHA-256 → why the server does not take these contents.
    """

    runs: list[SyncedRun]
    refused_contents: dict[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that should have been sent."""
        return not self.refused_contents and all(run.reason in ("", LIVES) for run in self.runs)


def sync(
    spool: Spool, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
) -> Synced:  # fmt: skip
    """Send all that waits in a spool and that no living process sends by itself.

    Args:
        spool: the spool.
        dry_run: send nothing; tell what would be.
        progress: called with (journals that were dealt with, journals that waited).

    Raises:
        InvalidArgument: the spool's address, or a setting, makes no sense.
        OSError: the spool cannot be read.
    """
    if dry_run:
        return Synced(_told(spool, list(spool.journals()), lambda _: "it was not sent: this is a dry run", {}), {})
    with spool.alone():
        return _sync(spool, Sender(spool, keep=keeps_spool(), refuse=lambda _, __: None), progress)


def _sync(spool: Spool, sender: Sender, progress: Callable[[int, int], None] | None) -> Synced:
    waiting = list(spool.journals())
    problem = ""
    with closing(sender):
        done = 0
        for batch in _batches(waiting):
            sender.take(batch, only_over=True)
            problem = _send_all(sender)
            done += len(batch)
            if progress is not None:
                progress(done, len(waiting))
            if problem:
                break
        problem = problem or _send_contents(spool, sender)
        left = {journal.path for journal in spool.journals()}

        def why(journal: SpooledJournal) -> str:
            if journal.path not in left:
                return ""
            return sender.refused.get(journal.path) or problem or LIVES

        refused = dict(sender.contents.refused)
        if problem and not waiting:
            refused |= {digest: problem for digest in spool.contents() if digest not in sender.contents.known}
        return Synced(_told(spool, waiting, why, sender.runs), refused)


def _send_all(sender: Sender) -> str:
    """Send what is held; returns what kept some of it from being sent."""
    failures, answered = 0, monotonic()
    while sender.held:
        try:
            done = sender.round()
        except Unreachable as error:
            if failures == len(_WAITS_S) or monotonic() - answered > _PATIENCE_S:
                return str(error)
            sleep(_WAITS_S[failures])
            failures += 1
            continue
        failures, answered = 0, monotonic()
        if not done.sent_bytes and not done.finished:
            if done.is_idle:
                return "the files changed while they were sent"
            sleep(_PAUSE_S)  # contents are on their way
    return ""


def _send_contents(spool: Spool, sender: Sender) -> str:
    """Send contents whose journals were sent before; returns what kept them from being sent."""
    if not spool.contents():
        return ""
    try:
        sender.send_contents()
    except Unreachable as error:
        return str(error)
    return ""


def _told(
    spool: Spool, waiting: Sequence[SpooledJournal], why: Callable[[SpooledJournal], str],
    known: dict[str, SentRun],
) -> list[SyncedRun]:  # fmt: skip
    """What became of journals, by run."""
    runs: dict[tuple[str, str], list[SpooledJournal]] = {}
    for journal in waiting:
        runs.setdefault((journal.experiment, journal.uid), []).append(journal)
    told = []
    for (experiment, uid), journals in runs.items():
        reasons = {journal.path: why(journal) for journal in journals}
        left = [journal for journal in journals if reasons[journal.path]]
        sent = known.get(uid)
        told.append(
            SyncedRun(
                spool.address, experiment, uid, sent.number if sent else None, len(journals),
                len(journals) - len(left), sum(_size(journal.path) for journal in left),
                reasons[left[0].path] if left else "",
            )
        )  # fmt: skip
    return told


def _batches(journals: Sequence[SpooledJournal]) -> Iterator[Sequence[SpooledJournal]]:
    for start in range(0, len(journals), MOST_HELD):
        yield journals[start : start + MOST_HELD]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
