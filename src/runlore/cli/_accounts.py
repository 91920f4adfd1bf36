"""Where the accounts of a server are, for the commands that work on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runlore.server.accounts.book import Book


def address_of(store: str | None, accounts: str | None) -> str:
    """The address of the accounts: as it is given, as RUNLORE_ACCOUNTS says, or beside the store.

    Raises:
        InvalidArgument: the store is a server.
    """
    from runlore.config import store_address
    from runlore.errors import InvalidArgument
    from runlore.server.accounts.book import VARIABLE, place_of

    given = accounts or os.environ.get(VARIABLE, "")
    if given:
        return given if "://" in given else os.path.abspath(given)
    place = store_address(store)
    if "://" in place:
        raise InvalidArgument(
            f"the accounts of {place} are where that server runs: use its page, or run the command there"
        )
    return place_of(os.path.abspath(place))


def open_book(address: str, *, create: bool = False) -> Book:
    """The accounts; see `Book`."""
    from runlore.server.accounts.book import Book

    return Book(address, create=create)
