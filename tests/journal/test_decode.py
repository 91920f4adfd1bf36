"""Reading in pieces, at any moment, gives what one reading at the end gives."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_oracle import MODES, RUN, Logged, facts_of, read_in_pieces, write_sample
from tests.examples import examples

from runlore.journal import open_journal
from runlore.journal.decode import CLOSED, OPEN, Context, read


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(
        st.one_of(
            st.tuples(st.just("scalars"), st.integers(1, 700)),
            st.tuples(st.just("rows"), st.integers(1, 40)),
            st.tuples(st.just("event"), st.integers(1, 30_000)),
            st.tuples(st.just("read"), st.just(0)),
        ),
        max_size=14,
    )
)
def test_contexts_at_arbitrary_points(tmp_path, mode, plan):
    logged = Logged(tmp_path, mode)
    chunks, context = [], Context()
    for number, (what, amount) in enumerate([*plan, ("read", 0)]):
        if what == "scalars":
            for i in range(amount):
                logged.scalar(f"s{i % 3}", i, i)
        elif what == "rows":
            for i in range(amount):
                logged.row({"a": i, f"b{number}": 2.0}, i)
        elif what == "event":
            logged.columns({"n": number})
            logged.event("log", "line", "x" * amount)
        else:
            chunks.append(read(logged.journal.path, Context.load(context.dump())))
            context = chunks[-1].context
    logged.journal.close()
    chunks.append(read(logged.journal.path, context))
    assert facts_of(*chunks) == logged.facts
    assert all(chunk.damage == [] for chunk in chunks)
    assert chunks[-1].state == CLOSED
    os.unlink(logged.journal.path)


@pytest.mark.parametrize("max_bytes", [1, 16_384, 100_000, 1 << 40])
@pytest.mark.parametrize("closed", [False, True])
def test_pieces_equal_the_whole(tmp_path, mode, max_bytes, closed):
    logged = write_sample(tmp_path, mode, repeat=60, wide=200, big=5000)
    for i in range(3000):
        logged.scalar("s", i, i)
    if closed:
        logged.journal.close()
    chunks = read_in_pieces(logged.journal.path, max_bytes)
    assert facts_of(*chunks) == logged.facts
    assert chunks[-1].state == (CLOSED if closed else OPEN)
    assert len(chunks) > 1 or max_bytes > 100_000
    assert [chunk.damage for chunk in chunks] == [[]] * len(chunks)
    logged.journal.close()


def test_extra_columns_are_carried_over(journal):
    journal.columns({"fold": 3})
    journal.scalar("a", 1.0)
    context = read(journal.path).context
    journal.scalar("a", 2.0)
    assert read(journal.path, context).extras == [(context.offset, {"fold": 3})]


def test_reading_again_changes_nothing(journal):
    journal.scalar("a", 1.0)
    for state in (OPEN, CLOSED):
        chunk = read(journal.path)
        assert chunk.state == state
        for _ in range(3):
            again = read(journal.path, chunk.context)
            assert (again.state, again.damage, len(again.points.value), again.context) == (state, [], 0, chunk.context)
        journal.close()


def test_a_context_is_not_changed_by_reading(journal):
    journal.scalar("a", 1.0)
    context = read(journal.path).context
    text = context.dump()
    journal.scalar("b", 1.0)
    journal.columns({"x": 1})
    journal.row({"b": 1.0, "c": 1.0})
    read(journal.path, context)
    assert context.dump() == text


def test_contexts_as_text_keep_every_key(journal):
    keys = ["\ud83d\ude00", "😀", "\udcff", "ü", "\u2028"]
    for key in keys:
        journal.scalar(key, 1.0)
    journal.columns({"\ud800": "\udfff"})
    journal.scalar("a", 1.0)
    context = read(journal.path).context
    text = context.dump()
    assert text.isascii() or text.encode("latin-1")
    assert Context.load(text) == context
    assert list(context.keys.values()) == [*keys, "a"]


def test_the_header_says_who_wrote(journal):
    header = read(journal.path).context.header
    assert header["uid"] == RUN
    assert header["writer"] == journal.writer
    assert header["pid"] == os.getpid()
    assert header["host"] == os.uname().nodename
    assert set(header) == {
        "uid", "writer", "created_ns", "host", "boot", "pid", "pid_started", "pid_space", "file", "lock"
    }  # fmt: skip


def test_a_journal_that_became_shorter(tmp_path):
    journal = open_journal(str(tmp_path), RUN)
    journal.scalar("a", 1.0)
    journal.close()
    context = read(journal.path).context
    os.truncate(journal.path, context.offset - 40)
    chunk = read(journal.path, context)
    assert "shorter" in chunk.damage[0].reason


def test_points_of_many_frames_stay_in_order(journal):
    for i in range(9000):
        journal.scalar("a", float(i), i)
        if i % 500 == 0:
            journal.row({"b": 1.0, "c": 2.0}, i)
    for max_bytes in (1 << 40, 40_000):
        chunks = read_in_pieces(journal.path, max_bytes)
        sequences = [s for chunk in chunks for s in chunk.points.sequence.tolist()]
        assert sequences == sorted(sequences)
        assert len(sequences) == 9036


def test_no_journal(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "none.rlj"))
