"""Frames whose records are found all at once are read as if they were walked from record to record."""

from __future__ import annotations

import os
import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_oracle import MODES, Logged, frame_headers, points_of, read_facts
from tests.examples import examples

from runlore.journal import format as fmt
from runlore.journal import records
from runlore.journal.decode import Context, read
from runlore.journal.scan import Fields, find
from runlore.journal.source import FileSource
from runlore.journal.walk import walk
from runlore.journal.window import Window

SCANNED, WALKED = 0, 1 << 62
LIKE_A_SCALAR = struct.unpack("<d", struct.pack("<II", 7, fmt.SCALAR_TAIL))[0]
"""A number whose bytes are those of an id and a commit mark."""
LIKE_A_ROW = struct.unpack("<d", struct.pack("<II", 0, fmt.tail_of(fmt.ROW, 40)))[0]


def content(path: str, short_bytes: int, max_bytes: int = 1 << 62) -> list[tuple]:
    """All that reading gives, in pieces of about so many bytes, as something to compare."""
    found: list[tuple] = []
    context, more = Context(), True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "SHORT_BYTES", short_bytes)
        while more:
            chunk = read(path, context, max_bytes=max_bytes)
            points = points_of(chunk)
            assert [point[0] for point in points] == sorted(point[0] for point in points)
            found.append((points, chunk.events, chunk.extras, chunk.state, chunk.damage, chunk.lost))
            context, more = chunk.context, chunk.more
            found.append((context.dump(),))
    return found


PLANS = st.lists(
    st.one_of(
        st.tuples(st.just("scalars"), st.integers(1, 600)),
        st.tuples(st.just("mixed"), st.integers(1, 300)),
        st.tuples(st.just("rows"), st.integers(1, 60)),
        st.tuples(st.just("text"), st.integers(1, 400)),
        st.tuples(st.just("long text"), st.integers(10_000, 200_000)),
        st.tuples(st.just("columns"), st.integers(0, 3)),
        st.tuples(st.just("like marks"), st.integers(1, 20)),
    ),
    min_size=1,
    max_size=12,
)


def carry_out(plan: list[tuple[str, int]], logged: Logged) -> None:
    for number, (what, amount) in enumerate(plan):
        if what == "scalars":
            for i in range(amount):
                logged.scalar(f"s{i % 3}", i, i)
        elif what == "mixed":
            for i in range(amount):
                logged.scalar("lr", 0.1 * i, i)
                logged.row({"a": i, "b": -i}, i)
        elif what == "rows":
            for i in range(amount):
                logged.row({f"k{k}": k * i for k in range(1 + i * number % 90)})
        elif what == "columns":
            logged.columns({"fold": amount})
        elif what == "like marks":
            for i in range(amount):
                logged.row({"x": i, "y": LIKE_A_SCALAR, "z": LIKE_A_ROW, "w": 0.0}, i)
                logged.scalar("v", LIKE_A_SCALAR, LIKE_A_SCALAR)
        else:
            logged.event("log", f"line {number}", "å奥" * (amount // 4))


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=PLANS,
    mode=st.sampled_from(MODES),
    max_bytes=st.sampled_from([1, 20_000, 300_000]),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4),
    closed=st.booleans(),
)
def test_scanning_finds_what_a_walk_finds(tmp_path, plan, mode, max_bytes, cut, flips, closed):
    logged = Logged(tmp_path, mode)
    path = logged.journal.path
    try:
        carry_out(plan, logged)
        if closed:
            logged.journal.close()
        whole = content(path, SCANNED)
        assert whole == content(path, WALKED)
        assert content(path, SCANNED, max_bytes) == content(path, WALKED, max_bytes)
        assert read_facts(path) == logged.facts

        data = bytearray(Path(path).read_bytes())
        victim = tmp_path / "victim.rlj"
        victim.write_bytes(data[: int(cut * len(data))])
        assert content(str(victim), SCANNED) == content(str(victim), WALKED)
        for where, flip in flips:
            data[int(where * len(data))] ^= flip
        victim.write_bytes(data)
        assert content(str(victim), SCANNED) == content(str(victim), WALKED)
        assert content(str(victim), SCANNED, max_bytes) == content(str(victim), WALKED, max_bytes)
    finally:
        logged.journal.close()
        os.unlink(path)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_mixes_of_many_windows(tmp_path, closed):
    logged = Logged(tmp_path)
    for i in range(30_000):
        logged.scalar("lr", 0.1, i)
        logged.row({f"k{k}": k + i for k in range(2 + i // 10_000 * 9)}, i)
        if i % 700 == 0:
            logged.event("log", f"line {i}", "x" * (i % 4000))
            logged.columns({"part": i})
    if closed:
        logged.journal.close()
    assert os.path.getsize(logged.journal.path) > 4_500_000
    assert read_facts(logged.journal.path) == logged.facts
    logged.journal.close()


def test_records_behind_one_that_takes_a_frame_of_its_own(tmp_path, finding):
    logged = Logged(tmp_path)
    for i in range(3):
        logged.event("log", "long", "x" * 600_000)
        for k in range(2000):
            logged.scalar("s", k)
            logged.row({"a": i, "b": k})
    logged.journal.close()
    assert len(frame_headers(logged.journal.path)) < 8
    assert read_facts(logged.journal.path) == logged.facts


@pytest.mark.parametrize("shape", ["scalar", "row", "step"])
def test_numbers_that_look_like_commit_marks(tmp_path, finding, shape):
    logged = Logged(tmp_path)
    for i in range(3000):
        if i % 400 == 399 and shape == "row":
            logged.row({"a": 1.0, "b": LIKE_A_ROW, "c": 0.0, "d": LIKE_A_SCALAR}, i)
        elif i % 400 == 399:
            logged.scalar("s", LIKE_A_SCALAR if shape == "scalar" else 1.0, LIKE_A_SCALAR if shape == "step" else i)
        else:
            logged.scalar("s", i, i)
            logged.row({"a": i, "b": -i}, i)
    logged.journal.close()
    assert read_facts(logged.journal.path) == logged.facts


@pytest.mark.parametrize("event_bytes", [10, 1000, 600_000])
def test_nothing_is_left_to_the_walk_without_need(tmp_path, event_bytes):
    logged = Logged(tmp_path)
    for i in range(500):
        logged.scalar("s", i, i)
        logged.row({f"k{k}": k for k in range(i % 40)}, i)
        if i % 250 == 0:
            logged.event("log", "å奥", "å奥" * (event_bytes // 4))
    logged.journal.close()
    with closing(FileSource(logged.journal.path)) as source:
        window = Window(source)
        window.load(0, window.size)
        headers = frame_headers(logged.journal.path)
        spans = [fmt.FRAME_HEADER.unpack_from(window.data, at)[:4] for at in headers]
        starts = [at + fmt.RECORD_BYTES for at in headers]
        frames = [at // fmt.FRAME_BYTES * fmt.FRAME_BYTES for at in headers]
        ends = [frame + used for frame, (_, _, _, used) in zip(frames[:-1], spans[1:], strict=True)]
        ends.append(window.size - fmt.RECORD_BYTES)
        found = find(Fields(window), np.array(starts) // 8, np.array(ends) // 8)
        assert found.is_all
        walks = [walk(window, start, end, verified=True).records for start, end in zip(starts, ends, strict=True)]
        assert (found.places * 8).tolist() == [at for records in walks for at in records]
        assert (found.lasts - found.firsts).tolist() == [len(records) for records in walks]
