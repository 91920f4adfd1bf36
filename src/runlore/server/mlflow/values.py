"""What MLflow's clients may log: keys, metrics, params, tags; limits of a batch. Checked before anything is stored."""

from __future__ import annotations

import json
import posixpath
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.server.mlflow.message import Message, MlflowError, invalid, number, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_KEY = 250
MAX_PARAM, MAX_TAG = 6_000, 8_000
MAX_METRICS, MAX_PARAMS, MAX_TAGS, MAX_ALL = 1_000, 100, 100, 1_000
MAX_BATCH_BYTES = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MOST_MS = (1 << 63) // 1_000_000 - 1


class Point(NamedTuple):
    """One point of a metric, as it is recorded."""

    key: str
    value: float
    step: int
    time: datetime | None


def check_key(key: Any, what: str, path: str = "key") -> str:
    """A name of a metric, param or tag. Any characters are fine, as long as it cannot be taken for a path elsewhere.

    Raises:
        MlflowError: it is none.
    """
    if key is not None and not isinstance(key, str):
        raise invalid(path, key, "should be text")
    if not key:
        raise MlflowError(f"Missing value for required parameter '{path}'. {what} name cannot be None or empty.")
    if _is_plain(key):
        return key
    if len(key) > MAX_KEY:
        called = _CALLED.get(what, path)
        raise MlflowError(f"'{called}' exceeds the maximum length of {MAX_KEY} characters: {path} is {key[:100]!r}…")
    raise MlflowError(
        f"Invalid value {json.dumps(key)} for parameter '{path}' supplied: Names may be treated as files in certain "
        f"cases, and must not resolve to other names when treated as such. This name would resolve to "
        f"{posixpath.normpath(key)!r}"
    )


_CALLED = {"Metric": "Metric name", "Parameter": "Param key"}
"""What MLflow's messages call a key that is too long."""


@lru_cache(maxsize=1 << 16)
def _is_plain(key: str) -> bool:
    """Whether this can be a key. Clients send the same ones again and again."""
    odd = "\0" in key or key != posixpath.normpath(key) or key == "." or key.startswith(("/", ".."))
    return len(key) <= MAX_KEY and not odd


@lru_cache(maxsize=1_024)
def time_of(milliseconds: int) -> datetime | None:
    """A time in ms since 1970; 0: nobody said."""
    return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None


def ns_of(milliseconds: int) -> int:
    """A time in ms since 1970 in ns; 0: now."""
    return milliseconds * 1_000_000 if milliseconds else time_ns()


def read_point(fields: Any, path: str = "") -> Point:
    """One metric.

    Raises:
        MlflowError: it cannot be one.
    """
    if not isinstance(fields, dict):
        raise invalid(path or "metric", fields, "should be an object")
    key = check_key(fields.get("key"), "Metric", f"{path}key")
    for name in ("value", "timestamp"):
        if fields.get(name) is None:
            raise MlflowError(f"Missing value for required parameter '{path}{name}' of the metric {key[:100]!r}.")
    value = number(fields["value"])
    if value is None:
        raise invalid(f"{path}value", fields["value"], f"should be a number (metric {key[:100]!r})")
    moment = whole(fields["timestamp"])
    if moment is None or not 0 <= moment < _MOST_MS:
        why = f"should be ms since 1970, not negative (metric {key!r})"
        raise invalid(f"{path}timestamp", fields.get("timestamp"), why)
    step = whole(fields.get("step") or 0)
    if step is None or not -(1 << 63) <= step < 1 << 63:
        raise invalid(f"{path}step", fields.get("step"), f"should be a whole number (metric {key!r})")
    try:
        return Point(key, value, step, time_of(moment))
    except OverflowError:
        raise invalid(f"{path}timestamp", moment, "is beyond the year 9999") from None


def read_pair(message: Message, what: str, limit: int, path: str = "") -> tuple[str, str]:
    """A param or tag: its key, and its value, cut to what is kept of one.

    Raises:
        MlflowError: it cannot be one.
    """
    key = check_key(message.fields.get("key"), what, f"{path}key")
    value = message.text("value")
    return key, value[:limit]


def check_counts(metrics: Sequence[Any], params: Sequence[Any], tags: Sequence[Any]) -> None:
    """Refuse a batch that is too large.

    Raises:
        MlflowError: the reason.
    """
    for name, given, most in (
        ("metrics", metrics, MAX_METRICS), ("params", params, MAX_PARAMS), ("tags", tags, MAX_TAGS),
        ("metrics, params, and tags", [*metrics, *params, *tags], MAX_ALL),
    ):  # fmt: skip
        if len(given) > most:
            raise MlflowError(
                f"A batch logging request can contain at most {most} {name}. Got {len(given)} {name}. Please split up "
                f"{name} across multiple requests and try again."
            )
