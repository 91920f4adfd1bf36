"""The layout of the accounts' database, brought up to date by Alembic: when it is made, and after an update."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from runlore.server.accounts._tables import Database

_SCRIPTS = os.path.join(os.path.dirname(__file__), "migrations")


def bring_up_to_date(database: Database) -> None:
    """Make the tables that are missing, in one transaction.

    Raises:
        NotReachable: the database does not answer, or cannot be written to.
    """
    config = Config()
    config.set_main_option("script_location", _SCRIPTS.replace("%", "%%"))
    with database.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
