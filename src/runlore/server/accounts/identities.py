"""Users whom a provider knows: which of ours they are, the teams that its groups are, and sign-ins on their way."""

from __future__ import annotations

import hashlib
from time import time
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import AlreadyExists, NotAllowed
from runlore.server.accounts._tables import IDENTITIES, MEMBERS, SIGN_INS, TEAMS, USERS, delete, insert, select
from runlore.server.accounts.people import MAX_NAME, is_name
from runlore.server.caller import Caller

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from runlore.server.accounts._tables import Database
    from runlore.server.accounts.oidc import Begun, Identity
    from runlore.server.accounts.people import People

PENDING_S = 600.0
"""How long somebody may take at the provider."""


class Pending(NamedTuple):
    """A sign-in that came back: what was sent along with it."""

    nonce: str
    verifier: str
    redirect: str
    after: str


class Identities:
    """See the module. Threads and processes may share it."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def remember(self, begun: Begun, redirect: str, after: str) -> None:
        """Keep what is needed when the browser comes back: any worker may answer it then."""
        now = time()
        with self._database.transaction() as connection:
            connection.execute(delete(SIGN_INS).where(SIGN_INS.c.expires_s <= now))
            connection.execute(insert(SIGN_INS).values(
                state=_digest(begun.state), nonce=begun.nonce, verifier=begun.verifier, redirect=redirect, after=after,
                expires_s=now + PENDING_S,
            ))  # fmt: skip

    def recall(self, state: str) -> Pending | None:
        """What was kept, once; None: nothing, or it is too long ago."""
        with self._database.transaction() as connection:
            mine = SIGN_INS.c.state == _digest(state)
            row = connection.execute(select(SIGN_INS).where(mine)).one_or_none()
            taken = connection.execute(delete(SIGN_INS).where(mine)).rowcount
        if row is None or not taken or row.expires_s <= time():
            return None
        return Pending(row.nonce, row.verifier, row.redirect, row.after)

    def caller_of(self, identity: Identity) -> tuple[Caller, bool]:
        """The user that an identity is, made with the first sign-in; and whether it was made.

        Its memberships become what the groups say: those that a group gave and gives no more are taken, those that an
        admin gave stay.

        Raises:
            NotAllowed: the user is let in no more, or another user has the name.
        """
        with self._database.transaction() as connection:
            row = connection.execute(_user_of(identity)).one_or_none()
        is_new = row is None
        if row is None:
            self._add(identity)
            with self._database.transaction() as connection:
                row = connection.execute(_user_of(identity)).one()
        if row.is_disabled:
            raise NotAllowed(f"{row.name!r} is let in no more; ask an admin")
        if identity.groups is not None:
            with self._database.transaction() as connection:
                _join(connection, row.id, identity.groups)
        return Caller(row.name, self._people.grants_of(row.id), user=row.id), is_new

    def _add(self, identity: Identity) -> None:
        name = "".join(letter if is_name(letter) else "-" for letter in identity.name)[:MAX_NAME]
        try:
            self._people.add_user(name)
        except AlreadyExists:
            raise NotAllowed(
                f"there is a user {name!r} already, whom the provider does not know; an admin has to remove that one"
            ) from None
        user = self._people.user(name)
        with self._database.transaction() as connection:
            values = {"issuer": identity.issuer, "subject": identity.subject, "user": user.id}
            connection.execute(insert(IDENTITIES).values(**values))


def _user_of(identity: Identity):  # type: ignore[no-untyped-def] # noqa: ANN202 - of SQLAlchemy's own, long-winded types
    mine = (IDENTITIES.c.issuer == identity.issuer, IDENTITIES.c.subject == identity.subject)
    return select(USERS).join(IDENTITIES, IDENTITIES.c.user == USERS.c.id).where(*mine)


def _join(connection: Connection, user: int, groups: tuple[str, ...]) -> None:
    wanted = {row.id for row in connection.execute(select(TEAMS.c.id, TEAMS.c.name)) if row.name in groups}
    known = {row.team: row.by_claim for row in connection.execute(select(MEMBERS).where(MEMBERS.c.user == user))}
    for team in {team for team, by_claim in known.items() if by_claim} - wanted:
        connection.execute(delete(MEMBERS).where(MEMBERS.c.user == user).where(MEMBERS.c.team == team))
    for team in wanted - set(known):
        connection.execute(insert(MEMBERS).values(team=team, user=user, by_claim=True))


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
