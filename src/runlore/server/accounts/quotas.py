"""Quotas of teams: how many runs, and how many bytes, there may be in the experiments that a team records.

A quota counts what is in the experiments on which the team has the role of an editor or admin, whoever put it there. It
is measured now and then, and what is made in between is added: so it is kept within what was sent meanwhile, and not to
the byte.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, NotAllowed
from runlore.query.globs import experiment_matcher
from runlore.server.accounts._tables import TEAMS, func, select, update
from runlore.server.endpoint import WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.server.accounts._tables import Database
    from runlore.server.accounts.people import People
    from runlore.server.caller import Caller

KEPT_S = 5.0
"""How old what is known of them may be, in each worker."""
_WRITING = frozenset({"editor", "admin"})


@dataclass(frozen=True)
class Quota:
    """Of one team. None: no limit, or not measured yet.

    Attributes:
        team: its name.
        patterns: of the experiments that count.
        most_bytes, most_runs: how much there may be.
        used_bytes, used_runs: how much there is.
        measured_s: when that was measured, in seconds since 1970 UTC.
    """

    team: str
    patterns: tuple[str, ...]
    most_bytes: int | None
    most_runs: int | None
    used_bytes: int | None
    used_runs: int | None
    measured_s: float | None

    @property
    def excess(self) -> str:
        """What it has too much of, in words; empty: nothing."""
        if self.most_bytes is not None and (self.used_bytes or 0) >= self.most_bytes:
            return f"{self.used_bytes or 0:,} of {self.most_bytes:,} bytes"
        if self.most_runs is not None and (self.used_runs or 0) >= self.most_runs:
            return f"{self.used_runs or 0:,} of {self.most_runs:,} runs"
        return ""


class Quotas:
    """See the module. Threads and processes may share it."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self._lock = threading.Lock()
        self._known: tuple[float, list[tuple[Quota, Callable[[str], bool]]]] | None = None

    def set(self, team: str, *, most_bytes: int | None, most_runs: int | None) -> None:
        """Give a team a quota; None: no limit.

        Raises:
            NotFound: there is no such team.
            InvalidArgument: a number is less than 0.
        """
        for name, value in (("bytes", most_bytes), ("runs", most_runs)):
            if value is not None and not 0 <= value < 1 << 62:
                raise InvalidArgument(f"{name}={value} should be 0 or more")
        found = self._people.team(team)
        with self._database.transaction() as connection:
            values = {"most_bytes": most_bytes, "most_runs": None if most_runs is None else min(most_runs, 2**31 - 1)}
            connection.execute(update(TEAMS).where(TEAMS.c.id == found.id).values(**values))
        self._known = None

    def all(self) -> list[Quota]:
        """Of every team, also those without limits, by name."""
        with self._database.transaction() as connection:
            rows = {row.name: row for row in connection.execute(select(TEAMS))}
        return [
            Quota(
                team.name, tuple(grant.pattern for grant in team.grants if grant.role in _WRITING), row.most_bytes,
                row.most_runs, row.used_bytes, row.used_runs, row.measured_s,
            )
            for team in self._people.teams() if (row := rows.get(team.name)) is not None
        ]  # fmt: skip

    def measured(self, team: str, *, used_bytes: int, used_runs: int) -> None:
        """Keep what a team uses by now."""
        values = {"used_bytes": used_bytes, "used_runs": used_runs, "measured_s": time()}
        with self._database.transaction() as connection:
            connection.execute(update(TEAMS).where(TEAMS.c.name == team).values(**values))
        self._known = None

    def check(self, experiment: str, *, runs: int = 0) -> None:
        """See that something may be added to an experiment.

        Args:
            experiment: its name.
            runs: that are about to be made; they are counted.

        Raises:
            NotAllowed: a team has as much as it may have.
        """
        mine = [quota for quota, matches in self._limited() if matches(experiment)]
        for quota in mine:
            _refuse(quota)
        if runs and mine:
            with self._database.transaction() as connection:
                used = func.coalesce(TEAMS.c.used_runs, 0) + runs
                names = [quota.team for quota in mine]
                connection.execute(update(TEAMS).where(TEAMS.c.name.in_(names)).values(used_runs=used))
            self._known = None

    def check_caller(self, caller: Caller) -> None:
        """See that a caller may add something somewhere.

        Raises:
            NotAllowed: wherever it may write, a team has as much as it may have.
        """
        full = {pattern: quota for quota, _ in self._limited() if quota.excess for pattern in quota.patterns}
        wanted = caller.patterns(WRITE)
        if wanted and all(pattern in full for pattern in wanted):
            _refuse(full[wanted[0]])

    def _limited(self) -> list[tuple[Quota, Callable[[str], bool]]]:
        """Those that have a limit, and whether an experiment counts."""
        with self._lock:
            known = self._known
        if known is None or monotonic() - known[0] > KEPT_S:
            found = [quota for quota in self.all() if (quota.most_bytes, quota.most_runs) != (None, None)]
            known = monotonic(), [(quota, experiment_matcher(quota.patterns)) for quota in found if quota.patterns]
            with self._lock:
                self._known = known
        return known[1]


def _refuse(quota: Quota) -> None:
    if quota.excess:
        raise NotAllowed(
            f"the team {quota.team!r} has {quota.excess}, which is its quota; nothing was added. Remove runs, or ask "
            "an admin for more"
        )
