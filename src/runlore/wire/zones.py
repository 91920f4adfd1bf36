"""What `now` and local time are to whoever asks a query, sent to where it is answered.

A zone is sent as its offsets from UTC and when they change, not by its name: the other machine need not know the name,
nor have the same edition of the rules, and "local time" has no name at all. Offsets are told for 1970 to 2099; before
and after that the nearest one holds.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runlore.query.values import Clock
from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST, _LAST = 0, 4_102_444_800  # 1970 and 2100, in seconds UTC
_STEP_S = 14 * 86_400
"""Offsets never change twice within so long; where they do, as in a Ramadan of Morocco, both are found by halving."""

_MOST_CHANGES = 2_000
_DAY_S = 86_400
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - local times are compared with it


class Offsets(dt.tzinfo):
    """A zone made of offsets.

    Args:
        first: offset before the first change, in seconds east of UTC.
        changes: (when, in seconds UTC; offset from then on), in order.
    """

    def __init__(self, first: int, changes: tuple[tuple[int, int], ...] = ()) -> None:
        self._offsets = [first, *(offset for _, offset in changes)]
        self._times = [moment for moment, _ in changes]

    def __reduce__(self) -> tuple[Any, ...]:
        return Offsets, (self._offsets[0], tuple(zip(self._times, self._offsets[1:], strict=True)))

    def _at(self, utc_s: float) -> int:
        return self._offsets[bisect_right(self._times, utc_s)]

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta | None:
        """The offset at a local time. Of two that it could mean, `fold` says which; one that there was not is read
        with the offset before the gap, or, with `fold`, after it."""  # noqa: D205, D209 - one thought
        if moment is None:
            return None
        local_s = (moment.replace(tzinfo=None) - _EPOCH).total_seconds()
        before, after = self._at(local_s - self._offsets[0] - _DAY_S), self._at(local_s - self._offsets[0] + _DAY_S)
        meant = [offset for offset in (before, after) if self._at(local_s - offset) == offset]
        if meant:
            return dt.timedelta(seconds=min(meant) if moment.fold else max(meant))
        return dt.timedelta(seconds=after if moment.fold else before)

    def dst(self, moment: dt.datetime | None) -> dt.timedelta | None:  # noqa: ARG002 - as `tzinfo` has it
        """Not known."""
        return None

    def tzname(self, moment: dt.datetime | None) -> str | None:  # noqa: ARG002 - as `tzinfo` has it
        """It has none."""
        return None

    def fromutc(self, moment: dt.datetime) -> dt.datetime:
        """The local time at a time in UTC."""
        utc_s = (moment.replace(tzinfo=None) - _EPOCH).total_seconds()
        place = bisect_right(self._times, utc_s)
        offset = self._offsets[place]
        folded = place > 0 and utc_s - self._times[place - 1] < self._offsets[place - 1] - offset
        return (moment + dt.timedelta(seconds=offset)).replace(fold=1 if folded else 0)


def pack_clock(clock: Clock) -> dict[str, Any]:
    """A clock; its zone as offsets."""
    return {"now_ns": clock.now_ns, "offsets": _offsets_of(clock.zone)}


def unpack_clock(value: Any) -> Clock:
    """What `pack_clock` gave.

    Raises:
        Garbled: it is none.
    """
    now_ns = expect(expect(value, dict, "the clock").get("now_ns"), int, "now_ns")
    offsets = expect(value.get("offsets"), list, "offsets")
    if not -(2**63) <= now_ns < 2**63 or not offsets or len(offsets) > _MOST_CHANGES:
        raise Garbled("the clock should have the time in ns and the offsets of its zone")
    first = _offset(offsets[0])
    changes = []
    for change in offsets[1:]:
        if len(expect(change, list, "a change of the zone")) != 2:
            raise Garbled("a change of the zone should have a time and an offset")
        changes.append((expect(change[0], int, "a time"), _offset(change[1])))
    if changes != sorted(changes):
        raise Garbled("the changes of the zone should be in order")
    return Clock(now_ns, dt.timezone(dt.timedelta(seconds=first)) if not changes else Offsets(first, tuple(changes)))


def _offset(value: Any) -> int:
    if not -_DAY_S < expect(value, int, "an offset") < _DAY_S:
        raise Garbled(f"an offset of {value} seconds is more than a day")
    return int(value)


def _offsets_of(zone: dt.tzinfo | None) -> list[Any]:
    if zone is None:
        return _local_offsets((os.environ.get("TZ"), time.tzname, time.timezone, time.altzone))
    if isinstance(zone, dt.timezone):
        return [_seconds(zone.utcoffset(None))]
    try:
        return _zone_offsets(zone)
    except TypeError:  # it cannot be hashed
        return _changes(lambda utc_s: _seconds(_moment(utc_s).astimezone(zone).utcoffset()))


@lru_cache(8)
def _local_offsets(setting: object) -> list[Any]:  # noqa: ARG001 - what the result depends on
    return _changes(lambda utc_s: time.localtime(utc_s).tm_gmtoff)


@lru_cache(8)
def _zone_offsets(zone: dt.tzinfo) -> list[Any]:
    return _changes(lambda utc_s: _seconds(_moment(utc_s).astimezone(zone).utcoffset()))


def _changes(offset_at: Callable[[int], int]) -> list[Any]:
    """The offset at the beginning, and each change: found by steps, then by halving."""
    found: list[Any] = [offset_at(_FIRST)]
    offset = found[0]
    for start in range(_FIRST, _LAST, _STEP_S):
        low, high = start, start + _STEP_S
        then = offset_at(high)
        if then == offset:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if offset_at(middle) == offset:
                low = middle
            else:
                high = middle
        found.append([high, then])
        offset = then
    return found


def _moment(utc_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(utc_s, dt.timezone.utc)


def _seconds(offset: dt.timedelta | None) -> int:
    return 0 if offset is None else round(offset.total_seconds())
