"""What callers show: tokens, passwords, sessions; and who they are by that."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, NotFound, NotReachable, NotStored
from runlore.server.accounts import _argon2
from runlore.server.accounts._tables import SESSIONS, TOKENS, USERS, delete, insert, select, update
from runlore.server.accounts.people import is_name
from runlore.server.accounts.sessions import SESSION_S
from runlore.server.caller import SCOPES, Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.server.accounts._tables import Database
    from runlore.server.accounts.people import People, User

log = logging.getLogger("runlore.server")

PREFIX = "rlt"
MAX_DAYS = 3_650.0
USED_S = 60.0
"""The last use of a token is as old as this, at most, when it is looked at."""
REMEMBERED = 1_000
"""Passwords that were right and are not hashed anew with each request."""

_TOKEN = re.compile(r"rlt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Token:
    """A token, without what makes it one.

    Attributes:
        id: by which it is named.
        user: its owner's name.
        name: what it is for.
        scopes: what it may be used for, at most.
        created_s, expires_s, used_s: seconds since 1970 UTC; None: never.
    """

    id: str
    user: str
    name: str
    scopes: tuple[str, ...]
    created_s: float
    expires_s: float | None
    used_s: float | None


class Keys:
    """See the module. Threads may share it."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    # -- tokens ---------------------------------------------------------------------------------------------------

    def make_token(
        self, user: User, name: str, scopes: Iterable[str] = ("read", "write"), days: float | None = None
    ) -> tuple[Token, str]:
        """A new token, and its text, which is not kept and cannot be had again.

        Args:
            user: whose it is.
            name: what it is for.
            scopes: what it may be used for; `write` alone suits a training job.
            days: for which it holds; None: until it is revoked.

        Raises:
            InvalidArgument: one of them cannot be so.
        """
        wanted = tuple(scope for scope in SCOPES if scope in set(scopes))
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not wanted:
            raise InvalidArgument(f"scopes={unknown or 'none'} should be some of {', '.join(SCOPES)}")
        if not (0 < len(name) <= 200 and name.isprintable()):
            raise InvalidArgument(f"name={name[:60]!r} should say in 1 to 200 characters what the token is for")
        if days is not None and not 0 < days <= MAX_DAYS:
            raise InvalidArgument(f"days={days} should be more than 0 and at most {MAX_DAYS:g}")
        now, identifier, secret = time(), secrets.token_hex(8), secrets.token_urlsafe(32)
        text = f"{PREFIX}_{identifier}_{secret}"
        expires_s = None if days is None else now + days * _DAY_S
        values: dict[str, Any] = {"name": name, "created_s": now, "expires_s": expires_s, "used_s": None}
        with self._database.transaction() as connection:
            connection.execute(insert(TOKENS).values(
                id=identifier, user=user.id, digest=_digest(text), scopes=" ".join(wanted), **values
            ))  # fmt: skip
        return Token(id=identifier, user=user.name, scopes=wanted, **values), text

    def tokens(self, user: str | None = None) -> list[Token]:
        """The tokens of a user, or all of them; the newest first."""
        wanted = select(TOKENS, USERS.c.name.label("owner")).join(USERS, USERS.c.id == TOKENS.c.user)
        if user is not None:
            wanted = wanted.where(USERS.c.name == user)
        with self._database.transaction() as connection:
            rows = connection.execute(wanted.order_by(TOKENS.c.created_s.desc())).all()
        return [
            Token(row.id, row.owner, row.name, tuple(row.scopes.split()), row.created_s, row.expires_s, row.used_s)
            for row in rows
        ]

    def revoke(self, identifier: str, user: str | None = None) -> None:
        """Make a token worthless, at once.

        Args:
            identifier: its id.
            user: whose it has to be; None: anybody's.

        Raises:
            NotFound: there is none.
        """
        wanted = delete(TOKENS).where(TOKENS.c.id == identifier)
        if user is not None:
            wanted = wanted.where(TOKENS.c.user == self._people.user(user).id)
        with self._database.transaction() as connection:
            if not connection.execute(wanted).rowcount:
                raise NotFound(f"there is no token {identifier[:60]!r}; `runlore token list` lists them")

    def by_token(self, text: str) -> Caller | None:
        """Who shows this token; None: it is none, or is worth nothing any more."""
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        with self._database.transaction() as connection:
            joined = select(TOKENS, USERS.c.name.label("owner"), USERS.c.is_disabled)
            joined = joined.join(USERS, USERS.c.id == TOKENS.c.user)
            row = connection.execute(joined.where(TOKENS.c.id == parts[1])).one_or_none()
            now = time()
            if row is None or not hmac.compare_digest(row.digest, _digest(text)) or row.is_disabled:
                return None
            if row.expires_s is not None and row.expires_s <= now:
                return None
        if row.used_s is None or now - row.used_s > USED_S:
            self._note_use(row.id, now)
        grants = self._people.grants_of(row.user)
        return Caller(row.owner, grants, frozenset(row.scopes.split()), row.user, row.id)

    def _note_use(self, identifier: str, now: float) -> None:
        """Write down that a token was used. Where there is no room for that, it is said, and the token holds."""
        try:
            with self._database.transaction() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.id == identifier).values(used_s=now))
        except (NotReachable, NotStored) as error:
            log.warning("the use of token %s could not be written down: %s", identifier, error)

    # -- passwords ------------------------------------------------------------------------------------------------

    def by_password(self, name: str, password: str) -> Caller | None:
        """Who has this name and password; None: nobody."""
        with self._database.transaction() as connection:
            wanted = select(USERS).where(USERS.c.name == name)
            row = connection.execute(wanted).one_or_none() if is_name(name) else None
        kept: str | None = None if row is None or row.is_disabled else row.password
        mark = hmac.digest(self._secret, f"{name}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        with self._lock:
            is_known = kept is not None and self._right.get(mark) == kept
        if not is_known and not _argon2.is_right(kept, password):
            return None
        if row is None or kept is None:
            return None
        with self._lock:
            self._right[mark] = kept
            self._right.move_to_end(mark)
            while len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return Caller(row.name, self._people.grants_of(row.id), user=row.id)

    # -- sessions -------------------------------------------------------------------------------------------------

    def begin_session(self, caller: Caller) -> str:
        """The text of a new session, for a cookie."""
        text, now = secrets.token_urlsafe(32), time()
        with self._database.transaction() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_s <= now))
            connection.execute(insert(SESSIONS).values(
                digest=_digest(text), user=caller.user, created_s=now, expires_s=now + SESSION_S
            ))  # fmt: skip
        return text

    def by_session(self, text: str) -> Caller | None:
        """Whose session it is; None: nobody's, or it is over."""
        digest = _digest(text)
        with self._database.transaction() as connection:
            joined = select(SESSIONS.c.expires_s, USERS).join(USERS, USERS.c.id == SESSIONS.c.user)
            row = connection.execute(joined.where(SESSIONS.c.digest == digest)).one_or_none()
        if row is None or row.is_disabled or row.expires_s <= time():
            return None
        return Caller(row.name, self._people.grants_of(row.id), user=row.id, session=digest)

    def end_session(self, digest: str) -> None:
        """End it."""
        with self._database.transaction() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
