from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.capture._lines import MAX_PIECE_CHARACTERS, LineAssembler

PARTS = ["text", "ä", "\r", "\n", "\b", "\x1b[K", "\x1b[31m", "\x1b", "[", "\x1b]0;", "\x07"]


def lines_of(*chunks):
    assembler = LineAssembler()
    pieces = [piece for chunk in chunks for piece in assembler.feed(chunk, 1)]
    pieces += assembler.flush()
    assert all(len(text) <= MAX_PIECE_CHARACTERS for _, text, _ in pieces)
    lines, begins = [], True
    for _, text, goes_on in pieces:
        lines[-1:] = [text] if begins and not lines else [*lines[-1:], text] if begins else [lines[-1] + text]
        begins = not goes_on
    assert begins
    return lines


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"10%\r50%\r100%\n", ["100%"]),
        (b"long text\rshort\n", ["shorttext"]),
        (b"long text\r\x1b[Kshort\n", ["short"]),
        (b"long text\x1b[2K\rshort\n", ["short"]),
        (b"abc\b\bX\n", ["aXc"]),
        (b"\x1b[1;31mred\x1b[0m plain\n", ["red plain"]),
        (b"\x1b]0;title\x07text\n", ["text"]),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["link"]),
        (b"\x1b[5Cx\n", ["     x"]),
        (b"tab\there\n", ["tab\there"]),
        (b"bell\x07 nul\x00\n", ["bell nul"]),
        ("Größe 漢字\n".encode(), ["Größe 漢字"]),
        (b"\xff\xfe broken\n", ["\ufffd\ufffd broken"]),
        (b"no newline", ["no newline"]),
        (b"", []),
    ],
)
def test_what_a_terminal_would_show(data, expected):
    assert lines_of(data) == expected
    assert lines_of(*[data[index : index + 1] for index in range(len(data))]) == expected


def test_bars_above_one_another_are_drawn_over():
    bars = b"first 0%\nsecond 0%\n"
    for percent in range(0, 101, 5):
        bars += b"\x1b[2A\rfirst %d%%\x1b[K\n\rsecond %d%%\x1b[K\n" % (percent, percent)
    lines = lines_of(bars + b"done\n")
    assert lines == ["first 100%", "second 100%", "done"]


def test_a_bar_leaves_one_line_however_often_it_is_drawn():
    data = b"".join(b"\rstep %d/10000 \x1b[32m#\x1b[0m" % step for step in range(10_001)) + b"\n"
    chunks = [data[index : index + 777] for index in range(0, len(data), 777)]
    assert lines_of(*chunks) == ["step 10000/10000 #"]


@pytest.mark.parametrize("length", [16_383, 16_384, 16_385, 32_768, 100_000])
@pytest.mark.parametrize("chunk", [1000, 16_384, 1 << 20])
@pytest.mark.parametrize("letters", [b"x", b"word ", b"\x1b[31mx\x1b[0m"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_long_line_is_one_line(length, chunk, letters, end):
    data = (letters * length)[:length] if letters[0] != 27 else letters * length
    text = (b"x" * length if letters[0] == 27 else data).decode()
    whole = data + end + (b"next\n" if end else b"")
    chunks = [whole[index : index + chunk] for index in range(0, len(whole), chunk)]
    assert lines_of(*chunks) == [text.rstrip() if end else text.rstrip(" "), *(["next"] if end else [])]


def test_pieces_end_at_spaces():
    assembler = LineAssembler()
    pieces = assembler.feed(b"word " * 10_000, 1)
    assert len(pieces) >= 2
    assert all(text.endswith(" ") and goes_on for _, text, goes_on in pieces)


def test_an_endless_line_takes_little_memory():
    assembler = LineAssembler()
    for _ in range(100):
        assembler.feed(b"x" * 100_000, 1)
        assert sum(map(len, assembler._rows)) <= MAX_PIECE_CHARACTERS


def test_a_line_has_the_time_of_its_last_change():
    assembler = LineAssembler()
    assert assembler.feed(b"10%", 100) == []
    assert assembler.feed(b"\r50%", 200) == []
    assert assembler.feed(b"\nnext\n", 300) == [(200, "50%", False), (300, "next", False)]


def test_a_title_leaves_nothing_behind_that_eats_text():
    assert lines_of(b"\x1b\x1b]0;title\x07text") == ["text"]


@settings(deadline=None, max_examples=examples(150))
@given(st.lists(st.sampled_from(PARTS)), st.integers(1, 5))
def test_chunks_make_no_difference_and_nothing_controls_the_reader(parts, size):
    data = "".join(parts).encode()
    whole = lines_of(data)
    assert all(character >= " " or character == "\t" for line in whole for character in line)
    assert [line for line in lines_of(*[data[i : i + size] for i in range(0, len(data), size)]) if line] == [
        line for line in whole if line
    ]
