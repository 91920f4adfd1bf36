"""What may be logged as a number or as JSON: conversion of users' values, with errors that name the argument."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.journal.format import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


MAX_JSON_BYTES = MAX_PAYLOAD_BYTES
"""What an event may take as JSON."""

_MAX_NESTING = 100


def shown(value: object) -> str:
    """The value as messages show it: its `repr`, cut to a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def number_of(key: object, value: Any) -> float:
    """The value of a metric as float64.

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
        try:
            value = item()
        except (ValueError, RuntimeError, TypeError) as error:
            raise InvalidArgument(
                f"metric {key!r}: a value of type {type(value).__name__} must hold one number: {error}"
            ) from error
        if isinstance(value, (str, bytes)):
            raise WrongType(f"metric {key!r}: value={shown(value)} is text, not a number; convert it, or use log_param")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidArgument(f"metric {key!r}: the integer is larger than a float64 can be; use log_param") from error
    except (TypeError, ValueError) as error:
        raise WrongType(
            f"metric {key!r}: value={shown(value)} of type {type(value).__name__} is not a number"
        ) from error


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


def flatten(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one level, keys joined with `/`. Empty inner mappings vanish.

    Raises:
        WrongType: a key is not a string, or a number that can be read as one.

    Example:
        >>> flatten({"train": {"loss": 1.0}, "lr": 0.1})
        {'train/loss': 1.0, 'lr': 0.1}
    """
    flat: dict[str, Any] = {}
    pending = [(prefix, iter(values.items()))]
    while pending:
        base, items = pending[-1]
        for key, value in items:
            if not isinstance(key, (str, int)):
                raise WrongType(f"key={shown(key)} must be a string, not {type(key).__name__}")
            name = f"{base}/{key}" if base else str(key)
            if hasattr(value, "items") and hasattr(value, "keys"):
                if len(pending) > _MAX_NESTING:
                    raise InvalidArgument(f"key={name[:40]!r}…: nested more than {_MAX_NESTING} levels deep")
                pending.append((name, iter(value.items())))
                break
            if name in flat:
                raise InvalidArgument(f"key={name!r} is given twice, once nested and once with '/'")
            flat[name] = value
        else:
            pending.pop()
    return flat


def _plain(value: Any) -> Any:
    """What JSON has no word for: NumPy values, dates, paths, sets. Called by the encoder for unknown types only."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "__fspath__"):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {str(key): value[key] for key in value.keys()}  # noqa: SIM118 - a mapping that is no dict
    if type(value).__module__ == "decimal":
        return float(value)
    enum_value = getattr(value, "value", None)
    if enum_value is not None and hasattr(value, "name"):
        return enum_value
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is not None:
        return {name: getattr(value, name) for name in fields}
    raise TypeError(f"a value of type {type(value).__name__} cannot be stored as JSON")


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
_encode_unicode = json.JSONEncoder(separators=(",", ":"), default=_plain, ensure_ascii=False).encode


def to_json(value: Any, argument: str) -> str:
    """The value as JSON text in ASCII. NaN and infinities keep their JavaScript names, integers every digit.

    NumPy scalars become numbers, arrays lists, dates ISO text, paths text, sets sorted lists, dataclasses objects.

    Raises:
        WrongType: it contains something that JSON cannot hold, for example bytes or an arbitrary object.
        InvalidArgument: it contains itself, or is nested too deeply.
    """
    return _encoded(_encode, value, argument)


def to_bytes(value: Any, argument: str) -> bytes:
    """As `to_json`, in UTF-8 that keeps lone surrogates as they are: every text comes back exactly.

    Raises:
        WrongType, InvalidArgument: as `to_json`.
    """
    return _encoded(_encode_unicode, value, argument).encode("utf-8", "surrogatepass")


def _encoded(encode: Callable[[Any], str], value: Any, argument: str) -> str:
    try:
        return encode(value)
    except (TypeError, UnicodeError) as error:
        raise WrongType(
            f"{argument} cannot be stored: {error}; give numbers, text, lists and mappings, or log it as an artifact"
        ) from error
    except (ValueError, RuntimeError) as error:
        raise InvalidArgument(f"{argument} cannot be stored: {error}") from error
