"""How much may be asked for at once."""

from __future__ import annotations

from typing import Any

from runlore.errors import InvalidArgument, WrongType

MAX_LIMIT = 1_000_000
"""Runs in one page."""


def check_limit(limit: Any) -> None:
    """Refuse what is no number of runs for one page.

    Raises:
        WrongType: it is neither None nor an integer.
        InvalidArgument: it is below 1 or too large.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
        raise WrongType(f"limit={limit!r} must be an integer, not {type(limit).__name__}")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise InvalidArgument(f"limit={limit} must be from 1 to {MAX_LIMIT:,}, or None for all runs")


def check_time_limit(time_limit_s: Any) -> None:
    """Refuse what is no time for one page, in seconds.

    Raises:
        InvalidArgument: it is no number above 0.
    """
    if not isinstance(time_limit_s, (int, float)) or not time_limit_s > 0:
        raise InvalidArgument(f"time_limit_s={time_limit_s!r} must be a number of seconds above 0")
