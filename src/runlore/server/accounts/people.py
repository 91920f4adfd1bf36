"""Users, teams, and the roles that they have on experiments."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, NotAllowed, NotFound
from runlore.names import check_path_name
from runlore.query.globs import experiment_matcher
from runlore.server.accounts import _argon2
from runlore.server.accounts._tables import (
    GRANTS,
    MEMBERS,
    SESSIONS,
    TEAMS,
    USERS,
    delete,
    insert,
    select,
    update,
)
from runlore.server.caller import EVERYTHING, ROLES, Grant

if TYPE_CHECKING:
    from runlore.server.accounts._tables import Database

MAX_NAME = 100
MIN_PASSWORD, MAX_PASSWORD = 12, 1_000
MAX_PATTERN = 1_000


@dataclass(frozen=True)
class User:
    """Somebody, or something, that may be let in.

    Attributes:
        name: unique.
        is_service: has no password, and tokens alone.
        is_disabled: is let in no more; what it did stays its own.
        created_s: seconds since 1970 UTC.
        teams: by name.
        grants: of its own, not of its teams.
    """

    id: int
    name: str
    is_service: bool
    is_disabled: bool
    created_s: float
    teams: tuple[str, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Team:
    """Several users who have roles together."""

    id: int
    name: str
    members: tuple[str, ...]
    grants: tuple[Grant, ...]


def is_name(name: str) -> bool:
    """Whether it can be the name of a user or team."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and not set(name) & set(":/\\ ,;\"'<>")


def check_name(name: str, argument: str = "name") -> str:
    """A name of a user or team: one word, without what a header or a log would stumble over.

    Raises:
        InvalidArgument: it is none.
    """
    if not is_name(name):
        raise InvalidArgument(
            f"{argument}={name[:MAX_NAME]!r} should be 1 to {MAX_NAME} letters, digits and signs such as . _ - @"
        )
    return name


def check_password(password: str) -> str:
    """A password that may be chosen.

    Raises:
        InvalidArgument: it is too short or too long. The message does not have it.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidArgument(f"the password should have {MIN_PASSWORD} to {MAX_PASSWORD:,} characters")
    return password


def check_grant(pattern: str, role: str) -> Grant:
    """A role on experiments.

    Raises:
        InvalidArgument: there is no such role, or the glob is none.
    """
    if role not in ROLES:
        raise InvalidArgument(f"role={role[:40]!r} is none of {', '.join(ROLES)}")
    if not pattern or len(pattern) > MAX_PATTERN:
        raise InvalidArgument(
            f"path={pattern[:40]!r} should be the name of an experiment, or a glob such as 'vision/**'"
        )
    experiment_matcher(pattern)
    if not set(pattern) & set("*?["):
        check_path_name(pattern, "path")
    return Grant(pattern, role)


class People:
    """See the module. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- users ----------------------------------------------------------------------------------------------------

    def users(self) -> list[User]:
        """All of them, by name."""
        return self._users(None)

    def user(self, name: str) -> User:
        """One of them.

        Raises:
            NotFound: there is none of this name.
        """
        for found in self._users(name):
            return found
        raise NotFound(f"there is no user {name[:MAX_NAME]!r}; `runlore user list` lists them")

    def _users(self, name: str | None) -> list[User]:
        with self._database.transaction() as connection:
            wanted = select(USERS).order_by(USERS.c.name)
            rows = connection.execute(wanted if name is None else wanted.where(USERS.c.name == name)).all()
            joined = select(MEMBERS.c.user, TEAMS.c.name).join(TEAMS, TEAMS.c.id == MEMBERS.c.team)
            teams = connection.execute(joined.order_by(TEAMS.c.name)).all()
            grants = connection.execute(select(GRANTS).order_by(GRANTS.c.pattern)).all()
        return [
            User(
                row.id, row.name, row.is_service, row.is_disabled, row.created_s,
                tuple(team for user, team in teams if user == row.id),
                tuple(Grant(grant.pattern, grant.role) for grant in grants if grant.user == row.id),
            )
            for row in rows
        ]  # fmt: skip

    def add_user(self, name: str, password: str | None = None, *, is_service: bool = False) -> None:
        """Add a user, without any role. A service has no password.

        Raises:
            InvalidArgument: name or password cannot be one.
            AlreadyExists: the name is taken.
        """
        check_name(name)
        kept = None if is_service or password is None else _argon2.hashed(check_password(password))
        with self._database.transaction() as connection:
            connection.execute(insert(USERS).values(
                name=name, password=kept, is_service=is_service, is_disabled=False, created_s=time(),
            ))  # fmt: skip

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; its sessions end.

        Raises:
            InvalidArgument: it cannot be one, or the user is a service.
            NotFound: there is no such user.
        """
        found = self.user(name)
        if found.is_service:
            raise InvalidArgument(f"{name!r} is a service, which has no password; make a token for it")
        kept = _argon2.hashed(check_password(password))
        with self._database.transaction() as connection:
            connection.execute(update(USERS).where(USERS.c.id == found.id).values(password=kept))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == found.id))

    def disable(self, name: str, *, disabled: bool = True) -> None:
        """Let a user in no more, or again; its sessions end.

        Raises:
            NotFound: there is no such user.
            NotAllowed: nobody would be left who can manage accounts.
        """
        found = self.user(name)
        if disabled:
            self._leave_an_admin(found)
        with self._database.transaction() as connection:
            connection.execute(update(USERS).where(USERS.c.id == found.id).values(is_disabled=disabled))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == found.id))

    def remove_user(self, name: str) -> None:
        """Remove a user with its tokens. What it did stays in the audit log.

        Raises:
            NotFound: there is no such user.
            NotAllowed: as `disable`.
        """
        found = self.user(name)
        self._leave_an_admin(found)
        with self._database.transaction() as connection:
            connection.execute(delete(USERS).where(USERS.c.id == found.id))

    def _leave_an_admin(self, leaving: User) -> None:
        others = [user for user in self.users() if user.id != leaving.id and not user.is_disabled]
        admin = Grant(EVERYTHING, "admin")
        if admin in self.grants_of(leaving.id) and not any(admin in self.grants_of(user.id) for user in others):
            raise NotAllowed(f"{leaving.name!r} is the last admin; make somebody else one first")

    # -- teams ----------------------------------------------------------------------------------------------------

    def teams(self) -> list[Team]:
        """All of them, by name."""
        with self._database.transaction() as connection:
            rows = connection.execute(select(TEAMS).order_by(TEAMS.c.name)).all()
            joined = select(MEMBERS.c.team, USERS.c.name).join(USERS, USERS.c.id == MEMBERS.c.user)
            members = connection.execute(joined.order_by(USERS.c.name)).all()
            grants = connection.execute(select(GRANTS).order_by(GRANTS.c.pattern)).all()
        return [
            Team(
                row.id, row.name, tuple(user for team, user in members if team == row.id),
                tuple(Grant(grant.pattern, grant.role) for grant in grants if grant.team == row.id),
            )
            for row in rows
        ]  # fmt: skip

    def team(self, name: str) -> Team:
        """One of them.

        Raises:
            NotFound: there is none of this name.
        """
        for found in self.teams():
            if found.name == name:
                return found
        raise NotFound(f"there is no team {name[:MAX_NAME]!r}; `runlore team list` lists them")

    def add_team(self, name: str) -> None:
        """Add a team without members.

        Raises:
            InvalidArgument: the name cannot be one.
            AlreadyExists: it is taken.
        """
        with self._database.transaction() as connection:
            connection.execute(insert(TEAMS).values(name=check_name(name), created_s=time()))

    def remove_team(self, name: str) -> None:
        """Remove a team; its members stay.

        Raises:
            NotFound: there is none.
        """
        found = self.team(name)
        with self._database.transaction() as connection:
            connection.execute(delete(TEAMS).where(TEAMS.c.id == found.id))

    def join(self, team: str, user: str, *, member: bool = True) -> None:
        """Make a user a member of a team, or no member. Twice is the same as once.

        Raises:
            NotFound: there is no such team or user.
        """
        ids = {"team": self.team(team).id, "user": self.user(user).id}
        with self._database.transaction() as connection:
            connection.execute(
                delete(MEMBERS).where(MEMBERS.c.team == ids["team"]).where(MEMBERS.c.user == ids["user"])
            )
            if member:
                connection.execute(insert(MEMBERS).values(**ids))

    # -- roles ----------------------------------------------------------------------------------------------------

    def grant(self, who: User | Team, pattern: str, role: str | None) -> None:
        """Give a user or team a role on experiments, in place of the one that it has on the same glob; None: take it.

        Raises:
            InvalidArgument: there is no such role, or the glob is none.
            NotFound: there is nothing to take.
        """
        column = GRANTS.c.user if isinstance(who, User) else GRANTS.c.team
        if role is not None:
            check_grant(pattern, role)
        with self._database.transaction() as connection:
            gone = connection.execute(delete(GRANTS).where(column == who.id).where(GRANTS.c.pattern == pattern))
            if role is not None:
                values: dict[str, Any] = {column.name: who.id, "pattern": pattern, "role": role}
                connection.execute(insert(GRANTS).values(**values))
            elif not gone.rowcount:
                raise NotFound(f"{who.name!r} has no role on {pattern[:MAX_NAME]!r}")

    def grants_of(self, user: int) -> tuple[Grant, ...]:
        """The roles of a user, by itself and by its teams."""
        mine = select(MEMBERS.c.team).where(MEMBERS.c.user == user)
        wanted = select(GRANTS.c.pattern, GRANTS.c.role).where((GRANTS.c.user == user) | GRANTS.c.team.in_(mine))
        with self._database.transaction() as connection:
            return tuple(Grant(pattern, role) for pattern, role in connection.execute(wanted))

    # -- the first one --------------------------------------------------------------------------------------------

    def first_admin(self) -> tuple[str, str] | None:
        """Where there is nobody yet: make an admin, and give its name and its password, which nobody else is told."""
        if self.users():
            return None
        name, password = "admin", secrets.token_urlsafe(18)
        self.add_user(name, password)
        self.grant(self.user(name), EVERYTHING, "admin")
        return name, password
