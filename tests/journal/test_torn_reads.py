"""Whoever reads while others write sees bytes of different moments; and concludes nothing from them that is not so.

The source that is read tears each reading at random places and lets the writer go on in between: by whole records of a
real writer, or byte by byte.
"""

from __future__ import annotations

import os
import random
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_oracle import MODES, Logged, facts_of, write_sample
from tests.examples import examples

from runlore.journal import format as fmt
from runlore.journal.chain import frame_header
from runlore.journal.decode import CLOSED, OPEN, TORN, Chunk, Context, read, read_source
from runlore.journal.source import ByteSource, FileSource, MemorySource
from runlore.journal.walk import walk
from runlore.journal.window import Window


class TornSource(ByteSource):
    """A source of which each reading is made in pieces, in any order, while something else happens between them."""

    def __init__(self, source: ByteSource, chance: random.Random, writer: Story | SlowWriter) -> None:
        self._source = source
        self._chance = chance
        self._writer = writer

    def _meanwhile(self) -> None:
        self._writer.go_on()

    def size(self) -> int:
        self._meanwhile()
        return self._source.size()

    def pread(self, offset: int, length: int) -> bytes:
        raw = bytearray(length)
        return bytes(raw[: self.readinto(offset, memoryview(raw))])

    def readinto(self, offset: int, buffer: memoryview) -> int:
        pieces = self._pieces(offset, len(buffer))
        end = 0
        for start, stop in pieces:
            self._meanwhile()
            got = self._source.readinto(offset + start, buffer[start:stop])
            end = max(end, start + got) if got else end
        self._meanwhile()
        return end

    def _pieces(self, offset: int, length: int) -> list[tuple[int, int]]:
        """Where it is torn: anywhere, but most often near to where the writer is."""
        chance = self._chance
        grain = chance.choice([1, 8, 32, 4096])
        cuts = []
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            cut = chance.randrange(0, length + 1)
            if chance.random() < 0.7:
                spread = chance.choice([64, 64, fmt.FRAME_BYTES])
                cut = self._writer.at() - offset + chance.randrange(-spread, spread + 1)
            cuts.append(min(max(cut, 0), length) // grain * grain)
        edges = sorted({0, length, *cuts})
        pieces = list(pairwise(edges))
        if chance.random() < 0.3:
            chance.shuffle(pieces)
        return pieces

    def next_data(self, offset: int) -> int | None:
        self._meanwhile()
        return self._source.next_data(offset)


class Story:
    """A writer that goes on whenever it is let, and what it logged."""

    def __init__(self, directory, mode: str, chance: random.Random, records: int) -> None:
        self.logged = Logged(directory, mode)
        self.chance = chance
        self.left = records
        self.is_closed = False

    def at(self) -> int:
        """Where in the file the writer is."""
        return self.logged.journal._position + self.logged.journal.offset

    def go_on(self) -> None:
        chance = self.chance
        if self.left > 0 and chance.random() < 0.5:
            self.write(chance.choice([1, 1, 1, 7, 100, 600, 1100]))

    def write(self, count: int) -> None:
        for _ in range(min(count, self.left)):
            self.left -= 1
            self.write_one(len(self.logged.facts))
        if not self.left and not self.is_closed:
            self.is_closed = True
            self.logged.journal.close()

    def write_one(self, number: int) -> None:
        what = self.chance.random()
        if what < 0.9:
            self.logged.scalar(f"s{number % 3}", number, number)
        elif what < 0.98:
            self.logged.row({"a": number, "b": -number, f"c{number % 50}": 0.5}, number)
        elif what < 0.999:
            self.logged.event("log", "line", "x" * self.chance.choice([0, 1, 50, 3000]))
        else:
            self.logged.event("log", "long", "x" * 40_000)


def read_along(story: Story, chance: random.Random, check) -> list[Chunk]:
    """Read again and again, while the story goes on, until all is read; `check` looks at each chunk."""
    chunks: list[Chunk] = []
    context, max_bytes = Context(), chance.choice([1 << 62, 1 << 62, 1, 50_000])
    while True:
        was_closed, least = story.is_closed, len(story.logged.facts)
        with closing(FileSource(story.logged.journal.path)) as file:
            source = TornSource(file, chance, story)
            chunk = read_source(source, Context.load(context.dump()), max_bytes=max_bytes)
        chunks.append(chunk)
        context = chunk.context
        check(chunks, was_closed, 0 if chunk.more else least)
        if was_closed and not chunk.more:
            return chunks
        story.write(chance.choice([0, 1, 1, 300]))


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), records=st.integers(1, 12_000))
def test_torn_readings_give_what_was_logged_and_report_nothing_else(tmp_path, mode, seed, records):
    chance = random.Random(seed)
    story = Story(tmp_path, mode, chance, records)
    found: list[tuple] = []

    def check(chunks: list[Chunk], was_closed: bool, least: int) -> None:
        chunk = chunks[-1]
        found.extend(facts_of(chunk))
        assert len(found) >= least, "what was there before is found"
        assert found == story.logged.facts[: len(found)], "it is what was logged first"
        assert (chunk.damage, chunk.lost) == ([], 0)
        assert chunk.state in ((CLOSED,) if was_closed and not chunk.more else (OPEN, TORN, CLOSED))

    try:
        read_along(story, chance, check)
        assert found == story.logged.facts
    finally:
        story.logged.journal.close()
        os.unlink(story.logged.journal.path)


class PreemptedSource(FileSource):
    """Its first large reading is interrupted once, at `cut`; the second part of it is read later, or the first."""

    def __init__(self, path: str, cut: int, meanwhile, *, backwards: bool = False) -> None:
        super().__init__(path)
        self.cut = cut
        self.meanwhile = meanwhile
        self.backwards = backwards

    def readinto(self, offset: int, buffer: memoryview) -> int:
        cut, self.cut = self.cut - offset, 0
        if not 0 < cut < len(buffer):
            return super().readinto(offset, buffer)
        parts = [(0, cut), (cut, len(buffer))]
        if self.backwards:
            parts.reverse()
        super().readinto(offset + parts[0][0], buffer[slice(*parts[0])])
        self.meanwhile()
        super().readinto(offset + parts[1][0], buffer[slice(*parts[1])])
        return len(buffer)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("wound", [False, True], ids=["sound", "wounded"])
@pytest.mark.parametrize("gained", [1, 300, 600, 1100, 1700])
def test_a_large_reading_during_which_the_writer_is_faster(tmp_path, gained, wound, backwards):
    """It meets the middle of a frame beside complete ones, or an empty frame between complete ones."""
    for cut in (*range(2048, 65_536, 2048), 16_384 + 64, 16_384 + 9600, 32_768 - 8):
        logged = Logged(tmp_path)
        path = logged.journal.path

        def write(count: int, logged=logged) -> None:
            for _ in range(count):
                logged.scalar("m", len(logged.facts), len(logged.facts))

        write(300)
        before = read(path)
        write(400)
        if wound:  # the header of the frame that is being filled
            data = os.open(path, os.O_RDWR)
            os.pwrite(data, b"?", fmt.FRAME_BYTES + 2)
            os.close(data)
        with closing(PreemptedSource(path, cut, lambda write=write: write(gained), backwards=backwards)) as source:
            first = read_source(source, before.context)
        logged.journal.close()
        rest = read(path, first.context)
        assert facts_of(before, first, rest) == logged.facts, cut
        damage = {item for chunk in (before, first, rest) for item in chunk.damage}
        assert {item.reason for item in damage} == ({"the header of a frame is damaged"} if wound else set()), cut
        os.unlink(path)


def test_a_record_that_is_committed_during_the_reading_is_not_torn(tmp_path):
    logged = Logged(tmp_path)
    logged.scalar("m", 0, 0)
    path = logged.journal.path

    class Late(FileSource):
        readings = 0

        def readinto(self, offset: int, buffer: memoryview) -> int:
            self.readings += 1
            if self.readings == 2:
                logged.scalar("m", 1, 1)
            return super().readinto(offset, buffer)

    with closing(Late(path)) as source:
        chunk = read_source(source)
        assert source.readings == 2
    assert (facts_of(chunk), chunk.state) == (logged.facts[:1], OPEN)
    assert facts_of(read(path, chunk.context)) == logged.facts[1:]
    logged.journal.close()


def test_numbers_in_the_header_that_the_writer_is_just_changing(tmp_path):
    """Each of the first looks at them finds them half changed."""
    logged = write_sample(tmp_path)
    journal = logged.journal

    class Changing(FileSource):
        looks = 0

        def pread(self, offset: int, length: int) -> bytes:
            if offset in (fmt.LOST_OFFSET, fmt.ENDED_OFFSET) and self.looks < 10:
                self.looks += 1
                first = super().pread(offset, 4)
                journal._note_lost(self.looks)
                journal._note_end(["failed", "stopped"][self.looks % 2])
                return first + super().pread(offset + 4, length - 4)
            return super().pread(offset, length)

    with closing(Changing(journal.path)) as source:
        chunk = read_source(source)
        assert source.looks == 10
    assert (chunk.damage, chunk.lost) == ([], 10)
    assert chunk.events[-1].value == {"status": "failed"}
    journal.close()


# -- byte by byte ---------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """Bytes that a writer puts into the file by one call that others may see half done."""

    offset: int
    content: bytes
    is_ordered: bool
    """Whether they are put there from low to high addresses."""


def steps_of(data: bytes, mode: str) -> list[Step]:
    """How a writer made this journal, in order."""
    window = Window(MemorySource(data))
    window.load(0, len(data))
    first_at = fmt.FILE_HEADER.unpack_from(data)[3]
    body = first_at + fmt.RECORD_BYTES
    beginning = [(fmt.HEADER_BYTES, first_at), (first_at, body), (0, fmt.HEADER_BYTES)]
    steps = [Step(a, data[a:b], is_ordered=False) for a, b in beginning]
    if mode == "write":
        steps = [Step(0, data[:body], is_ordered=True)]
    headers = frame_headers_of(data)
    for at, following in zip(headers, [*headers[1:], len(data)], strict=True):
        if at != first_at:
            steps.append(Step(at, data[at : at + fmt.RECORD_BYTES], is_ordered=mode == "write"))
        walked = walk(window, at + fmt.RECORD_BYTES, following)
        ends = [*walked.records, walked.end]
        if following == len(data):
            ends.append(len(data))
        for start, end in pairwise(ends):
            steps += steps_of_record(start, data[start:end], mode)
    return steps


def steps_of_record(start: int, record: bytes, mode: str) -> list[Step]:
    if mode == "write":
        return [Step(start, record, is_ordered=True)]
    head, tail = bytearray(record), record[fmt.TAIL_AT : fmt.RECORD_BYTES]
    head[fmt.TAIL_AT : fmt.RECORD_BYTES] = bytes(4)
    return [Step(start, bytes(head), is_ordered=False), Step(start + fmt.TAIL_AT, tail, is_ordered=True)]


def frame_headers_of(data: bytes) -> list[int]:
    first_at = fmt.FILE_HEADER.unpack_from(data)[3]
    source = MemorySource(data)
    at, found = 0, []
    while (header := frame_header(source.pread, at, at or first_at)) is not None:
        found.append(at or first_at)
        at += header.span_bytes
    return found


class SlowWriter:
    """Makes a journal again, byte by byte."""

    def __init__(self, data: bytes, mode: str, chance: random.Random) -> None:
        self.steps = steps_of(data, mode)
        self.mode = mode
        self.chance = chance
        self.final = len(data)
        self.image = bytearray()
        self.begun = 0
        self.pending: list[tuple[int, bytes]] = []

    @property
    def is_done(self) -> bool:
        return self.begun == len(self.steps) and not self.pending and len(self.image) == self.final

    def at(self) -> int:
        """Where in the file the writer is."""
        return self.steps[max(self.begun - 1, 0)].offset

    def go_on(self) -> None:
        if self.chance.random() < 0.6:
            self.write(self.chance.choice([1, 1, 2, 5, 40, 3000]))

    def write(self, words: int) -> None:
        for _ in range(words):
            if not self.pending and self.begun < len(self.steps):
                self._begin(self.steps[self.begun])
                self.begun += 1
            if self.pending:
                offset, word = self.pending.pop()
                if self.mode == "write" and len(self.image) < offset + len(word):
                    self.image.extend(bytes(offset + len(word) - len(self.image)))
                self.image[offset : offset + len(word)] = word
            elif self.begun == len(self.steps):
                del self.image[self.final :]

    def _begin(self, step: Step) -> None:
        end = step.offset + len(step.content)
        if self.mode == "mmap" and len(self.image) < end:
            self.image.extend(bytes(end + 4 * fmt.FRAME_BYTES - len(self.image)))
        grain = 4 if step.is_ordered else 8
        words = [
            (step.offset + at, step.content[at : at + grain]) for at in range(0, len(step.content), grain)
        ]  # fmt: skip
        if step.is_ordered:
            words.reverse()
        else:
            self.chance.shuffle(words)
        self.pending = words


class Samples(list):
    """Pairs of bytes and facts, of which Hypothesis shows only how many they are."""

    def __repr__(self) -> str:
        return f"{len(self)} samples"


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Samples:
    """Closed journals: of scalars, of everything, and with records that take frames of their own."""
    found = Samples()
    for shape in ("empty", "scalars", "sample", "large"):
        directory = tmp_path_factory.mktemp(shape)
        logged = Logged(directory)
        if shape == "scalars":
            for i in range(1200):
                logged.scalar("m", i, i)
        elif shape in ("sample", "large"):
            logged.journal.close()
            logged = write_sample(directory, repeat=30, wide=20, big=3000 if shape == "large" else 0)
        logged.journal.close()
        found.append((Path(logged.journal.path).read_bytes(), logged.facts))
    return found


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=examples(150))
@given(seed=st.integers(0, 2**32), shape=st.integers(0, 3))
def test_a_journal_that_is_written_byte_by_byte_is_never_taken_for_damaged(samples, mode, seed, shape):
    data, facts = samples[shape]
    chance = random.Random(seed)
    writer = SlowWriter(data, mode, chance)
    found: list[tuple] = []
    context = Context()
    while True:
        is_done = writer.is_done
        chunk = read_source(TornSource(MemorySource(writer.image), chance, writer), context)
        found += facts_of(chunk)
        context = chunk.context
        assert found == facts[: len(found)]
        assert (chunk.damage, chunk.lost) == ([], 0)
        whole = read_source(MemorySource(bytes(writer.image)))  # as if the writer had died there
        assert facts_of(whole)[: len(found)] == found
        assert whole.damage == []
        if is_done:
            break
        writer.write(chance.choice([0, 1, 8, 500, 5000]))
    assert (found, chunk.state) == (facts, CLOSED)
