"""Numbers, times, durations and sizes as people read them, and text that cannot control a terminal."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timezone
from time import time
from typing import Any

_UNSEEN = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
"""Beside the controls of ASCII: those of ISO 8859, what turns the direction of text, and what is no character."""

_CONTROL = re.compile(f"[\x00-\x1f{_UNSEEN}]")
_IN_JSON = re.compile(f"[{_UNSEEN}]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")


def printable(text: str) -> str:
    """The text on one line, with control characters written out: what is stored must not move the cursor.

    Example:
        >>> print(printable("a" + chr(10) + "b" + chr(27) + "[31m"))
        a\\nb\\x1b[31m
    """
    return _CONTROL.sub(lambda found: repr(found.group())[1:-1], text) if _CONTROL.search(text) else text


def lines(text: str) -> str:
    """As `printable`, but the lines of the text stay lines: for what people wrote in several."""
    return "\n".join(map(printable, text.replace("\r\n", "\n").removesuffix("\n").split("\n")))


def printable_json(text: str, *, ascii_only: bool) -> str:
    """A JSON document whose strings cannot control a terminal either, with `\\u` escapes where needed.

    Example:
        >>> print(printable_json('{"a": "' + chr(0x9B) + '2J…"}', ascii_only=False))
        {"a": "\\u009b2J…"}
    """
    escaped = _IN_JSON.sub(_escape, text)
    return escaped if not ascii_only or escaped.isascii() else _NOT_ASCII.sub(_escape, escaped)


def _escape(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def number(value: float) -> str:
    """A number with six significant digits; integers as they are.

    Example:
        >>> number(0.123456789), number(3.0), number(float("nan"))
        ('0.123457', '3', 'nan')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def metric(key: str, amount: float) -> str:
    """A metric's value; bytes of hardware metrics as sizes."""
    if key.startswith("system/") and key.endswith("_bytes") and math.isfinite(amount):
        return size(int(amount))
    return number(amount)


def value(item: Any) -> str:
    """Anything that a run can hold, on one line."""
    if item is None:
        return ""
    if isinstance(item, str):
        return printable(item)
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, (int, float)):
        return number(item)
    from runlore.plain import to_json

    return printable(json.dumps(to_json(item), ensure_ascii=False))


def time_ns(time: str) -> int:
    """A time as records have it, ISO 8601 with nine digits after the second, in ns.

    Example:
        >>> time_ns("2023-11-14T22:13:20.123456789Z")
        1700000000123456789
    """
    seconds = datetime.strptime(time[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(time[20:29])


def local_time(time_ns: int | None, *, fraction: bool = False) -> str:
    """A time in ns in the local time zone, `2026-01-02 03:04:05`; empty for None."""
    if time_ns is None:
        return ""
    moment = datetime.fromtimestamp(time_ns / 1e9).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{time_ns // 1_000_000 % 1000:03d}" if fraction else "")


def ago(time_ns: int | None) -> str:
    """How long ago a time was, roughly: `just now`, `5 min ago`, `3 days ago`."""
    if time_ns is None:
        return ""
    seconds = time() - time_ns / 1e9
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """A duration in its two largest units.

    Example:
        >>> duration(0.0123), duration(3.21), duration(65), duration(90061)
        ('12 ms', '3.2 s', '1 min 5 s', '25 h 1 min')
    """
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(0, seconds) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: int | None) -> str:
    """A number of bytes.

    Example:
        >>> size(0), size(999), size(1500), size(5_300_000)
        ('0 B', '999 B', '1.5 kB', '5.3 MB')
    """
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def plural(count: int, word: str) -> str:
    """A count with its noun.

    Example:
        >>> plural(1, "run"), plural(1200, "run")
        ('1 run', '1,200 runs')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def step(number_or_none: float | None) -> str:
    """A step; empty for none."""
    return "" if number_or_none is None or math.isnan(number_or_none) else f"{number_or_none:.15g}"
