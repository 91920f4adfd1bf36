"""The accounts of a server: everything that is kept of them, in one database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.errors import MissingDependency, NotFound

if TYPE_CHECKING:
    from runlore.server.accounts.audit import Audit
    from runlore.server.accounts.identities import Identities
    from runlore.server.accounts.keys import Keys
    from runlore.server.accounts.people import People
    from runlore.server.accounts.proofs import Proofs
    from runlore.server.accounts.quotas import Quotas
    from runlore.server.accounts.rules import Rules
    from runlore.server.accounts.throttle import Throttle

VARIABLE = "RUNLORE_ACCOUNTS"
"""Environment variable with the address of the accounts."""


def place_of(store: str) -> str:
    """Where the accounts of a store's server are, unless another address is given.

    That is beside it, so that who copies the store does not copy them.

    Example:
        >>> place_of("/data/runs")
        '/data/runs-accounts.sqlite'
    """
    return f"{store.rstrip('/')}-accounts.sqlite"


class Book:
    """See the module. Threads may share it; after a fork, a process opens its own.

    Args:
        address: a path, or `postgresql://…`.
        create: make it where there is none, and bring its layout up to date.

    Attributes:
        people: users, teams, roles.
        keys: tokens, passwords, sessions.
        audit: who did what.
        proofs: who has shown which contents.
        throttle: how often somebody was wrong.
        identities: users whom a provider knows.
        quotas: how much teams may have.
        rules: what the server does by itself with old runs.

    Raises:
        InvalidArgument: the address is none.
        NotFound: there is none.
        NotReachable: the database does not answer.
        MissingDependency: SQLAlchemy, Alembic or argon2-cffi are not installed.
    """

    people: People
    keys: Keys
    audit: Audit
    proofs: Proofs
    throttle: Throttle
    identities: Identities
    quotas: Quotas
    rules: Rules

    def __init__(self, address: str, *, create: bool = False) -> None:
        try:
            from runlore.server.accounts import _migrations
            from runlore.server.accounts._tables import Database
            from runlore.server.accounts.audit import Audit
            from runlore.server.accounts.identities import Identities
            from runlore.server.accounts.keys import Keys
            from runlore.server.accounts.people import People
            from runlore.server.accounts.proofs import Proofs
            from runlore.server.accounts.quotas import Quotas
            from runlore.server.accounts.rules import Rules
            from runlore.server.accounts.throttle import Throttle
        except ImportError as error:
            raise MissingDependency(error.name or "SQLAlchemy", "accounts", "letting in who has an account") from error
        is_path = "://" not in address
        self._database = Database(f"sqlite:///{os.path.abspath(address)}" if is_path else address)
        self.location = os.path.abspath(address) if is_path else self._database.location
        if create:
            self._database.create()
            _migrations.bring_up_to_date(self._database)
        elif not self._database.exists():
            raise NotFound(
                f"there are no accounts in {self.location}; `runlore user add NAME` and `runlore server --accounts` "
                "make them"
            )
        self.people = People(self._database)
        self.keys = Keys(self._database, self.people)
        self.audit = Audit(self._database)
        self.proofs = Proofs(self._database)
        self.throttle = Throttle(self._database)
        self.identities = Identities(self._database, self.people)
        self.quotas = Quotas(self._database, self.people)
        self.rules = Rules(self._database)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
