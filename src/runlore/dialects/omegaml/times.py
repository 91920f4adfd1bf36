"""Bounds in time as omega-ml's users write them: `'1h'`, `'-2w'`, `'-0y'`, timedeltas, datetimes and dates."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from runlore.errors import InvalidArgument

_RELATIVE = re.compile(r"([+-]?)(\d+(?:\.\d+)?)\s*([smhdwnMqy])").fullmatch
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}").fullmatch
_SECONDS = {
    "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "n": 30 * 86_400, "M": 30 * 86_400, "q": 90 * 86_400,
    "y": 365 * 86_400,
}  # fmt: skip


def time_bound(value: Any, argument: str, now: datetime | None = None) -> Any:
    """A bound as `Experiment.data(since=, until=)` takes it; None stays None.

    A relative bound without a sign goes back in time for `since` and forth for `end`; a sign always means what it says.
    Units: s, m, h, d, w, n or M (30 days), q (90 days), y (365 days). `-0y` is the first moment of this year, `+0y` the
    last one. A naive datetime is UTC. A date as `end` includes the whole day.

    Args:
        value: what the user gave.
        argument: `since` or `end`.
        now: the time to start from.

    Raises:
        InvalidArgument: it is no time.

    Example:
        >>> noon = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
        >>> [time_bound(text, "end", noon).hour for text in ("2h", "+2h", "-2h")], time_bound("2h", "since", noon).hour
        ([14, 14, 10], 10)
        >>> time_bound("-0y", "since", noon).isoformat()
        '2026-01-01T00:00:00+00:00'
    """
    now = now or datetime.now(timezone.utc)
    if isinstance(value, timedelta):
        return now - abs(value) if argument == "since" else now + value
    if not isinstance(value, str):
        return value
    found = _RELATIVE(value.strip())
    if found is None:
        return _parsed(value, argument)
    sign, number, unit = found.groups()
    forth = sign == "+" or (not sign and argument == "end")
    if unit == "y" and float(number) == 0:
        first = now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        return first.replace(year=now.year + 1) - timedelta(microseconds=1) if forth else first
    try:
        span = timedelta(seconds=float(number) * _SECONDS[unit])
        return now + span if forth else now - span
    except OverflowError as error:
        raise InvalidArgument(f"{argument}={value!r} is further away than dates reach") from error


def _parsed(value: str, argument: str) -> Any:
    """A date in words, as pandas reads it; as `end`, a date without a time is its last moment."""
    import pandas as pd

    stamp = pd.to_datetime(value, errors="coerce")
    if stamp is pd.NaT:
        raise InvalidArgument(
            f"{argument}={value!r} must be a datetime, a timedelta, a date such as '2026-11-01', or a span such as "
            "'2h' (units s, m, h, d, w, n, q, y)"
        )
    whole_day = argument == "end" and _DATE(value.strip())
    return stamp + pd.Timedelta(days=1) - pd.Timedelta(1, "ns") if whole_day else stamp
