"""Rules of retention: what the server does by itself with runs of a certain age."""

from __future__ import annotations

from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from runlore.errors import AlreadyExists, InvalidArgument, NotFound
from runlore.server.accounts._tables import LEASES, RULES, delete, insert, select, update
from runlore.server.accounts.people import check_grant
from runlore.server.caller import EVERYTHING

if TYPE_CHECKING:
    from runlore.server.accounts._tables import Database

TRASH, ARTIFACTS, EMPTY = ACTIONS = ("trash", "artifacts", "empty")
"""`trash`: runs that ended so many days ago go there. `artifacts`: the contents of their artifacts are dropped, and all
else stays. `empty`: what is in the trash for so long is removed for good; of everything alone."""
MAX_DAYS = 36_500.0


@dataclass(frozen=True)
class Rule:
    """What is done with runs of some experiments.

    Attributes:
        id: by which it is named.
        pattern: glob of the experiments.
        action: one of `ACTIONS`.
        days: after so many.
        created_s: seconds since 1970 UTC.
    """

    id: int
    pattern: str
    action: str
    days: float
    created_s: float


class Rules:
    """See the module. Threads and processes may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Rule]:
        """All of them, in the order in which they were made."""
        with self._database.transaction() as connection:
            rows = connection.execute(select(RULES).order_by(RULES.c.id)).all()
        return [Rule(row.id, row.pattern, row.action, row.days, row.created_s) for row in rows]

    def add(self, pattern: str, action: str, days: float) -> Rule:
        """A new rule.

        Raises:
            InvalidArgument: there is no such action, the glob is none, or the days are not more than 0.
            AlreadyExists: there is a rule for the same.
        """
        check_grant(pattern, "viewer")
        if action not in ACTIONS:
            raise InvalidArgument(f"action={action[:40]!r} is none of {', '.join(ACTIONS)}")
        if action == EMPTY and pattern != EVERYTHING:
            raise InvalidArgument(f"path={pattern[:60]!r}: the trash is emptied of everything; write '**'")
        if not 0 < days <= MAX_DAYS:
            raise InvalidArgument(f"days={days} should be more than 0 and at most {MAX_DAYS:,.0f}")
        values = {"pattern": pattern, "action": action, "days": days, "created_s": time()}
        try:
            with self._database.transaction() as connection:
                made = connection.execute(insert(RULES).values(**values)).inserted_primary_key
        except AlreadyExists:
            raise AlreadyExists(f"there is a rule already by which {pattern!r} goes to {action!r}") from None
        return Rule(int(made[0]) if made else 0, pattern, action, days, float(values["created_s"]))  # type: ignore[arg-type]

    def remove(self, identifier: int) -> Rule:
        """Remove a rule; gives what it was.

        Raises:
            NotFound: there is none.
        """
        for rule in self.all():
            if rule.id == identifier:
                with self._database.transaction() as connection:
                    connection.execute(delete(RULES).where(RULES.c.id == identifier))
                return rule
        raise NotFound(f"there is no rule {identifier}; `runlore retention list` lists them")

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Whether it is this one's turn: of all workers and servers, one has a task for so many seconds."""
        now = time()
        free = (LEASES.c.name == name) & ((LEASES.c.until_s <= now) | (LEASES.c.until_s > now + 10 * seconds))
        with self._database.transaction() as connection:
            self._database.add(connection, LEASES, {"name": name, "holder": "", "until_s": 0.0})
            taken = connection.execute(update(LEASES).where(free).values(holder=holder, until_s=now + seconds))
            return bool(taken.rowcount)
