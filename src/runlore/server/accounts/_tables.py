"""The tables, and the database that has them: SQLite or PostgreSQL. The one module that knows SQLAlchemy's own words.

Times are seconds since 1970 UTC. Secrets are never in it: of passwords there is Argon2's hash, of tokens and sessions
the SHA-256 (they are 256 random bits, which no dictionary has).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    false,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from runlore.errors import AlreadyExists, InvalidArgument, NotReachable, NotStored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

__all__ = [
    "AUDIT", "DOUBTS", "FAILURES", "GRANTS", "IDENTITIES", "LEASES", "MEMBERS", "RULES", "SESSIONS", "SHOWN",
    "SIGN_INS", "TEAMS", "TOKENS", "USERS", "Database", "delete", "func", "insert", "select", "update",
]  # fmt: skip

METADATA = MetaData()

USERS = Table(
    "users", METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("password", String(200)),
    Column("is_service", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_s", Float, nullable=False),
)  # fmt: skip
TEAMS = Table(
    "teams", METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_s", Float, nullable=False),
    Column("most_bytes", BigInteger),
    Column("most_runs", Integer),
    Column("used_bytes", BigInteger),
    Column("used_runs", Integer),
    Column("measured_s", Float),
)  # fmt: skip
MEMBERS = Table(
    "members", METADATA,
    Column("team", ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("by_claim", Boolean, nullable=False, server_default=false()),
)  # fmt: skip
GRANTS = Table(
    "grants", METADATA,
    Column("id", Integer, primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("team", ForeignKey("teams.id", ondelete="CASCADE"), index=True),
    Column("pattern", String(1000), nullable=False),
    Column("role", String(20), nullable=False),
    UniqueConstraint("user", "team", "pattern"),
)  # fmt: skip
TOKENS = Table(
    "tokens", METADATA,
    Column("id", String(32), primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("created_s", Float, nullable=False),
    Column("expires_s", Float),
    Column("used_s", Float),
)  # fmt: skip
SESSIONS = Table(
    "sessions", METADATA,
    Column("digest", String(64), primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_s", Float, nullable=False),
    Column("expires_s", Float, nullable=False),
)  # fmt: skip
AUDIT = Table(
    "audit", METADATA,
    Column("id", Integer, primary_key=True),
    Column("time_s", Float, nullable=False, index=True),
    Column("actor", String(200), nullable=False),
    Column("action", String(100), nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("client", String(100), nullable=False),
)  # fmt: skip
SHOWN = Table(
    "shown", METADATA,
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("time_s", Float, nullable=False, index=True),
)  # fmt: skip
DOUBTS = Table(
    "doubts", METADATA,
    Column("digest", String(64), primary_key=True),
    Column("holder", String(32), primary_key=True),
    Column("user", Integer, nullable=False, index=True),
)  # fmt: skip
FAILURES = Table(
    "failures", METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("client", String(100), nullable=False),
    Column("time_s", Float, nullable=False, index=True),
)  # fmt: skip
IDENTITIES = Table(
    "identities", METADATA,
    Column("issuer", String(500), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("user", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
)  # fmt: skip
SIGN_INS = Table(
    "sign_ins", METADATA,
    Column("state", String(64), primary_key=True),
    Column("nonce", String(100), nullable=False),
    Column("verifier", String(100), nullable=False),
    Column("redirect", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("expires_s", Float, nullable=False, index=True),
)  # fmt: skip
RULES = Table(
    "rules", METADATA,
    Column("id", Integer, primary_key=True),
    Column("pattern", String(1000), nullable=False),
    Column("action", String(20), nullable=False),
    Column("days", Float, nullable=False),
    Column("created_s", Float, nullable=False),
    UniqueConstraint("pattern", "action"),
)  # fmt: skip
LEASES = Table(
    "leases", METADATA,
    Column("name", String(100), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("until_s", Float, nullable=False),
)  # fmt: skip


_NO_ROOM = ("disk is full", "disk I/O error", "No space left")
"""What SQLite and PostgreSQL say; the second where a file beside the database cannot be made or grow."""


class Database:
    """Connections to the accounts. Threads may share it.

    Args:
        address: `sqlite:///PATH`, or `postgresql://…`.

    Raises:
        InvalidArgument: it is no address of a database.
    """

    def __init__(self, address: str) -> None:
        try:
            url = make_url(address)
        except ArgumentError:
            raise InvalidArgument(
                "the address of the accounts is none of a database; write a path, or postgresql://user@host/name"
            ) from None
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise InvalidArgument(f"accounts are kept in SQLite or PostgreSQL, not in {url.get_backend_name()!r}")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        self.location = url.render_as_string(hide_password=True)
        self._path = url.database if url.get_backend_name() == "sqlite" else None
        self._engine: Engine = create_engine(url, pool_pre_ping=self._path is None)
        if self._path is not None:
            event.listen(self._engine, "connect", _prepare)

    def exists(self) -> bool:
        """Whether there is something; of a PostgreSQL, always."""
        return self._path is None or os.path.exists(self._path)

    def create(self) -> None:
        """Make the file, which its owner alone can read."""
        if self._path is not None:
            os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: all of it, or nothing.

        Raises:
            AlreadyExists: something of that name is there.
            NotStored: its disk is full.
            NotReachable: the database does not answer, or cannot be written to.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise AlreadyExists("something of that name is there already; nothing was changed") from None
        except DBAPIError as error:
            said = str(error.orig)
            if any(words in said for words in _NO_ROOM):
                raise NotStored(
                    "the accounts' disk is full; nothing was changed. Try again when there is room"
                ) from None
            raise NotReachable(f"the accounts in {self.location} cannot be used: {said[:300]}") from None

    def add(self, connection: Connection, table: Table, values: dict[str, Any]) -> None:
        """Add a row, unless there is one with its key: somebody else may add it at the same moment."""
        kind = postgresql if self._path is None else sqlite
        connection.execute(kind.insert(table).values(**values).on_conflict_do_nothing())

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()


def _prepare(connection: Any, _: Any) -> None:
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "busy_timeout=10000", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
