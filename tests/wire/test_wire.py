"""What one side writes is what the other reads, to the last bit; and what nobody wrote is refused in words."""

from __future__ import annotations

import datetime as dt
import io
import math
import struct
import zoneinfo
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore import errors
from runlore.index.records import CardFilter, RunFacts, RunRecord, SeriesRecord
from runlore.query import OrderKey, parse, parse_order
from runlore.query.values import Clock
from runlore.store.content import StoredEvent
from runlore.store.points import RunPoints
from runlore.testing import strategies
from runlore.testing.comparing import assert_same
from runlore.wire import points, problems, questions, records, text, zones
from runlore.wire.text import Garbled

TEXTS = st.text(st.characters(exclude_categories=[]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(VALUES)
def test_values_come_back_exactly(value):
    assert_same(text.loads(text.dumps(value)), value)


def test_two_halves_of_a_character_stay_two():
    assert text.loads(text.dumps("\ud83d\ude00")) == "\ud83d\ude00" != "\U0001f600"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 10_000, b"nan", b"[1,]"])
def test_what_is_no_value_is_garbled(data):
    with pytest.raises(Garbled):
        text.loads(data)


# -- records ---------------------------------------------------------------------------------------------------------


def over(value):
    return text.loads(text.dumps(value))


RUN = RunRecord(
    "0" * 32, "e", 2**62, None, "running", -1, None, 5, 0, "\ud800", "h", "a\0b", None, None, 3, 0, None, ("d",), False,
    True, True, RunFacts({"p": math.nan, "q": [2**70, {"a": -0.0}]}, {"m": math.inf}, {"t": ""}, "[]"),
)  # fmt: skip
SERIES = SeriesRecord(1, 0, -0.0, math.nan, None, math.nan, None, 5e-324, -0.0, -(2**63), 1.0, 2.0**53, 2**63 - 1)


def test_records_come_back():
    assert_same(records.unpack(RunRecord, over(records.pack(RunRecord, [RUN]))), [RUN])
    found = records.unpack_series(over(records.pack_series({"u": {"k": SERIES}, "v": {}})))
    assert_same(found, {"u": {"k": SERIES}, "v": {}})
    event = StoredEvent("w", 5, 2**62, None, "note", "k", {"a": math.nan}, {"x": 1})
    assert_same(records.unpack(StoredEvent, over(records.pack(StoredEvent, [event]))), [event])


def test_fields_that_are_not_known_are_left_out_and_those_that_lack_are_said():
    table = over(records.pack(RunRecord, [RUN]))
    table["fields"].append("new")
    table["rows"][0].append(5)
    assert_same(records.unpack(RunRecord, table), [RUN])
    place = table["fields"].index("status")
    del table["fields"][place], table["rows"][0][place]
    with pytest.raises(Garbled):
        records.unpack(RunRecord, table)


READERS = {
    "runs": lambda value: records.unpack(RunRecord, value), "page": records.unpack_page,
    "series": records.unpack_series, "artifacts": records.unpack_artifacts, "lineage": records.unpack_lineage,
    "query": questions.unpack_query, "order": questions.unpack_order, "reference": questions.unpack_reference,
    "filter": questions.unpack_filter, "clock": zones.unpack_clock,
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@given(value=VALUES)
def test_no_value_breaks_the_reading(name, value):
    with suppress(Garbled):
        READERS[name](value)


# -- questions -------------------------------------------------------------------------------------------------------


@given(strategies.queries)
def test_trees_come_back(query):
    tree = parse(query) if query is None or isinstance(query, str) else query
    assert repr(questions.unpack_query(over(questions.pack_query(tree)))) == repr(tree)  # NaN differs from itself


@pytest.mark.parametrize(
    "query",
    [
        "metrics.loss.min < 0.1 and not (status = failed or tags.x is null)", "started > '-7d'", "duration < 2h",
        "at(metrics.loss, 5) > 1", "name ilike 'a%' and params.x in (1, 'b', true)", "tags contains 'x'",
    ],
)  # fmt: skip
def test_texts_and_their_trees_are_the_same_question(query):
    tree = parse(query)
    assert questions.unpack_query(over(questions.pack_query(tree))) == tree


def test_orders_and_filters_come_back():
    order = parse_order("-metrics.acc, started, params.x")
    assert questions.unpack_order(over(questions.pack_order(order))) == list(order)
    assert all(isinstance(key, OrderKey) for key in order)
    wanted = CardFilter(kind="\ud800", uids=("a",), tags=("t=1",), limit=3, deleted=True, order_by="created")
    assert questions.unpack_filter(over(questions.pack_filter(wanted))) == wanted


# -- zones -----------------------------------------------------------------------------------------------------------

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]


@pytest.mark.parametrize("name", ZONES)
@given(utc_s=st.integers(0, 4_000_000_000), fold=st.sampled_from([0, 1]))
def test_a_zone_is_what_it_was(name, utc_s, fold):
    zone = zoneinfo.ZoneInfo(name)
    sent = zones.unpack_clock(over(zones.pack_clock(Clock(5, zone)))).zone
    moment = dt.datetime.fromtimestamp(utc_s, dt.timezone.utc)
    here, there = moment.astimezone(zone), moment.astimezone(sent)
    assert (here.replace(tzinfo=None), here.fold) == (there.replace(tzinfo=None), there.fold)
    local = here.replace(tzinfo=None, fold=fold)
    assert local.replace(tzinfo=sent).utcoffset() == local.replace(tzinfo=zone).utcoffset()


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25), (2026, 3, 8), (2026, 11, 1)])
def test_a_zone_at_its_changes(name, day):
    zone = zoneinfo.ZoneInfo(name)
    sent = zones.unpack_clock(over(zones.pack_clock(Clock(5, zone)))).zone
    for minutes in range(0, 240, 15):
        for fold in (0, 1):
            local = dt.datetime(*day, minutes // 60, minutes % 60, fold=fold)
            assert local.replace(tzinfo=sent).utcoffset() == local.replace(tzinfo=zone).utcoffset(), local


def test_local_time_is_that_of_whoever_asks(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        sent = zones.pack_clock(Clock(0))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert zones.unpack_clock(over(sent)).midnight().utcoffset() == dt.timedelta(hours=9)


# -- points ----------------------------------------------------------------------------------------------------------


def run_points(count: int, seed: int = 0) -> RunPoints:
    random = np.random.default_rng(seed)
    value = random.normal(size=count)
    value[::7], value[1::7], value[2::7] = math.nan, -0.0, -math.inf
    return RunPoints(
        random.integers(0, 2, count).astype(np.uint32), ["\ud800", "b"], value[::-1].copy(),
        random.integers(-(2**63), 2**63 - 1, count), value, np.zeros(count, np.uint32), ["w"], [{"host": "h"}],
        np.arange(count), [(0, 5, {"fold": math.nan})],
    )  # fmt: skip


def read(data: bytes):
    file = io.BytesIO(data)

    def take(count: int) -> bytes:
        found = file.read(count)
        if len(found) < count:
            raise Garbled("it breaks off")
        return found

    return dict(points.unpack_points(points.read_parts(take)))


@pytest.mark.parametrize("count", [0, 1, 3, 10_000, points.PART_POINTS + 5])
def test_points_come_back_bit_for_bit(count):
    sent = run_points(count)
    found = read(b"".join([*points.pack_points("u", sent), *points.pack_points("v", run_points(2)), points.END]))
    assert list(found) == ["u", "v"]
    for name, _ in points.COLUMNS:
        assert getattr(found["u"], name).tobytes() == getattr(sent, name).tobytes()
        assert getattr(found["u"], name).dtype == getattr(sent, name).dtype
    assert (found["u"].names, found["u"].writers, found["u"].headers) == (sent.names, sent.writers, sent.headers)
    assert_same(found["u"].extras, sent.extras)


def test_no_cut_and_no_change_of_a_stream_is_taken_for_it():
    whole = b"".join([*points.pack_points("u", run_points(5)), points.END])
    for stop in range(len(whole)):
        with pytest.raises(Garbled):
            read(whole[:stop])
    for size in (0, 3, 2**31, 2**32 - 1):
        with pytest.raises(Garbled):
            read(struct.pack("<II", size, 8) + whole[8:])
    with pytest.raises(Garbled, match="beyond"):
        read(whole.replace(b'["\xed\xa0\x80","b"]', b'["\xed\xa0\x80"    ]'))


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_arise_again(name):
    kind = getattr(errors, name)
    if not issubclass(kind, errors.RunloreError):
        return
    if kind is errors.QuerySyntaxError:
        error = kind("odd", query="a <\ud800", column=3, expected="a value", word="a")
    elif kind is errors.MissingDependency:
        error = kind("psycopg", "postgres", "this")
    else:
        error = kind("what \ud800 it was\nand what to do")
    again = problems.unpack(over(problems.pack(error)))
    assert type(again) is kind
    assert str(again) == str(error)
    assert {name: value for name, value in vars(again).items() if name in vars(error)} == vars(error)


def test_an_error_of_a_class_that_others_do_not_know_is_the_nearest_that_they_do():
    assert type(problems.unpack(problems.pack(Garbled("x")))) is errors.InvalidArgument
    assert problems.unpack({"error": "SystemExit", "detail": "x"}) is None
    assert problems.unpack({"error": "NotFound", "detail": 5}) is None
