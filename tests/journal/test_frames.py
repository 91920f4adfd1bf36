"""Journals cut at every offset and flipped at every byte: a state or damage is reported, and nothing is invented."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path
from zlib import crc32

import pytest
from journal_oracle import Logged, facts_of, frame_headers, is_subset, read_facts, used_bytes, write_sample

from runlore.errors import UnsupportedFormat
from runlore.journal import format as fmt
from runlore.journal.decode import CLOSED, OPEN, TORN, Context, read
from runlore.model import STOP

FLIPS = [0xFF, 0x01, 0x80]


def make(directory: Path, shape: str, *, closed: bool) -> tuple[bytearray, list[tuple]]:
    """The bytes of a journal, and what is in it."""
    if shape == "small":
        logged = write_sample(directory, repeat=2, wide=5)
    elif shape == "frames":
        logged = write_sample(directory, repeat=3, wide=60)
        for i in range(1400):
            logged.scalar("s", i, i)
        for i in range(30):
            logged.row({"x": i, "y": i}, i)
            logged.event("log", f"line {i}", {"text": "é" * i})
    else:
        logged = write_sample(directory, repeat=2, wide=1500, big=6000)
        for i in range(40):
            logged.scalar("s", i, i)
    if closed:
        logged.journal.close()
        data = bytearray(Path(logged.journal.path).read_bytes())
    else:
        used = used_bytes(logged.journal.path)
        data = bytearray(Path(logged.journal.path).read_bytes()[: used + 256])
        logged.journal.close()
    return data, logged.facts


def places(data: bytearray, shape: str, path: str) -> list[int]:
    """Every offset of a small journal; of larger ones, every header and a fixed choice of the rest."""
    if shape == "small":
        return list(range(len(data)))
    chosen = random.Random(1).sample(range(len(data)), 200 if shape == "frames" else 60)
    near = [at + i for at in frame_headers(path) for i in range(-4, 36)]
    return sorted(
        {at for at in [*chosen, *near, *range(100), *range(len(data) - 70, len(data))] if 0 <= at < len(data)}
    )


@pytest.fixture
def victim(tmp_path):
    path = str(tmp_path / "victim.rlj")
    descriptors = []

    def write(data: bytes) -> int:
        descriptors.append(os.open(path, os.O_RDWR | os.O_CREAT))
        os.pwrite(descriptors[-1], data, 0)
        return descriptors[-1]

    yield path, write
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize("shape", ["small", "frames", "large"])
def test_cut_anywhere(tmp_path, victim, shape, closed):
    data, facts = make(tmp_path, shape, closed=closed)
    path, write = victim
    write(data)
    length = len(data)
    cuts = sorted(places(data, shape, path), reverse=True)
    for cut in cuts:
        os.truncate(path, cut)
        chunk = read(path)
        found = facts_of(chunk)
        assert found == facts[: len(found)], cut
        assert chunk.state in (OPEN, TORN), cut
        if closed:
            assert chunk.state != CLOSED
    assert cuts[-1] == 0
    assert length == max(cuts) + 1


@pytest.mark.parametrize("shape", ["small", "frames", "large"])
def test_flip_any_byte_of_a_closed_journal(tmp_path, victim, shape):
    data, facts = make(tmp_path, shape, closed=True)
    path, write = victim
    descriptor = write(data)
    for at in places(data, shape, path):
        for flip in FLIPS if shape == "small" else FLIPS[:1]:
            os.pwrite(descriptor, bytes([data[at] ^ flip]), at)
            chunk = read(path)
            found = facts_of(chunk)
            assert is_subset(found, facts), (at, flip)
            if found != facts:
                assert chunk.damage or chunk.state == TORN, (at, flip)
        os.pwrite(descriptor, data[at : at + 1], at)
    assert read_facts(path) == facts


@pytest.mark.parametrize("shape", ["small", "frames", "large"])
def test_flip_any_byte_of_an_unclosed_journal(tmp_path, victim, shape):
    """The scalars of the last frame rest on their commit marks: a flip in one may change that one, and no other."""
    data, facts = make(tmp_path, shape, closed=False)
    known = set(facts)
    path, write = victim
    descriptor = write(data)
    for at in places(data, shape, path):
        os.pwrite(descriptor, bytes([data[at] ^ 0xFF]), at)
        found = facts_of(read(path))
        os.pwrite(descriptor, data[at : at + 1], at)
        invented = [fact for fact in found if fact not in known]
        assert len(invented) <= 1, at
        assert all(fact[0] == "point" for fact in invented)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_two_wounds_at_once(tmp_path, victim, closed):
    data, facts = make(tmp_path, "frames", closed=closed)
    path, write = victim
    descriptor = write(data)
    chance = random.Random(7)
    last = max(frame_headers(path))
    for _ in range(250):
        at, length = chance.randrange(last), chance.choice([1, 8, 100, 5000, 20_000])
        wound = chance.randbytes(length) if chance.random() < 0.5 else bytes(length)
        os.pwrite(descriptor, wound[: last - at], at)
        chunk = read(path)
        found = facts_of(chunk)
        assert is_subset(found, facts)
        assert found == facts or chunk.damage or chunk.state == TORN
        os.pwrite(descriptor, data, 0)


def test_a_flip_costs_one_frame_at_most(tmp_path):
    logged = Logged(tmp_path)
    for i in range(510 * 10):
        logged.scalar("s", i, i)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = bytearray(path.read_bytes())
    data[5 * fmt.FRAME_BYTES + 1000] ^= 1
    path.write_bytes(data)
    chunk = read(str(path))
    assert len(chunk.points.value) == 510 * 9
    assert chunk.state == CLOSED
    assert [damage.offset // fmt.FRAME_BYTES for damage in chunk.damage] == [5, 0]
    assert "510 points" in chunk.damage[1].reason


def test_a_damaged_event_costs_itself(tmp_path):
    logged = Logged(tmp_path)
    for i in range(50):
        logged.event("log", f"line {i}", "x" * 50)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = bytearray(path.read_bytes())
    data[data.find(b"line 20")] ^= 0x20
    path.write_bytes(data)
    chunk = read(str(path))
    assert facts_of(chunk) == logged.facts[:20] + logged.facts[21:]
    assert chunk.damage


def test_a_damaged_frame_header_costs_nothing(tmp_path):
    logged = Logged(tmp_path)
    for i in range(510 * 5):
        logged.scalar("s", i, i)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = bytearray(path.read_bytes())
    for header in frame_headers(str(path)):
        broken = bytearray(data)
        broken[header + 8] ^= 0x10
        path.write_bytes(broken)
        chunk = read(str(path))
        assert facts_of(chunk) == logged.facts
        assert "header of a frame" in chunk.damage[0].reason


def test_a_damaged_file_header_costs_nothing(tmp_path):
    logged = write_sample(tmp_path, repeat=30)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = path.read_bytes()
    path.write_bytes(bytes(16) + data[16:])
    chunk = read(str(path))
    assert facts_of(chunk) == logged.facts
    assert chunk.damage[0].reason == "the file's header is damaged"
    assert chunk.state == CLOSED


def test_a_file_header_and_description_of_zeros(tmp_path):
    """The CRC of nothing is 0: a description that is gone is not one that is whole."""
    logged = write_sample(tmp_path, repeat=30)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = path.read_bytes()
    first = frame_headers(str(path))[0]
    path.write_bytes(
        bytes(fmt.LOST_OFFSET) + data[fmt.LOST_OFFSET : fmt.HEADER_BYTES] + bytes(first - 64) + data[first:]
    )
    chunk = read(str(path))
    assert facts_of(chunk) == logged.facts
    assert [damage.reason for damage in chunk.damage] == [
        "the file's header is damaged",
        "the description of the writer is damaged",
    ]


def test_a_newer_version_is_refused_and_a_flip_is_not_one(tmp_path):
    logged = write_sample(tmp_path)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = bytearray(path.read_bytes())
    data[8] = 2
    path.write_bytes(data)
    assert facts_of(read(str(path))) == logged.facts
    struct.pack_into("<I", data, fmt.FILE_HEADER.size, crc32(data[: fmt.FILE_HEADER.size]))
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormat, match="version 2"):
        read(str(path))


@pytest.mark.parametrize("content", [b"x" * 100, b"RUNLORE\n" + b"y" * 5000, os.urandom(70_000), b"RLfr" * 20_000])
def test_other_files(tmp_path, content):
    path = tmp_path / "other.rlj"
    path.write_bytes(content)
    chunk = read(str(path))
    assert (facts_of(chunk), chunk.context.keys) == ([], {})
    assert chunk.damage


def test_an_empty_file_is_a_journal_not_begun(tmp_path):
    path = tmp_path / "empty.rlj"
    for content in (b"", bytes(10), bytes(70_000)):
        path.write_bytes(content)
        chunk = read(str(path))
        assert (chunk.state, chunk.damage) == (TORN, [])


def test_a_torn_record_followed_by_zeros(tmp_path):
    logged = write_sample(tmp_path)
    used = used_bytes(logged.journal.path)
    os.pwrite(os.open(logged.journal.path, os.O_RDWR), struct.pack("<qd", 5, 1.0), used)
    chunk = read(logged.journal.path)
    assert (chunk.state, facts_of(chunk), chunk.context.offset) == (TORN, logged.facts, used)
    logged.scalar("loss", 7.0)
    again = read(logged.journal.path, chunk.context)
    assert (again.state, facts_of(again)) == (OPEN, logged.facts[-1:])
    logged.journal.close()


def test_a_hole_of_gigabytes_is_stepped_over(tmp_path):
    """What was never written (a sparse copy, reserved space) is not searched piece by piece."""
    logged = Logged(tmp_path)
    for i in range(600):
        logged.scalar("s", i, i)
    path = logged.journal.path
    data = Path(path).read_bytes()[: used_bytes(path)]
    logged.journal.close()
    sparse = tmp_path / "sparse.rlj"
    sparse.write_bytes(data)
    os.truncate(sparse, 1 << 36)
    chunk = read(str(sparse))
    assert (facts_of(chunk), chunk.state, chunk.damage) == (logged.facts, OPEN, [])


def test_a_stretch_of_zeros_in_the_middle(tmp_path):
    logged = Logged(tmp_path)
    for i in range(510 * 12):
        logged.scalar("s", i, i)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = bytearray(path.read_bytes())
    begin, end = 3 * fmt.FRAME_BYTES, 7 * fmt.FRAME_BYTES
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)
    chunk = read(str(path))
    assert len(chunk.points.value) == len(logged.facts) - 510 * 4
    assert chunk.damage
    assert is_subset(facts_of(chunk), logged.facts)


def test_lost_records_are_told_by_the_header(tmp_path):
    logged = write_sample(tmp_path)
    logged.journal.close()
    path = Path(logged.journal.path)
    data = bytearray(path.read_bytes())
    data[fmt.LOST_OFFSET : fmt.LOST_OFFSET + 8] = fmt.lost_count(12)
    path.write_bytes(data)
    assert read(str(path)).lost == 12
    data[fmt.LOST_OFFSET] ^= 1
    path.write_bytes(data)
    chunk = read(str(path))
    assert (chunk.lost, facts_of(chunk)) == (0, logged.facts)
    assert "complement" in chunk.damage[0].reason


@pytest.mark.parametrize("status", ["succeeded", "failed", "stopped"])
def test_the_end_is_told_by_the_header_where_its_event_found_no_room(tmp_path, status):
    logged = write_sample(tmp_path)
    path = Path(logged.journal.path)
    before = read(str(path))
    logged.journal._note_end(status)
    [event] = read(str(path)).events[len(before.events) :]
    assert (event.kind, event.key, event.value) == (STOP, "stop", {"status": status})
    assert event.sequence > max(fact.sequence for fact in before.events)
    more = read(str(path), before.context)
    assert (more.events, more.damage) == ([event], [])
    assert read(str(path), Context.load(more.context.dump())).events == [], "it is told once"
    logged.journal.close()
    closed = read(str(path), more.context)
    assert (closed.state, closed.events) == (CLOSED, [])
    assert [fact for fact in read(str(path)).events if fact.kind == STOP] == [event]


def test_a_damaged_end_is_reported_and_no_other_end_invented(tmp_path):
    logged = write_sample(tmp_path)
    logged.journal._note_end("succeeded")
    logged.journal.close()
    path = Path(logged.journal.path)
    whole = path.read_bytes()
    for bit in range(8 * fmt.ENDED.size):
        data = bytearray(whole)
        data[fmt.ENDED_OFFSET + bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        chunk = read(str(path))
        assert [damage.offset for damage in chunk.damage] == [fmt.ENDED_OFFSET]
        assert not [event for event in chunk.events if event.kind == STOP]
    with pytest.raises(ValueError, match="status='crashed' must be one of succeeded, failed, stopped"):
        fmt.end_mark("crashed", 0)
