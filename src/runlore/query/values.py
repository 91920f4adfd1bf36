"""Literals: how numbers, durations and times are read, and how a value becomes what a field's column holds.

Durations are a number and a unit, or several: `90s`, `2h30m`, `1.5d`. Times are ISO dates, `today`, `yesterday`, `now`,
or a duration before or after now: `-7d`, `+1h`. Without a zone they are local. Nothing here evaluates anything.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument
from runlore.query.fields import Kind, check_text

if TYPE_CHECKING:
    from runlore.query.expression import Value

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?").fullmatch
_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch
_NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE).fullmatch
_DURATION = re.compile(r"([+-])?((?:[0-9]+(?:\.[0-9]+)?\s*[a-zµ]+\s*)+)", re.IGNORECASE).fullmatch
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]+)", re.IGNORECASE)
_DATE = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII | re.IGNORECASE,
).fullmatch

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
UNITS_NS: dict[str, int] = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": _SECOND,
    "sec": _SECOND,
    "m": 60 * _SECOND,
    "min": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": _DAY,
    "w": 7 * _DAY,
    "mo": 30 * _DAY,
    "y": 365 * _DAY,
}
"""Units of durations. A month is 30 days and a year 365."""

MAX_NUMBER_LENGTH = 400
_TIME_HINT = "write '-7d', 'today', '2026-11-01' or '2026-11-01T12:00Z'"
_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Clock:
    """What `now` and times without a zone mean.

    Attributes:
        now_ns: ns since 1970 UTC.
        zone: None for the local zone of this machine.
    """

    now_ns: int = field(default_factory=time_ns)
    zone: dt.tzinfo | None = None

    def midnight(self, days: int = 0) -> dt.datetime:
        """The first instant of today in the zone, or of another day counted from it."""
        today = dt.datetime.fromtimestamp(self.now_ns // _SECOND, dt.timezone.utc).astimezone(self.zone).date()
        return self.localize(dt.datetime.combine(today + dt.timedelta(days=days), dt.time()))

    def localize(self, moment: dt.datetime) -> dt.datetime:
        """The moment with a zone."""
        if moment.tzinfo is not None:
            return moment
        return moment.replace(tzinfo=self.zone) if self.zone is not None else moment.astimezone()


@dataclass(frozen=True, slots=True)
class Span:
    """A time as a query means it, `[start, end)` in ns: one instant, or a whole day where it was named by a date."""

    start_ns: int
    end_ns: int


def number(text: str) -> int | float | None:
    """The number that the text is, exactly for integers, or None when it is not one.

    Raises:
        InvalidArgument: it has more than 400 digits.

    Example:
        >>> number("9007199254740993"), number("-1e-3"), number("inf"), number("12 monkeys")
        (9007199254740993, -0.001, inf, None)
    """
    if _NUMBER(text):
        if len(text) > MAX_NUMBER_LENGTH:
            raise InvalidArgument(f"a number of {len(text):,} characters; at most {MAX_NUMBER_LENGTH} are possible")
        return int(text) if _INTEGER(text) else float(text)
    return float(text) if _NOT_FINITE(text) else None


def as_float(value: float) -> float:
    """The nearest float64; ±inf beyond its range.

    Example:
        >>> as_float(10**400)
        inf
    """
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def literal(text: str) -> bool | int | float | str:
    """An unquoted word as a value: true, false, a number, or else the text itself."""
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    value = number(text)
    return text if value is None else value


def duration_ns(text: str) -> int | None:
    """A duration such as `2h30m` or `-7 d` in ns, or None when the text is not one.

    Example:
        >>> duration_ns("2h30m") // 10**9, duration_ns("1.5 s"), duration_ns("5 apples")
        (9000, 1500000000, None)
    """
    found = _DURATION(text.strip()) if len(text) <= 100 else None
    if found is None:
        return None
    total = 0
    for amount, unit in _DURATION_PART.findall(found.group(2)):
        scale = UNITS_NS.get(unit.lower())
        if scale is None:
            return None
        whole, _, fraction = amount.partition(".")
        total += int(whole) * scale + int(fraction or 0) * scale // 10 ** len(fraction)
    return -total if found.group(1) == "-" else total


def to_duration_ns(value: Value) -> int:
    """A value as a duration: numbers are seconds.

    Raises:
        InvalidArgument: it is not a duration.
    """
    if isinstance(value, dt.timedelta):
        return _clamp((value.days * 86_400 + value.seconds) * _SECOND + value.microseconds * 1_000)
    if isinstance(value, str):
        read = duration_ns(value)
        if read is not None:
            return _clamp(read)
        seconds = number(value.strip())
    else:
        seconds = None if isinstance(value, (bool, dt.datetime)) else value
    if seconds is None or math.isnan(as_float(seconds)):
        raise InvalidArgument(f"{_short(value)} is not a duration; write one as 90s, 2h30m, 1.5d or seconds")
    return _scaled(seconds, _SECOND)


def to_time(value: Value, clock: Clock) -> Span:
    """A value as a time.

    Numbers are s, ms, µs or ns since 1970 UTC, told apart by their size (as wide as the years 1973 to 5138).

    Raises:
        InvalidArgument: it is not a time.
    """
    if isinstance(value, dt.datetime):
        try:
            return _instant(_datetime_ns(clock.localize(value)))
        except (ValueError, OverflowError) as error:
            raise InvalidArgument(f"{value!r} is outside of what local time can express: {error}") from error
    if isinstance(value, (bool, dt.timedelta)):
        raise InvalidArgument(f"{_short(value)} is not a time; {_TIME_HINT}")
    if isinstance(value, str):
        return _text_to_time(value.strip(), clock)
    return _epoch(value)


def to_integer(value: Value) -> int | float:
    """A value as a number for an integer column: floats stay as they are, text is read.

    Raises:
        InvalidArgument: it is not a number.
    """
    read = number(value.strip()) if isinstance(value, str) else value
    if read is None or isinstance(read, (bool, dt.datetime, dt.timedelta)):
        raise InvalidArgument(f"{_short(value)} is not a number")
    return as_float(read) if isinstance(read, int) and abs(read) > _INT64 else read


def to_number(value: Value) -> float:
    """A value as float64, as metrics are.

    Raises:
        InvalidArgument: it is not a number.
    """
    if isinstance(value, str):
        read = number(value.strip())
        if read is not None:
            return as_float(read)
    elif not isinstance(value, (bool, dt.datetime, dt.timedelta)):
        return as_float(value)
    raise InvalidArgument(f"{_short(value)} is not a number; metrics are compared with numbers, inf or nan")


def to_flag(value: Value) -> bool:
    """A value as true or false; 1 and 0 count.

    Raises:
        InvalidArgument: it is neither.
    """
    read = literal(value.strip()) if isinstance(value, str) else value
    if not isinstance(read, (bool, int, float)) or read not in (0, 1):
        raise InvalidArgument(f"{_short(value)} is neither true nor false")
    return bool(read)


def to_text(value: Value) -> str:
    """A value as text: true and false in lower case, numbers as Python writes them.

    Raises:
        InvalidArgument: it is a time or a duration, or text that cannot be stored.
    """
    if isinstance(value, str):
        return check_text(value)
    if isinstance(value, (dt.datetime, dt.timedelta)):
        raise InvalidArgument(f"{_short(value)} is compared with text; give text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_value(kind: Kind, value: Value, clock: Clock) -> None:
    """Refuse a value that a field of this kind cannot be compared with.

    Raises:
        InvalidArgument: the reason.
    """
    if kind is Kind.TIME:
        to_time(value, clock)
    elif kind is Kind.ANY:
        if isinstance(value, str):
            check_text(value)
        elif isinstance(value, (dt.datetime, dt.timedelta)):
            raise InvalidArgument(f"{_short(value)}: params are numbers, text, true or false")
    else:
        {
            Kind.TEXT: to_text,
            Kind.INTEGER: to_integer,
            Kind.NUMBER: to_number,
            Kind.DURATION: to_duration_ns,
            Kind.FLAG: to_flag,
        }[kind](value)


def _text_to_time(text: str, clock: Clock) -> Span:
    lowered = text.lower()
    if lowered == "now":
        return _instant(clock.now_ns)
    if lowered in ("today", "yesterday", "tomorrow"):
        day = {"yesterday": -1, "today": 0, "tomorrow": 1}[lowered]
        return Span(_datetime_ns(clock.midnight(day)), _datetime_ns(clock.midnight(day + 1)))
    found = _DATE(text)
    if found:
        return _date_to_time(found, clock)
    offset = duration_ns(text)
    if offset is not None:
        if text[0] not in "+-":
            raise InvalidArgument(f"{text!r} is a duration; write '-{text}' for the time that long ago")
        return _instant(clock.now_ns + offset)
    seconds = number(text)
    if seconds is not None:
        return _epoch(seconds)
    raise InvalidArgument(f"{_short(text)} is not a time; {_TIME_HINT}")


def _date_to_time(found: re.Match[str], clock: Clock) -> Span:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        date = dt.datetime(int(year), int(month), int(day))  # noqa: DTZ001 - localize() gives it its zone
        if hour is None:
            if date.date() == dt.date.max:
                return Span(_INT64, _INT64)
            following = date + dt.timedelta(days=1)
            start, end = _datetime_ns(clock.localize(date)), _datetime_ns(clock.localize(following))
            return Span(_clamp(start), _clamp(end))
        moment = date.replace(hour=int(hour), minute=int(minute), second=int(second or 0))
        if zone:
            moment = moment.replace(tzinfo=_zone(zone))
        return _instant(_datetime_ns(clock.localize(moment)) + int((fraction or "0").ljust(9, "0")))
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{found.group()!r} is not a date: {error}") from error


def _zone(text: str) -> dt.timezone:
    if text in "Zz":
        return dt.timezone.utc
    digits = text[1:].replace(":", "")
    offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return dt.timezone(-offset if text[0] == "-" else offset)


def _datetime_ns(moment: dt.datetime) -> int:
    difference = moment - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return (difference.days * 86_400 + difference.seconds) * _SECOND + difference.microseconds * 1_000


def _epoch(value: float) -> Span:
    if math.isnan(as_float(value)):
        raise InvalidArgument("nan is not a time")
    size = abs(value)
    scale = _SECOND if size < 1e11 else 1_000_000 if size < 1e14 else 1_000 if size < 1e17 else 1
    return _instant(_scaled(value, scale))


def _scaled(value: float, scale: int) -> int:
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return _INT64 if value > 0 else -_INT64
    return _clamp(value * scale if isinstance(value, int) else round(value * scale))


def _instant(time: int) -> Span:
    clamped = _clamp(time)
    return Span(clamped, clamped + 1 if clamped < _INT64 else clamped)


def _clamp(value: int) -> int:
    return max(-_INT64, min(_INT64, value))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def is_nan(value: float) -> bool:
    """Whether a number is NaN; big integers are not."""
    return isinstance(value, float) and math.isnan(value)
