"""What may be logged as a number or as JSON: conversion of users' values, with errors that name the argument."""

from __future__ import annotations

import json
import math

from runlore.errors import InvalidArgument, WrongType
from runlore.journal.format import MAX_PAYLOAD_BYTES
from runlore.journal.leaves import shown
from runlore.journal.plain import MAX_NESTING, entries_of, named, plain

MAX_JSON_BYTES = MAX_PAYLOAD_BYTES
"""What an event may take as JSON."""

_MOMENTS = ("m", "M")
_MAY_BE_MISSING = frozenset({"MaskedConstant", "MaskedArray", "NAType"})

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def number_of(key: object, value: Any) -> float:
    """The value of a metric as float64. What is missing (`np.ma.masked`, `pd.NA`) is NaN.

    Accepts int, float, bool, anything with `.item()` that holds one number (NumPy and torch scalars, arrays of size
    1), and anything with `__float__` that is not a string.

    Raises:
        WrongType: it is not a number.
        InvalidArgument: an integer that is larger than a float can be, an array of several elements.
    """
    if isinstance(value, (str, bytes, bytearray)):
        raise WrongType(f"metric {key!r}: value={shown(value)} is text, not a number; convert it, or use log_param")
    item = getattr(value, "item", None)
    if item is not None:
        number = _item(key, value, item)
        if number.__class__ is float:
            return float(number)
        value = number
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidArgument(f"metric {key!r}: the integer is larger than a float64 can be; use log_param") from error
    except (TypeError, ValueError) as error:
        if is_missing(value):
            return math.nan
        raise WrongType(
            f"metric {key!r}: value={shown(value)} of type {type(value).__name__} is not a number"
        ) from error


def _item(key: object, value: Any, item: Callable[[], Any]) -> Any:
    """The one number in an array or a scalar of NumPy, torch and their like."""
    if value.__class__.__name__ in _MAY_BE_MISSING and is_missing(value):
        return math.nan
    try:
        number = item()
    except (ValueError, RuntimeError, TypeError) as error:
        raise InvalidArgument(
            f"metric {key!r}: a value of type {type(value).__name__} must hold one number: {error}"
        ) from error
    if number.__class__ is not float:
        if getattr(getattr(value, "dtype", None), "kind", "") in _MOMENTS:
            raise WrongType(f"metric {key!r}: value={shown(value)} is a time; say in which unit it is a number")
        if isinstance(number, (str, bytes)):
            raise WrongType(
                f"metric {key!r}: value={shown(number)} is text, not a number; convert it, or use log_param"
            )
    return number


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none: all of it masked (`np.ma`), or `pd.NA`. NaN is a value."""
    name = value.__class__.__name__
    if name not in _MAY_BE_MISSING:
        return False
    return name == "NAType" or (value.size > 0 and bool(value.mask.all()))


def step_of(step: Any) -> float:
    """A step as float64; None is NaN, which is how "no step" is stored.

    Raises:
        WrongType: it is not a number.
        InvalidArgument: it is NaN, or an integer that is larger than a float can be.
    """
    if step is None:
        return math.nan
    if isinstance(step, (str, bytes, bytearray)):
        raise WrongType(f"step={shown(step)} is text; give an int, a float or None")
    if is_missing(step):
        raise InvalidArgument(f"step={shown(step)} is missing; leave it out, or give None, for a point without a step")
    try:
        number = float(step.item() if hasattr(step, "item") else step)
    except OverflowError as error:
        raise InvalidArgument("step: the integer is larger than a float64 can be") from error
    except (TypeError, ValueError) as error:
        raise WrongType(f"step={shown(step)} is not a number; give an int, a float or None") from error
    if number != number:  # noqa: PLR0124 - NaN is the only value that differs from itself
        raise InvalidArgument("step=nan is not a step; leave it out, or give None, for a point without a step")
    return number


def time_ns_of(time: Any) -> int:
    """A time as int nanoseconds since 1970 UTC.

    Accepts seconds since 1970 (int or float, as `time.time()` gives) and datetimes (naive ones are UTC).

    Raises:
        WrongType: it is neither.
        InvalidArgument: it is not finite or outside of the years 1678 to 2262, which int64 nanoseconds can hold.
    """
    if is_missing(time):
        raise InvalidArgument(f"time={shown(time)} is missing; leave it out for now")
    if hasattr(time, "timestamp") and hasattr(time, "tzinfo"):
        if time.tzinfo is None:
            from datetime import timezone

            time = time.replace(tzinfo=timezone.utc)
        if time != time:  # noqa: PLR0124 - pandas' NaT differs from itself
            raise InvalidArgument("time=NaT is not a time; give seconds since 1970 or a datetime")
        whole = time.replace(microsecond=0)
        nanoseconds = int(whole.timestamp()) * 1_000_000_000 + time.microsecond * 1000
        nanoseconds += int(getattr(time, "nanosecond", 0))
    elif isinstance(time, (int, float)) and not isinstance(time, bool):
        if isinstance(time, float) and not -1e10 < time < 1e10:  # NaN too
            raise InvalidArgument(f"time={shown(time)} is not a time; give seconds since 1970 or a datetime")
        whole_s = math.floor(time)
        nanoseconds = whole_s * 1_000_000_000 + round((time - whole_s) * 1e9)
    elif getattr(getattr(time, "dtype", None), "kind", "") == "M":
        nanoseconds = int(time.astype("datetime64[ns]").astype("int64"))
    elif hasattr(time, "item"):
        return time_ns_of(time.item())
    else:
        raise WrongType(f"time={shown(time)} of type {type(time).__name__} must be seconds since 1970 or a datetime")
    if not -(2**63) < nanoseconds < 2**63:
        raise InvalidArgument(
            f"time={shown(time)} is outside of the years 1678 to 2262; times are seconds since 1970, in UTC"
        )
    return int(nanoseconds)


def flatten(values: Any, prefix: str = "", *, argument: str = "params", keep_empty: bool = True) -> dict[str, Any]:
    """Nested mappings and settings as one level, keys joined with `/`; what is none of them stays as it is.

    Args:
        values: a mapping, or an object that is settings; see `runlore.journal.plain.entries_of`.
        prefix: before every key.
        argument: its name, for messages.
        keep_empty: an empty inner mapping stays, as a value; else it vanishes.

    Raises:
        WrongType: it is neither, or a key is no text.
        InvalidArgument: two keys would be one; it is nested too deeply, or contains itself.

    Example:
        >>> flatten({"train": {"loss": 1.0}, "lr": 0.1})
        {'train/loss': 1.0, 'lr': 0.1}
    """
    entries = top_entries(values)
    if entries is None:
        raise WrongType(f"{argument}={shown(values)} must be a mapping of names to values, not {type(values).__name__}")
    flat: dict[str, Any] = {}
    origins: dict[str, str] = {}
    pending = [(prefix, "", values, iter(named(entries, argument)))]
    while pending:
        base, origin, _, items = pending[-1]
        for text, key, value in items:
            name = f"{base}/{text}" if base else text
            path = f"{origin}[{shown(key)}]"
            inner = entries_of(value)
            if inner or (inner is not None and not keep_empty):
                _check_nesting(value, [outer for _, _, outer, _ in pending], name, argument)
                pending.append((name, path, value, iter(named(inner, argument, f"at {name[:80]}: "))))
                break
            if name in flat:
                raise InvalidArgument(
                    f"{argument}: {origins[name]} and {path} would both be {name!r}; rename one of them"
                )
            flat[name], origins[name] = ({} if inner is not None else value), path
        else:
            pending.pop()
    return flat


def top_entries(values: Any) -> list[tuple[Any, Any]] | None:
    """The entries of what is to be flattened: also of a Series of pandas, whose labels are names here."""
    entries = entries_of(values)
    if entries is None and callable(getattr(type(values), "items", None)):
        return list(values.items())
    return entries


def _check_nesting(value: Any, outer: list[Any], name: str, argument: str) -> None:
    if any(value is other for other in outer):
        raise InvalidArgument(f"{argument}: {name[:80]!r} contains itself")
    if len(outer) >= MAX_NESTING:
        raise InvalidArgument(f"{argument}: {name[:80]!r} is nested deeper than {MAX_NESTING} levels")


_encode = json.JSONEncoder(separators=(",", ":")).encode
_encode_unicode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def to_json(value: Any, argument: str) -> str:
    """The value as JSON text in ASCII, as `runlore.journal.plain` makes it. NaN and infinities keep their JavaScript
    names, integers every digit.

    Raises:
        WrongType: it contains something that JSON cannot hold, for example an arbitrary object.
        InvalidArgument: it contains itself, is nested too deeply, has an integer of too many digits, or two keys that
            would be one.
    """  # noqa: D205 - one sentence would say less
    return _encoded(_encode, plain(value, argument), argument)


def to_bytes(value: Any, argument: str) -> bytes:
    """As `to_json`, in UTF-8 that keeps lone surrogates as they are: every text comes back exactly.

    Raises:
        WrongType, InvalidArgument: as `to_json`.
    """
    return _encoded(_encode_unicode, plain(value, argument), argument).encode("utf-8", "surrogatepass")


def event_bytes(kind: str, key: str, value: Any, extra: Mapping[str, Any] | None) -> bytes:
    """The payload of an event: its kind, key, value and extra columns.

    Raises:
        WrongType, InvalidArgument: as `to_json`, of the value or of a column.
    """
    argument = f"{kind} {shown(key)}"
    fact: dict[str, Any] = {"e": kind, "k": key, "v": plain(value, argument)}
    if extra:
        fact["x"] = plain(dict(extra), f"{argument}: its columns")
    return _encoded(_encode_unicode, fact, argument).encode("utf-8", "surrogatepass")


def _encoded(encode: Callable[[Any], str], value: Any, argument: str) -> str:
    try:
        return encode(value)
    except ValueError as error:  # an integer, where the program has lowered Python's limit of digits
        raise InvalidArgument(f"{argument} cannot be stored: {error}") from error
