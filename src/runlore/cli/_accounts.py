"""Where the accounts of a server are, for the commands that work on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runlore.server.accounts.book import Book
    from runlore.server.accounts.quotas import Quota


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


def quota_record(quota: Quota) -> dict[str, int | None]:
    """A quota, for scripts."""
    return {
        "most_bytes": quota.most_bytes, "most_runs": quota.most_runs, "used_bytes": quota.used_bytes,
        "used_runs": quota.used_runs,
    }  # fmt: skip


def quota_text(quota: Quota) -> str:
    """How much a team has of what it may have, for people.

    Example:
        >>> from runlore.server.accounts.quotas import Quota
        >>> quota_text(Quota("crew", ("vision/**",), 10_000_000_000, None, 2_000_000_000, 12, 0.0))
        '2.0 GB of 10.0 GB'
    """
    from runlore.cli._format import size

    parts = []
    if quota.most_bytes is not None:
        parts.append(f"{'?' if quota.used_bytes is None else size(quota.used_bytes)} of {size(quota.most_bytes)}")
    if quota.most_runs is not None:
        parts.append(f"{'?' if quota.used_runs is None else quota.used_runs} of {quota.most_runs} runs")
    return ", ".join(parts)


def open_book(address: str, *, create: bool = False) -> Book:
    """The accounts; see `Book`."""
    from runlore.server.accounts.book import Book

    return Book(address, create=create)
