"""How far a growing journal is final: the walk without NumPy finds what the decoder finds, at every moment."""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from pathlib import Path

import pytest
from journal_oracle import RUN

from runlore.journal import open_journal
from runlore.journal.committed import Committed
from runlore.journal.decode import read


@contextmanager
def followed(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield Committed(descriptor)
    finally:
        os.close(descriptor)


def write_something(journal, chance):
    """One record of a random kind and size."""
    kind = chance.randrange(4)
    if kind == 0:
        for step in range(chance.randrange(1, 700)):
            journal.scalar(f"loss{chance.randrange(3)}", chance.random(), step)
    elif kind == 1:
        journal.row({f"k{index}": 0.0 for index in range(chance.randrange(1, 400))}, 1)
    elif kind == 2:
        journal.event("note", "n", "ä" * chance.choice([1, 100, 5_000, 70_000, 400_000]))
    else:
        journal.columns({"fold": chance.randrange(9)})


@pytest.mark.parametrize("seed", range(12))
def test_the_end_is_where_the_decoder_says(tmp_path, mode, seed):
    chance = random.Random(seed)
    journal = open_journal(str(tmp_path), RUN, mode)
    with followed(journal.path) as committed:
        for _ in range(chance.randrange(2, 25)):
            write_something(journal, chance)
            assert committed.advance() == read(journal.path).context.offset
            assert not committed.is_closed
        journal.close()
        assert committed.advance() == os.path.getsize(journal.path)
        assert committed.is_closed
    with followed(journal.path) as again:
        assert again.advance() == os.path.getsize(journal.path)


@pytest.mark.parametrize("seed", range(6))
def test_what_was_final_stays_as_it_was(tmp_path, mode, seed):
    chance = random.Random(seed)
    journal = open_journal(str(tmp_path), RUN, mode)
    copy = bytearray()
    with followed(journal.path) as committed:
        for _ in range(20):
            write_something(journal, chance)
            end = committed.advance()
            with open(journal.path, "rb") as file:
                file.seek(len(copy))
                copy += file.read(end - len(copy))
        journal.close()
        end = committed.advance()
    whole = Path(journal.path).read_bytes()
    copy += whole[len(copy) : end]
    assert whole == bytes(copy)


def test_a_dead_writers_half_record_belongs_to_it_and_reserved_room_does_not(tmp_path):
    journal = open_journal(str(tmp_path), RUN, "mmap")
    journal.scalar("loss", 0.5, 1)
    with followed(journal.path) as committed:
        end = committed.advance()
        assert os.path.getsize(journal.path) > end
        assert committed.end_of_dead() == end
        with open(journal.path, "r+b") as file:
            file.seek(end)
            file.write(b"\1" * 9)
        assert committed.end_of_dead() == end + 16
        assert committed.advance() == end


def test_zeros_at_the_end_of_a_record_belong_to_it(tmp_path):
    journal = open_journal(str(tmp_path), RUN, "mmap")
    journal.row({"a": 0.0, "b": 0.0}, 1)
    with followed(journal.path) as committed:
        assert committed.end_of_dead() == read(journal.path).context.offset


def test_what_is_no_journal_yet_has_nothing_final(tmp_path):
    path = tmp_path / "x.rlj"
    for content in (b"", b"RUNLORE\n", bytes(100), b"x" * 20_000):
        path.write_bytes(content)
        with followed(path) as committed:
            assert committed.advance() == 0
            assert committed.header() == {}


def test_the_header_tells_who_writes(tmp_path):
    journal = open_journal(str(tmp_path), RUN, "mmap")
    with followed(journal.path) as committed:
        assert committed.header()["uid"] == RUN
        assert committed.header()["writer"] == journal.writer
        assert committed.beginning() == Path(journal.path).read_bytes()[:64]
