from __future__ import annotations

import json
import math
import pathlib
from collections import OrderedDict, UserDict
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum

import numpy as np
import pandas as pd
import pytest

from runlore.errors import InvalidArgument, WrongType
from runlore.journal.values import flatten, number_of, shown, step_of, time_ns_of, to_bytes, to_json


class Colour(Enum):
    RED = "red"


@dataclass
class Settings:
    lr: float
    layers: list


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(2**62), 2**62),
        (np.arange(3), [0, 1, 2]),
        (np.bool_(True), True),
        (datetime(2024, 1, 2, tzinfo=timezone.utc), "2024-01-02T00:00:00+00:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        ({3, 1, 2}, [1, 2, 3]),
        (Colour.RED, "red"),
        (Settings(0.1, [1]), {"lr": 0.1, "layers": [1]}),
        (UserDict(a=1), {"a": 1}),
        (OrderedDict(b=1), {"b": 1}),
        (Decimal("1.5"), 1.5),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        (2**200, 2**200),
        (float("inf"), float("inf")),
    ],
)
def test_what_json_can_hold(value, stored):
    assert json.loads(to_json(value, "x")) == stored
    assert json.loads(to_bytes(value, "x")) == stored


def test_text_in_ascii_and_in_utf8():
    assert to_json("é\ud800", "x") == '"\\u00e9\\ud800"'
    assert to_bytes("é\ud83d\ude00", "x").decode("utf-8", "surrogatepass") == '"é\ud83d\ude00"'


@pytest.mark.parametrize("value", [b"x", object(), {(1, 2): 3}, [iter([])]])
def test_what_json_cannot_hold(value):
    with pytest.raises(WrongType, match="param 'x' cannot be stored"):
        to_json(value, "param 'x'")


def test_times_that_are_none():
    for time in (float("nan"), pd.NaT, 2**70, 1e11, -1e11):
        with pytest.raises(InvalidArgument):
            time_ns_of(time)
    for time in ("2024", None, True, object(), [1]):
        with pytest.raises(WrongType):
            time_ns_of(time)


def test_times_of_libraries():
    moment = 1_704_067_200_123_456_789
    assert time_ns_of(pd.Timestamp(moment, tz="Europe/Berlin")) == moment
    assert time_ns_of(np.datetime64(moment, "ns")) == moment
    assert time_ns_of(np.float64(1.5)) == 1_500_000_000
    assert time_ns_of(datetime(1969, 12, 31, 23, 59, 59, 999_999)) == -1000


def test_numbers_and_steps():
    class Tensor:
        def item(self):
            return 0.25

    assert number_of("m", Tensor()) == step_of(Tensor()) == 0.25
    assert step_of(np.int64(3)) == 3.0
    assert step_of(None) != step_of(None)
    for value in (None, "1", b"1", np.str_("1"), [1.0], {}, 1j):
        with pytest.raises(WrongType, match="metric 'm'"):
            number_of("m", value)


def test_what_is_missing_is_not_zero():
    for value in (np.ma.masked, np.ma.array([1], mask=[True]), np.ma.array(5.0, mask=True), pd.NA):
        assert math.isnan(number_of("m", value))
        with pytest.raises((InvalidArgument, WrongType), match="step="):
            step_of(value)
        with pytest.raises((InvalidArgument, WrongType), match="time="):
            time_ns_of(value)
    assert number_of("m", np.ma.array([1, 2], mask=[0, 1]).sum()) == 1.0
    for value in (np.timedelta64(5, "ns"), np.datetime64("2024-01-01", "ns")):
        with pytest.raises(WrongType, match="is a time"):
            number_of("m", value)


def test_messages_stay_short():
    with pytest.raises(WrongType) as caught:
        number_of("m", "x" * 100_000)
    assert len(str(caught.value)) < 300
    assert shown("a") == "'a'"


def test_flatten():
    assert flatten({"a": {"b": {"c": 1}, "d": 2}, 3: 4, "e": {}}) == {"a/b/c": 1, "a/d": 2, "3": 4, "e": {}}
    with pytest.raises(InvalidArgument, match="would both be"):
        flatten({"a": {"b": 1}, "a/b": 2})
    with pytest.raises(WrongType):
        flatten({(1,): 2})
