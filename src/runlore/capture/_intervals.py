"""How often hardware may be sampled."""

from __future__ import annotations

from runlore.errors import InvalidArgument

MIN_INTERVAL_S = 1.0
"""Hardware is sampled at most once a second: more often costs the training what nobody reads."""


def check_interval(interval_s: float) -> float:
    """Seconds between two hardware samples, as given.

    Raises:
        InvalidArgument: less than a second, or no number.
    """
    seconds = float(interval_s)
    if not MIN_INTERVAL_S <= seconds < float("inf"):
        raise InvalidArgument(
            f"a hardware interval of {interval_s!r} s is not possible; use {MIN_INTERVAL_S:g} s or more"
        )
    return seconds
