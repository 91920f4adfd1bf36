"""Bounds in time, in every spelling."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from runlore.dialects.omegaml.times import time_bound

NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", dt.timedelta(seconds=30)), ("5m", dt.timedelta(minutes=5)), ("1.5h", dt.timedelta(minutes=90)),
        ("2d", dt.timedelta(days=2)), ("1w", dt.timedelta(days=7)), ("1n", dt.timedelta(days=30)),
        ("2M", dt.timedelta(days=60)), ("1q", dt.timedelta(days=90)), ("1y", dt.timedelta(days=365)),
    ],
)  # fmt: skip
def test_spans_look_back_or_ahead(text, span):
    assert time_bound(text, "since", NOON) == time_bound(f"-{text}", "end", NOON) == NOON - span
    assert time_bound(text, "end", NOON) == time_bound(f"+{text}", "since", NOON) == NOON + span


def test_this_year():
    assert time_bound("-0y", "end", NOON) == time_bound("0y", "since", NOON) == NOON.replace(month=1, day=1, hour=0)
    last = time_bound("+0y", "since", NOON)
    assert (last.month, last.day, last.hour, last.microsecond) == (12, 31, 23, 999_999)
    assert time_bound("0y", "end", NOON) == last


def test_timedeltas_and_datetimes():
    hour = dt.timedelta(hours=1)
    assert time_bound(hour, "since", NOON) == time_bound(-hour, "since", NOON) == NOON - hour
    assert time_bound(hour, "end", NOON) == NOON + hour
    assert time_bound(-hour, "end", NOON) == NOON - hour
    assert time_bound(NOON, "since") is NOON
    assert time_bound(None, "end") is None


def test_dates_in_words():
    assert time_bound("2026-05-04", "since").isoformat() == "2026-05-04T00:00:00"
    assert time_bound("2026-05-04", "end") >= pd.Timestamp("2026-05-04T23:59:59.999")
    assert time_bound("2026-05-04T12:30:00", "since") == pd.Timestamp("2026-05-04T12:30:00")
    assert time_bound("4 May 2026", "since") == pd.Timestamp("2026-05-04")


@pytest.mark.parametrize("text", ["soon", "1x", "h", "9999999999y", ""])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="since="):
        time_bound(text, "since")
