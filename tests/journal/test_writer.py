"""The suite that both writers pass: what is logged is read back, exactly, closed or not."""

from __future__ import annotations

import errno
import math
import os
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone
from types import FunctionType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_oracle import MODES, RUN, Logged, bits, facts_of, points_of, read_facts, write_sample
from tests.examples import examples

from runlore.errors import InvalidArgument, InvalidName, RunEnded, RunloreError, WrongType
from runlore.journal import format as fmt
from runlore.journal import open_journal
from runlore.journal.decode import CLOSED, OPEN, read
from runlore.journal.values import event_bytes
from runlore.journal.writer import JournalWriter

KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=()), min_size=1, max_size=12)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
STEPS = st.none() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
CALLS = st.one_of(
    st.tuples(st.just("scalar"), KEYS, FLOATS, STEPS),
    st.tuples(st.just("row"), st.dictionaries(KEYS, FLOATS, min_size=1, max_size=6), STEPS),
    st.tuples(st.just("event"), KEYS, KEYS, VALUES, STEPS, st.none() | st.dictionaries(KEYS, VALUES, max_size=2)),
    st.tuples(st.just("columns"), st.dictionaries(KEYS, VALUES, max_size=3)),
)


def test_a_row_has_a_limit_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(fmt, "MAX_PAYLOAD_BYTES", 64)
    journal = open_journal(str(tmp_path), RUN)
    with pytest.raises(InvalidArgument, match="a row of 9 metrics is too long; log an artifact"):
        journal.row({f"k{number}": 1.0 for number in range(9)}, 0)
    journal.row({f"k{number}": 1.0 for number in range(8)}, 0)
    journal.close()
    assert len(points_of(read(journal.path))) == 8


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=examples(120), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=25), close=st.booleans())
def test_whatever_is_logged_is_read_back(tmp_path, mode, calls, close):
    logged = Logged(tmp_path, mode)
    for name, *arguments in calls:
        getattr(logged, name)(*arguments)
    if close:
        logged.journal.close()
    chunk = read(logged.journal.path)
    assert facts_of(chunk) == logged.facts
    assert (chunk.state, chunk.damage, chunk.lost) == (CLOSED if close else OPEN, [], 0)
    logged.journal.close()
    os.unlink(logged.journal.path)


@pytest.mark.parametrize("width", [1, 2, 7, 250, 5000])
def test_rows_of_any_width(tmp_path, mode, width):
    logged = Logged(tmp_path, mode)
    for step in range(30 if width < 5000 else 5):
        logged.row({f"k{i}": i * 0.25 + step for i in range(width)}, step)
        logged.scalar("between", step, step)
    assert read_facts(logged.journal.path) == logged.facts
    logged.journal.close()
    assert read_facts(logged.journal.path) == logged.facts


def test_both_writers_produce_the_same_records(tmp_path):
    chunks = []
    for mode in MODES:
        directory = tmp_path / mode
        directory.mkdir()
        logged = write_sample(directory, mode, repeat=20, wide=300, big=9000)
        logged.journal.close()
        chunks.append(read(logged.journal.path))
    mapped, written = chunks
    assert facts_of(mapped) == facts_of(written)
    assert points_of(mapped) == points_of(written)  # with the offsets of their records
    assert [extra for _, extra in mapped.extras] == [extra for _, extra in written.extras]


@pytest.mark.parametrize("size", [1000, 2049, 16_000, 16_384, 70_000, 1_100_000, 5_000_000])
def test_events_larger_than_a_frame_or_a_chunk(journal, size):
    journal.scalar("before", 1.0)
    for _ in range(3):
        journal.event("log", "big", "ü" * (size // 2))
    journal.scalar("after", 2.0)
    for _ in range(2):
        chunk = read(journal.path)
        assert [len(event.value) for event in chunk.events] == [size // 2] * 3
        assert chunk.points.value.tolist() == [1.0, 2.0]
        assert chunk.damage == []
        journal.close()


def test_an_event_has_a_limit_and_says_what_to_do(journal):
    journal.event("log", "largest", "x" * (fmt.MAX_PAYLOAD_BYTES - 100))
    with pytest.raises(InvalidArgument, match="artifact"):
        journal.event("log", "too large", "x" * fmt.MAX_PAYLOAD_BYTES)
    assert [event.key for event in read(journal.path).events] == ["largest"]


@pytest.mark.parametrize(
    "key", ["train/loss", "损失", "\ud83d\ude00", "\ud83d", "😀", "a b\n\t", "e\u0301", "x" * 4096]
)
def test_keys_of_any_script_come_back_exactly(journal, key):
    journal.scalar(key, 1.0)
    journal.row({key: 2.0, "other": 3.0})
    journal.event("param", key, {key: key})
    chunk = read(journal.path)
    assert [name for _, name, *_ in points_of(chunk)] == [key, key, "other"]
    assert (chunk.events[0].key, chunk.events[0].value) == (key, {key: key})


@pytest.mark.parametrize("step", [None, 0, -5, 0.25, 2**53, 2**63, -(2**63), 1e300, math.inf, True, np.int32(7)])
def test_steps(journal, step):
    journal.scalar("m", 1.0, step)
    journal.row({"m": 1.0}, step)
    journal.event("e", "k", step=step)
    expected = None if step is None else float(step)
    chunk = read(journal.path)
    assert [s for _, _, s, _, _ in points_of(chunk)] + [chunk.events[0].step] == [expected] * 3


@pytest.mark.parametrize(
    ("value", "stored"),
    [(1, 1.0), (True, 1.0), (np.float32(0.5), 0.5), (np.array([2.0]), 2.0), (2**70, 2.0**70), (-0.0, -0.0)],
)
def test_values_that_are_numbers(journal, value, stored):
    journal.scalar("m", value)
    journal.row({"m": value})
    assert [bits(v) for v in read(journal.path).points.value.tolist()] == [bits(stored)] * 2


def test_times(journal):
    zone = timezone(timedelta(hours=2))
    when = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=zone)
    times = [0, 1.5, -1, when, when.astimezone(timezone.utc).replace(tzinfo=None), np.datetime64("2024-05-06", "D")]
    for time in times:
        journal.scalar("m", 1.0, time=time)
        journal.row({"m": 1.0}, time=time)
    moment = 1_714_972_089_123_456_000
    expected = [0, 1_500_000_000, -1_000_000_000, moment, moment, 1_714_953_600_000_000_000]
    assert read(journal.path).points.time_ns.tolist() == [t for t in expected for _ in range(2)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda j: j.scalar("m", "1"), WrongType),
        (lambda j: j.scalar("m", None), WrongType),
        (lambda j: j.scalar("m", [1.0, 2.0]), WrongType),
        (lambda j: j.scalar("m", np.zeros(2)), InvalidArgument),
        (lambda j: j.scalar("m", 10**400), InvalidArgument),
        (lambda j: j.scalar("m", 1.0, "3"), WrongType),
        (lambda j: j.scalar("m", 1.0, b"3"), WrongType),
        (lambda j: j.scalar("m", 1.0, math.nan), InvalidArgument),
        (lambda j: j.scalar("m", 1.0, 10**400), InvalidArgument),
        (lambda j: j.scalar("m", 1.0, object()), WrongType),
        (lambda j: j.scalar("m", 1.0, time=math.inf), InvalidArgument),
        (lambda j: j.scalar("m", 1.0, time=1e300), InvalidArgument),
        (lambda j: j.scalar("m", 1.0, time="now"), WrongType),
        (lambda j: j.scalar("", 1.0), InvalidName),
        (lambda j: j.scalar("a\0b", 1.0), InvalidName),
        (lambda j: j.scalar(3, 1.0), WrongType),
        (lambda j: j.scalar([], 1.0), WrongType),
        (lambda j: j.row({"fine": 1.0, "": 2.0}), InvalidName),
        (lambda j: j.row({"fine": 1.0, "bad": "x"}), WrongType),
        (lambda j: j.row({"fine": 1.0, 5: 2.0}), WrongType),
        (lambda j: j.row({"fine": 1.0}, math.nan), InvalidArgument),
        (lambda j: j.event("e", "k", object()), WrongType),
        (lambda j: j.event("e", "k", b"x"), WrongType),
        (lambda j: j.event("e", 3), WrongType),
        (lambda j: j.event(None, "k"), WrongType),
        (lambda j: j.event("e", "k", time_ns=2**63), InvalidArgument),
        (lambda j: j.event("e", "k", time_ns=1.5), InvalidArgument),
        (lambda j: j.event("e", "k", step="x"), WrongType),
        (lambda j: j.event("e", "k", 10**5000), InvalidArgument),
        (lambda j: j.columns({"c": object()}), WrongType),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_wrong_arguments_raise_before_anything_is_stored(journal, call, error, known):
    if known:
        journal.scalar("m", 0.0)
    before = read(journal.path).context.offset
    with pytest.raises(error) as caught:
        call(journal)
    assert isinstance(caught.value, RunloreError)
    chunk = read(journal.path)
    assert (chunk.context.offset, chunk.state, chunk.damage) == (before, OPEN, [])
    journal.scalar("m", 4.0)
    assert read(journal.path).points.value.tolist()[-1] == 4.0


def test_a_value_that_contains_itself(journal):
    loop: list = []
    loop.append(loop)
    with pytest.raises(InvalidArgument):
        journal.event("e", "k", loop)
    deep: list = []
    for _ in range(sys.getrecursionlimit() * 20):
        deep = [deep]
    with pytest.raises(InvalidArgument):
        journal.event("e", "k", deep)


def test_columns_belong_to_what_follows(journal):
    journal.scalar("a", 1.0)
    journal.columns({"fold": 1})
    journal.columns({"fold": 2})
    journal.scalar("a", 2.0)
    journal.columns({})
    journal.row({"a": 3.0})
    chunk = read(journal.path)
    assert [extra for _, extra in chunk.extras] == [{"fold": 2}, {}]
    sequences = chunk.points.sequence.tolist()
    assert sequences[0] < chunk.extras[0][0] < sequences[1] < chunk.extras[1][0] < sequences[2]


def test_columns_given_last_cost_nothing(journal):
    journal.columns({"fold": 1})
    assert read(journal.path).extras == []
    journal.close()
    assert read(journal.path).state == CLOSED


def test_ever_changing_sets_of_keys(journal):
    expected = []
    for i in range(2 * fmt.MAX_LAYOUTS + 10):
        journal.row({f"k{i % 90}": float(i), f"j{i // 90}": 1.0})
        journal.row({"fixed": float(i), "b": 2.0})
        expected += [float(i), 1.0, float(i), 2.0]
    chunk = read(journal.path)
    assert chunk.points.value.tolist() == expected
    assert chunk.damage == []
    assert len(chunk.context.layouts) <= fmt.MAX_LAYOUTS


def test_the_order_of_keys_is_part_of_the_layout(journal):
    journal.row({"a": 1.0, "b": 2.0})
    journal.row({"b": 3.0, "a": 4.0})
    assert [(k, v) for _, k, _, _, v in points_of(read(journal.path))] == [
        ("a", bits(1.0)), ("b", bits(2.0)), ("b", bits(3.0)), ("a", bits(4.0))
    ]  # fmt: skip


def test_an_empty_row_is_nothing(journal):
    before = read(journal.path).context.offset
    journal.row({})
    assert read(journal.path).context.offset == before


def test_close_cuts_the_file_and_removes_the_lock(tmp_path, mode):
    logged = write_sample(tmp_path, mode)
    logged.journal.close()
    logged.journal.close()
    chunk = read(logged.journal.path)
    assert chunk.state == CLOSED
    assert os.path.getsize(logged.journal.path) == chunk.context.offset + fmt.RECORD_BYTES
    assert os.listdir(tmp_path) == [os.path.basename(logged.journal.path)]


def test_a_closed_writer_refuses(journal):
    journal.scalar("m", 1.0)
    journal.close()
    calls = [
        lambda: journal.scalar("m", 1.0), lambda: journal.scalar("new", 1.0), lambda: journal.row({"m": 1.0}),
        lambda: journal.event("e", "k"), lambda: journal.columns({"c": 1}),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(RunEnded, match="resume"):
            call()
    assert read(journal.path).points.value.tolist() == [1.0]


def test_closing_needs_no_room(tmp_path, mode):
    """The closing record has a place of its own in every frame, however full."""
    for count in range(490, 520):
        journal = open_journal(str(tmp_path), RUN, mode)
        for i in range(count):
            journal.scalar("m", float(i))
        journal.close()
        chunk = read(journal.path)
        assert (chunk.state, chunk.damage, len(chunk.points.value)) == (CLOSED, [], count)


def test_fsync_writes(tmp_path):
    journal = open_journal(str(tmp_path), RUN, fsync=True)
    journal.scalar("m", 1.0)
    assert os.path.getsize(journal.path) == read(journal.path).context.offset
    journal.close()


def test_a_directory_that_does_not_exist(tmp_path, mode):
    with pytest.raises(FileNotFoundError):
        open_journal(str(tmp_path / "missing"), RUN, mode)


def test_a_store_path_with_spaces_and_unicode(tmp_path, mode):
    directory = tmp_path / "Größe 🚀 x"
    directory.mkdir()
    logged = write_sample(directory, mode)
    logged.journal.close()
    assert read_facts(logged.journal.path) == logged.facts


def test_what_the_disk_does_not_confirm_is_kept_and_not_counted_as_lost(tmp_path, monkeypatch, capfd):
    journal = open_journal(str(tmp_path), RUN, fsync=True)
    confirm = os.fdatasync

    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    # as if a module of the standard library raised it: what the program's own code raises is the program's
    monkeypatch.setattr(os, "fdatasync", FunctionType(fail.__code__, {"__name__": "os", "errno": errno, "os": os}))
    for step in range(3):
        journal.scalar("m", float(step), step)
    assert read(journal.path).points.value.tolist() == [0.0, 1.0, 2.0]
    monkeypatch.setattr(os, "fdatasync", confirm)
    journal.scalar("m", 3.0, 3)
    journal.close()
    assert journal.lost == 0
    assert read(journal.path).points.value.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert capfd.readouterr().err.count("the disk does not confirm it (Input/output error)") == 1


@pytest.mark.parametrize("sizes", [[0] * 1000, [2_000] * 40, [3_000] * 40, [20_000, 10, 70_000, 10] * 5, [2 << 20]])
@pytest.mark.parametrize("first", [0, 100, 450])
def test_what_was_reserved_takes_records_of_these_sizes_without_asking_for_more(tmp_path, monkeypatch, sizes, first):
    with closing(JournalWriter(str(tmp_path), RUN)) as writer:
        for step in range(first):
            writer.scalar("m", 1.0, step)
        writer.reserve([1, *sizes])

        def no_room(*_):
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(os, "posix_fallocate", no_room)
        around = len(event_bytes("e", "k", "", None))
        for size in sizes:
            writer.event("e", "k", "x" * (size - around)) if size > around else writer.scalar("m", 1.0)
        assert writer.lost == 0
        with pytest.raises(OSError, match="full"):
            writer.reserve([64 << 20])
        assert writer.lost == 0
