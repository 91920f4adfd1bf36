"""Literals: numbers, durations and times."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import InvalidArgument
from runlore.query.values import (
    UNITS_NS,
    Clock,
    Span,
    duration_ns,
    number,
    to_duration_ns,
    to_flag,
    to_integer,
    to_number,
    to_text,
    to_time,
)

S = 10**9
UTC = dt.timezone.utc


def ns(*when, zone=UTC):
    return int(dt.datetime(*when, tzinfo=zone).timestamp()) * S


NOW = ns(2026, 11, 20, 15, 30)
CLOCK = Clock(NOW, UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m", 60),
        ("1min", 60),
        ("2h30m", 9000),
        ("2h 30m", 9000),
        ("1.5d", 129_600),
        ("1 w", 604_800),
        ("1mo", 30 * 86_400),
        ("1Y", 365 * 86_400),
        ("-7d", -7 * 86_400),
        ("+1h", 3600),
        ("250ms", 0.25),
    ],
)
def test_durations(text, seconds):
    assert duration_ns(text) == round(seconds * S)


@pytest.mark.parametrize("text", ["", "7", "d", "7 apples", "7d8", "--7d", "7d-", "1e3s", "7d" * 60, "٣d"])
def test_what_is_no_duration(text):
    assert duration_ns(text) is None


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS_NS)))
def test_a_duration_is_its_number_of_units(amount, unit):
    assert duration_ns(f"{amount}{unit}") == amount * UNITS_NS[unit]


def test_durations_of_other_types():
    assert (
        to_duration_ns(90) == to_duration_ns("90") == to_duration_ns("90s") == to_duration_ns(dt.timedelta(seconds=90))
    )
    assert to_duration_ns(0.5) == S // 2
    assert to_duration_ns(math.inf) == 2**63 - 1
    assert to_duration_ns("9" * 30 + "y") == 2**63 - 1
    for value in (True, "x", math.nan, dt.datetime.now(UTC)):
        with pytest.raises(InvalidArgument, match="not a duration"):
            to_duration_ns(value)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-01T12:34:56Z", ns(2026, 11, 1, 12, 34, 56)),
        ("2026-11-01 12:34", ns(2026, 11, 1, 12, 34)),
        ("2026-11-01T12:34:56+02:00", ns(2026, 11, 1, 10, 34, 56)),
        ("2026-11-01T12:34:56 -0530", ns(2026, 11, 1, 18, 4, 56)),
        ("2026-11-01T12:34:56.123456789Z", ns(2026, 11, 1, 12, 34, 56) + 123_456_789),
        ("2026-11-01T12:34:56.5z", ns(2026, 11, 1, 12, 34, 56) + S // 2),
        ("1969-12-31T23:59:59Z", -S),
        ("now", NOW),
        ("-7d", NOW - 7 * 86_400 * S),
        ("+1h", NOW + 3600 * S),
        ("1700000000", 1_700_000_000 * S),
        ("1700000000123", 1_700_000_000_123 * 10**6),
        ("1700000000123456", 1_700_000_000_123_456 * 10**3),
        ("1700000000123456789", 1_700_000_000_123_456_789),
    ],
)
def test_instants(text, when):
    assert to_time(text, CLOCK) == Span(when, when + 1)


def test_days_are_whole_in_the_zone_of_the_clock():
    assert to_time("2026-11-01", CLOCK) == Span(ns(2026, 11, 1), ns(2026, 11, 2))
    assert to_time("today", CLOCK) == Span(ns(2026, 11, 20), ns(2026, 11, 21))
    assert to_time("Yesterday", CLOCK) == Span(ns(2026, 11, 19), ns(2026, 11, 20))
    assert to_time("tomorrow", CLOCK) == Span(ns(2026, 11, 21), ns(2026, 11, 22))
    tokyo = ZoneInfo("Asia/Tokyo")
    late = Clock(ns(2026, 11, 20, 23, 0), tokyo)
    assert to_time("today", late).start_ns == ns(2026, 11, 21, zone=tokyo)
    assert to_time("2026-11-01T12:00", late).start_ns == ns(2026, 11, 1, 3)


def test_a_day_on_which_clocks_change_has_its_own_length():
    berlin = Clock(NOW, ZoneInfo("Europe/Berlin"))
    spring, autumn = to_time("2026-03-29", berlin), to_time("2026-10-25", berlin)
    assert spring.end_ns - spring.start_ns == 23 * 3600 * S
    assert autumn.end_ns - autumn.start_ns == 25 * 3600 * S


def test_local_time_unless_told_otherwise():
    naive = dt.datetime(2026, 6, 1, 12, 0)
    local = int(naive.astimezone().timestamp()) * S
    assert to_time("2026-06-01T12:00", Clock(NOW)).start_ns == local
    assert to_time(naive, Clock(NOW)).start_ns == local
    assert to_time(naive.replace(tzinfo=UTC), Clock(NOW)).start_ns == ns(2026, 6, 1, 12)


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "2026-02-30", "2026-11-01T25:00", "2026-11-01T12", "26-11-01", "7d", "0000-01-01", "nan"),
        *("2026-11-01T12:00+99:00", True, math.nan, dt.timedelta(1)),
    ],
)
def test_what_is_no_time(value):
    with pytest.raises(InvalidArgument):
        to_time(value, CLOCK)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59Z", "2300-01-01", "9999-12-31T23:59:59-12:00"])
def test_times_beyond_int64_are_the_last_instant(text):
    assert to_time(text, CLOCK).start_ns == 2**63 - 1


def test_numbers():
    assert number("9007199254740993") == 9007199254740993
    assert isinstance(number("1.0"), float)
    assert number("1e999") == math.inf
    assert math.isnan(number("NaN"))
    for text in ("", "1_000", "0x10", "1e", "٣", "1 2", "+-1", "infinit"):
        assert number(text) is None
    assert to_number(10**400) == math.inf
    assert to_number("-inf") == -math.inf
    assert to_integer(2**70) == float(2**70)
    assert to_integer(" 7 ") == 7


def test_flags_and_texts():
    assert to_flag("TRUE") is to_flag(1) is to_flag(True) is True
    assert to_flag("0") is to_flag(0.0) is False
    for value in ("maybe", 2, math.nan, "1.5"):
        with pytest.raises(InvalidArgument, match="neither"):
            to_flag(value)
    assert (to_text(True), to_text(1.5), to_text("x")) == ("true", "1.5", "x")
    for value in ("a\0", "\ud800", dt.timedelta(1)):
        with pytest.raises(InvalidArgument):
            to_text(value)
