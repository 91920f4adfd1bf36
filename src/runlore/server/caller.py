"""Who sends a request, and what that one may do where: roles on experiments, scopes of the token that was shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from runlore.query.globs import experiment_matcher
from runlore.server.endpoint import ADMIN, READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

ROLES = ("viewer", "editor", "admin")
"""Each may do what those before it may. `viewer` reads, `editor` writes too, `admin` also removes for good."""

SCOPES = (READ, WRITE, ADMIN)
"""What a token may be used for, at most: its owner's roles are the other limit."""

EVERYTHING = "**"
"""The glob of all experiments. An admin of it manages accounts."""

_RANKS = {READ: 0, WRITE: 1, ADMIN: 2}
_ROLE_RANKS = {role: rank for rank, role in enumerate(ROLES)}


@dataclass(frozen=True)
class Grant:
    """A role on the experiments that a glob matches."""

    pattern: str
    role: str


@dataclass(frozen=True)
class Caller:
    """See the module. What it may do is the most that any of its grants allows, within its scopes.

    Attributes:
        name: of the user; None: anybody, where there are no accounts.
        grants: of the user and of its teams.
        scopes: of the token; all of them where it signed in by itself.
        user: id of the user; 0: none.
        token: id of the token that was shown; None: it signed in by itself.
        session: digest of the session; None: it came with a token or password.
    """

    name: str | None
    grants: tuple[Grant, ...] = ()
    scopes: frozenset[str] = frozenset(SCOPES)
    user: int = 0
    token: str | None = None
    session: str | None = field(default=None, repr=False)

    def may(self, needs: str, experiment: str | None = None) -> bool:
        """Whether it may do what needs `read`, `write` or `admin`.

        Args:
            needs: one of the three.
            experiment: where; None: anywhere at all.
        """
        if needs not in self.scopes:
            return False
        matchers = self._matchers[_RANKS[needs]]
        return bool(matchers) if experiment is None else any(matches(experiment) for matches in matchers)

    @property
    def least(self) -> str:
        """What lets it see a run at all: reading, or, where its token only writes, writing."""
        return READ if READ in self.scopes else WRITE

    def sees(self, experiment: str) -> bool:
        """Whether runs of the experiment exist for it."""
        return self.may(self.least, experiment)

    def may_everywhere(self, needs: str) -> bool:
        """Whether it may do so in all experiments, also in those that there are not yet."""
        return needs in self.scopes and any(
            grant.pattern == EVERYTHING and _ROLE_RANKS[grant.role] >= _RANKS[needs] for grant in self.grants
        )

    def patterns(self, needs: str) -> tuple[str, ...]:
        """The globs of the experiments in which it may."""
        if needs not in self.scopes:
            return ()
        return tuple(grant.pattern for grant in self.grants if _ROLE_RANKS[grant.role] >= _RANKS[needs])

    @cached_property
    def _matchers(self) -> tuple[tuple[Callable[[str], bool], ...], ...]:
        return tuple(
            tuple(experiment_matcher(grant.pattern) for grant in self.grants if _ROLE_RANKS[grant.role] >= rank)
            for rank in range(len(ROLES))
        )


ANYBODY = Caller(None, (Grant(EVERYTHING, "admin"),))
"""Where there are no accounts: whoever can reach the server may do all."""
