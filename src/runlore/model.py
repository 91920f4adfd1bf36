"""The words of the project as code: statuses, event kinds, uids, times. Standard library only, cheap to import.

Units everywhere: times are int nanoseconds since 1970 UTC, values float64, steps float64 or None.
"""

from __future__ import annotations

import os
import threading
from time import time_ns

RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
STOPPED = "stopped"
CRASHED = "crashed"
"""No stop event and no living writer. Never recorded: readers conclude it."""

TERMINAL = frozenset({SUCCEEDED, FAILED, STOPPED})
"""Statuses that end a run when they are recorded. The first one wins."""

START = "start"
STOP = "stop"
STATUS = "status"
METRIC = "metric"
PARAM = "param"
TAG = "tag"
NOTE = "note"
ARTIFACT = "artifact"
DATA = "data"
SYSTEM = "system"
LOG = "log"
SPAN = "span"
ALERT = "alert"
CARD = "card"
ATTRIBUTE = "attribute"
"""A run attribute that was set after the start: its name, its description."""
LOST = "lost"
"""How many records could not be kept, and why."""
RESUME = "resume"
DEFINITION = "definition"
"""How a metric is meant. Key: the metric; value: `{"x": …, "best": …}`; see `Run.define_metric`."""
UNSET = "unset"
"""A param or a data reference counts no longer. Key: its name; value: the kind, `param` or `data`."""

EVENT_KINDS = frozenset(
    {
        START,
        STOP,
        STATUS,
        METRIC,
        PARAM,
        TAG,
        NOTE,
        ARTIFACT,
        DATA,
        SYSTEM,
        LOG,
        SPAN,
        ALERT,
        CARD,
        ATTRIBUTE,
        DEFINITION,
        LOST,
        RESUME,
        UNSET,
    }
)
"""Kinds that Runlore gives a meaning to. `log_event` accepts any other name too."""

RESERVED_COLUMNS = frozenset({"experiment", "run", "step", "event", "key", "value", "dt", "node", "userid"})
"""Columns of `Experiment.data()`; an extra column may not have one of these names."""

_uid_lock = threading.Lock()
_last_uid = 0


def new_uid() -> str:
    """A UUIDv7 as 32 hexadecimal digits: sorts by time of creation, strictly increasing within a process.

    Example:
        >>> first, second = new_uid(), new_uid()
        >>> len(first), first < second
        (32, True)
    """
    global _last_uid  # noqa: PLW0603 - one counter a process is what makes uids strictly increasing
    random = int.from_bytes(os.urandom(8), "big")
    nanoseconds = time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    high = (milliseconds << 16) | 0x7000 | fraction
    uid = (high << 64) | (0b10 << 62) | (random & ((1 << 62) - 1))
    with _uid_lock:
        if uid <= _last_uid:
            uid = _last_uid + 1 + (random & 0xFFFF)
        _last_uid = uid
    return f"{uid:032x}"


def uid_time_ns(uid: str) -> int:
    """When the uid was made: nanoseconds UTC, rounded down to a quarter of a microsecond.

    0 where it does not say: somebody chose it, or its time is beyond what 64 bits hold (the year 2262).

    Example:
        >>> uid_time_ns("0192f0c1a2b47192b0c1a2b40192f0c1"), uid_time_ns("a" * 32)
        (1730616074932098144, 0)
    """
    number = int(uid, 16)
    time = (number >> 80) * 1_000_000 + ((number >> 64) & 0xFFF) * 1_000_000 // 4096
    return time if (number >> 76) & 0xF == 7 and time < 1 << 63 else 0


def _forget_after_fork() -> None:
    global _uid_lock  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    _uid_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
