"""The record of who did what to accounts and to runs: added to, read by admins, never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from runlore.server.accounts._tables import AUDIT, insert, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.server.accounts._tables import Database

CONSOLE = "(command line)"
"""Who did it, where that was somebody who can read the database itself."""
_AT_ONCE = 1_000


@dataclass(frozen=True)
class Entry:
    """One thing that was done.

    Attributes:
        id: counted up.
        time_s: seconds since 1970 UTC.
        actor: name of the user.
        action: such as `user.add`, `sign-in`, `POST /api/v1/runs/edit`.
        target: what it was done to.
        detail: more, as JSON has it; never a secret.
        client: address from which it came.
    """

    id: int
    time_s: float
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
    client: str


class Audit:
    """See the module. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, actor: str, action: str, target: str = "", client: str = "", **detail: Any) -> None:
        """Record what was done."""
        with self._database.transaction() as connection:
            connection.execute(insert(AUDIT).values(
                time_s=time(), actor=_plain(actor)[:200], action=_plain(action)[:100], target=_plain(target)[:1_000],
                detail=json.dumps(detail), client=client[:100],
            ))  # fmt: skip

    def entries(self, after: int = 0, limit: int | None = None, since_s: float | None = None) -> Iterator[Entry]:
        """What was done, the oldest first.

        Args:
            after: only what came after the entry with this id.
            limit: at most so many; None: all.
            since_s: only from this time on.
        """
        left = limit
        while left is None or left > 0:
            wanted = select(AUDIT).where(AUDIT.c.id > after).order_by(AUDIT.c.id)
            if since_s is not None:
                wanted = wanted.where(AUDIT.c.time_s >= since_s)
            with self._database.transaction() as connection:
                rows = connection.execute(wanted.limit(_AT_ONCE if left is None else min(left, _AT_ONCE))).all()
            for row in rows:
                yield Entry(row.id, row.time_s, row.actor, row.action, row.target, json.loads(row.detail), row.client)
                after = row.id
            left = None if left is None else left - len(rows)
            if not rows:
                return


def _plain(text: str) -> str:
    """Without what a terminal or a file with lines would take for more than text."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
