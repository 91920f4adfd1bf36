"""Who has shown which contents, and which runs refer to contents that nobody showed for them.

A SHA-256 is no secret: it is in lists of artifacts, in logs, in papers. That somebody knows it must not give what it is
of. So two things are kept. *Shown*: a user sent these contents, all of them, and may have them back. *Doubted*: a run
or card was made to refer to contents which who recorded that could neither read nor had shown; the reference gives
nobody the contents until that user shows them. Whatever is not doubted counts, so that what was recorded before there
were accounts, or beside the server, is read as before.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from runlore.server.accounts._tables import DOUBTS, SHOWN, delete, select, update

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runlore.index.records import HolderRecord
    from runlore.server.accounts._tables import Database

KEPT_S = 30 * 86_400.0
"""What was shown is forgotten after that. By then a run refers to it, or it is shown again."""
_AT_ONCE = 500


class Proofs:
    """See the module. Threads and processes may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def show(self, user: int, digest: str) -> None:
        """A user sent these contents, whole. What it had recorded of them counts from now on."""
        now = time()
        with self._database.transaction() as connection:
            connection.execute(delete(DOUBTS).where(DOUBTS.c.user == user).where(DOUBTS.c.digest == digest))
            mine = (SHOWN.c.user == user, SHOWN.c.digest == digest)
            if not connection.execute(update(SHOWN).where(*mine).values(time_s=now)).rowcount:
                connection.execute(delete(SHOWN).where(SHOWN.c.time_s < now - KEPT_S))
                self._database.add(connection, SHOWN, {"user": user, "digest": digest, "time_s": now})

    def shown(self, user: int, digests: Collection[str]) -> set[str]:
        """Which of these contents the user has shown."""
        found: set[str] = set()
        with self._database.transaction() as connection:
            for some in _pieces(digests):
                wanted = select(SHOWN.c.digest).where(SHOWN.c.user == user).where(SHOWN.c.digest.in_(some))
                found.update(digest for (digest,) in connection.execute(wanted))
        return found

    def refer(self, user: int, holder: str, *, known: Collection[str], unknown: Collection[str]) -> None:
        """A user had a run or card, by its uid, refer to contents.

        Args:
            user: its id.
            holder: uid of the run or card.
            known: those that the user may read, or has shown: nobody's doubt counts any more.
            unknown: the others.
        """
        with self._database.transaction() as connection:
            wanted = select(DOUBTS.c.digest).where(DOUBTS.c.holder == holder)
            doubted = {digest for (digest,) in connection.execute(wanted)}
            for digest in doubted & set(known):
                connection.execute(delete(DOUBTS).where(DOUBTS.c.holder == holder).where(DOUBTS.c.digest == digest))
            for digest in set(unknown) - doubted:
                self._database.add(connection, DOUBTS, {"digest": digest, "holder": holder, "user": user})

    def undoubted(self, holders: Sequence[HolderRecord]) -> list[HolderRecord]:
        """Those of some holders whose reference counts."""
        doubted: set[tuple[str, str]] = set()
        with self._database.transaction() as connection:
            for some in _pieces({one.digest for one in holders}):
                wanted = select(DOUBTS.c.digest, DOUBTS.c.holder).where(DOUBTS.c.digest.in_(some))
                doubted.update((digest, holder) for digest, holder in connection.execute(wanted))
        return [one for one in holders if (one.digest, one.uid) not in doubted]


def _pieces(digests: Collection[str]) -> list[list[str]]:
    known = list(digests)
    return [known[at : at + _AT_ONCE] for at in range(0, len(known), _AT_ONCE)]
