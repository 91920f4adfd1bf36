"""One round of sending: what a shipper does again and again, and what `runlore sync` does until nothing is left.

In each round it is first seen how far the journals are, then what contents there are: so contents are always sent
before the events that name them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runlore.ship.client import Client, Gap, Gone, Refused, SentRun, TooLarge
from runlore.ship.connection import Unreachable
from runlore.ship.contents import OutgoingContents
from runlore.ship.journals import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from runlore.ship.spool import Spool, SpooledJournal

MOST_HELD = 256
"""Journals that are held at once: each takes a descriptor."""
_ROUND_BYTES = 8 << 20
_MOST_AWAITED = 64
"""So many contents are looked for in the journals; where more are awaited, the journals wait."""
_PATIENCE_S = 0.25


class Round(NamedTuple):
    """What a round did.

    Attributes:
        sent_bytes: of journals.
        finished: journals of which the server has all, on its disk.
        is_idle: nothing waits.
    """

    sent_bytes: int
    finished: int
    is_idle: bool


class Sender:
    """Sends journals and contents of one spool, in one thread.

    Args:
        spool: what is sent, and whose it is.
        keep: whether to leave in the spool what was sent.
        refuse: called with a journal, or None for contents, and why the server does not take it.

    Attributes:
        held: journals that are being sent, by path.
        refused: path → why the server does not take this journal.
        runs: uid → what the server said of the run.
        begun: uids of those runs of which the server has records, so that its readers find them; or will never have.
        contents: what is sent of them.
    """

    def __init__(self, spool: Spool, *, keep: bool, refuse: Callable[[SpooledJournal | None, str], None]) -> None:
        self._spool = spool
        self._keep = keep
        self._refuse = refuse
        self._client = Client(spool.address)
        self.held: dict[str, Outgoing] = {}
        self.refused: dict[str, str] = {}
        self.runs: dict[str, SentRun] = {}
        self.begun: set[str] = set()
        self.contents = OutgoingContents(spool)
        self._told_contents: set[str] = set()

    def close(self) -> None:
        """Let go of everything; others may send it."""
        for outgoing in self.held.values():
            outgoing.let_go()
        self.held.clear()
        self._client.close()

    def drop(self) -> None:
        """In a forked child: forget what the parent goes on with."""
        for outgoing in self.held.values():
            outgoing.drop()
        self.held.clear()

    def take(self, journals: Iterable[SpooledJournal], *, only_over: bool = False) -> None:
        """Hold journals that nobody else sends, as many as may be held.

        Args:
            journals: of the spool.
            only_over: leave those alone whose writer lives: a process that has its own shipper.

        Raises:
            OSError: one cannot be read.
        """
        for journal in journals:
            if len(self.held) >= MOST_HELD:
                return
            if journal.path in self.held or journal.path in self.refused:
                continue
            outgoing = Outgoing.take(journal)
            if outgoing is None:
                continue
            with suppress(FileNotFoundError):
                outgoing.look(eager=True)
            if only_over and not outgoing.is_over:
                outgoing.let_go()
            else:
                self.held[journal.path] = outgoing

    def learn(self, journals: Iterable[SpooledJournal]) -> None:
        """Ask the server of a run of which other processes of the machine send all journals, also the one of this.

        They have its first records sent, as they take a journal to send it at once.

        Args:
            journals: of the run.

        Raises:
            Unreachable: the server does not answer as it should.
        """
        first = next(iter(journals), None)
        if first is None or first.uid in self.runs or first.uid in self.begun:
            return
        if any(outgoing.journal.uid == first.uid for outgoing in self.held.values()):
            return  # it is announced with its journal
        with suppress(Refused):  # whoever sends them is told so, and says it
            self.runs[first.uid] = self._client.announce(first.experiment, first.uid)
        self.begun.add(first.uid)

    def round(self) -> Round:
        """Send some of all that waits.

        Raises:
            Unreachable: the server does not answer as it should.
            OSError: the spool cannot be read.
        """
        for outgoing in self.held.values():
            outgoing.look()
        finished = sum(map(self._dropped, list(self.held.values())))
        announced = [outgoing for outgoing in self.held.values() if self._announced(outgoing)]
        if announced:
            self.contents.send(self._client, patience_s=_PATIENCE_S)
        self._tell_refused_contents()
        awaited = self.contents.awaited()
        budget = _ROUND_BYTES if len(awaited) <= _MOST_AWAITED else 0
        sent = 0
        for outgoing in announced:
            sent += self._send(outgoing, budget, awaited)
            finished += outgoing.journal.path not in self.held
        if finished:
            self._spool.sweep(self.contents.known)
        is_idle = not awaited and not any(item.waiting or item.is_over for item in self.held.values())
        return Round(sent, finished, is_idle)

    def _send(self, outgoing: Outgoing, budget: int, awaited: Collection[bytes]) -> int:
        """Send some of a journal, and let go of it with the last of it; returns how many bytes were sent."""
        begun = outgoing.sent
        try:
            outgoing.send(self._client, budget, awaited)
            if outgoing.is_begun:
                self.begun.add(outgoing.journal.uid)
            if outgoing.is_all_sent:
                outgoing.end(self._client)
                self._spool.release(outgoing.journal, keep=self._keep)
                self._let_go(outgoing)
        except Refused as error:
            self._refused(outgoing, error)
        return max(outgoing.sent - begun, 0)

    def _dropped(self, outgoing: Outgoing) -> bool:
        """Whether nothing was recorded, as its writer died while it began; there is nothing to send then."""
        if not outgoing.is_over or outgoing.final:
            return False
        self._spool.release(outgoing.journal, keep=self._keep)
        self._let_go(outgoing)
        return True

    def _announced(self, outgoing: Outgoing) -> bool:
        """Whether the server knows the run; it is told."""
        journal = outgoing.journal
        if not outgoing.final:
            return False
        if journal.uid in self.runs:
            return True
        try:
            self.runs[journal.uid] = self._client.announce(journal.experiment, journal.uid)
        except TooLarge as error:  # so little cannot be too large: it is a proxy that takes nothing
            raise Unreachable(str(error)) from error
        except Refused as error:
            self._give_up(outgoing, str(error))
            return False
        return True

    def send_contents(self) -> None:
        """Send all contents, also those that no journal names any more because the server did not take them before.

        Raises:
            Unreachable, OSError: as `round`.
        """
        self.contents.send(self._client, patience_s=_PATIENCE_S)
        while self.contents.awaited():
            self.contents.send(self._client, patience_s=_PATIENCE_S)
        self._spool.sweep(self.contents.known)

    def _refused(self, outgoing: Outgoing, error: Refused) -> None:
        """The server did not take something of a journal: it has less than was thought, or will never take it."""
        if isinstance(error, (Gap, Gone)):  # it lost something since: a disk, a whole store
            outgoing.go_back(error.offset if isinstance(error, Gap) else 0)
            self.runs.pop(outgoing.journal.uid, None)
            self.contents.forget()
            return
        self._give_up(outgoing, str(error))

    def _give_up(self, outgoing: Outgoing, why: str) -> None:
        journal = outgoing.journal
        self.refused[journal.path] = why
        self.begun.add(journal.uid)
        self._let_go(outgoing)
        self._refuse(journal, why)

    def _let_go(self, outgoing: Outgoing) -> None:
        del self.held[outgoing.journal.path]
        outgoing.let_go()

    def _tell_refused_contents(self) -> None:
        for digest in self.contents.refused.keys() - self._told_contents:
            self._told_contents.add(digest)
            self._refuse(None, f"contents {digest}: {self.contents.refused[digest]}")
