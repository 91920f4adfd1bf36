from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.capture._lines import MAX_PIECE_CHARACTERS, LineAssembler

PARTS = ["text", "ä", "\r", "\n", "\b", "\x1b[K", "\x1b[31m", "\x1b", "[", "\x1b]0;", "\x07"]
MOVES = ["\x1b[2D", "\x1b[1K", "\x1b[J"]


def lines_of(*chunks):
    assembler = LineAssembler()
    pieces = [piece for chunk in chunks for piece in assembler.feed(chunk, 1)]
    pieces += assembler.flush()
    assert all(len(text) <= MAX_PIECE_CHARACTERS for _, text, _, _ in pieces)
    lines, begins = [], True
    for _, text, goes_on, _ in pieces:
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


def test_bars_of_a_hidden_cursor_leave_nothing_of_their_first_drawing():
    chunks = [b"\x1b[?25lfirst 0%\n", b"second 0%", b"\r\x1b[2K\x1b[1A\x1b[2Kfirst 9%\nsecond 9%", b"\n\x1b[?25h"]
    assembler = LineAssembler()
    found = [piece[1] for chunk in chunks for piece in assembler.feed(chunk, 1)]
    assert found == ["first 9%", "second 9%"]


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
    assert all(text.endswith(" ") and goes_on for _, text, goes_on, _ in pieces)


def test_an_endless_line_takes_little_memory():
    assembler = LineAssembler()
    for _ in range(100):
        assembler.feed(b"x" * 100_000, 1)
        assert sum(map(len, assembler._rows)) <= MAX_PIECE_CHARACTERS


def test_a_line_has_the_time_of_its_last_change():
    assembler = LineAssembler()
    assert assembler.feed(b"10%", 100) == []
    assert assembler.feed(b"\r50%", 200) == []
    assert assembler.feed(b"\nnext\n", 300) == [(200, "50%", False, ()), (300, "next", False, ())]


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


def looks_of(data):
    """Each line as its text with every character's look."""
    assembler = LineAssembler()
    pieces = [*assembler.feed(data, 1), *assembler.flush()]
    return [(text, [(text[start:end], look) for start, end, look in spans]) for _, text, _, spans in pieces]


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"a \x1b[1;31mred\x1b[0m b", [("red", "1;31")]),
        (b"\x1b[31m\x1b[1mred\x1b[22m on", [("red", "1;31"), (" on", "31")]),
        (b"\x1b[38;5;208mo\x1b[48;2;1;2;3mt\x1b[39m.", [("o", "38;5;208"), ("t", "38;5;208;48;2;1;2;3"),
                                                        (".", "48;2;1;2;3")]),
        (b"\x1b[38:2::9:8:7mx\x1b[4:3my\x1b[4:0mz", [("x", "38;2;9;8;7"), ("y", "4;38;2;9;8;7"), ("z", "38;2;9;8;7")]),
        (b"\x1b[58;5;1;31mx", [("x", "31")]),
        (b"\x1b[32m#####\x1b[0m\r\x1b[31m##", [("##", "31"), ("###", "32")]),
        (b"\x1b[32m#####\x1b[0m\rplain", []),
        (b"\x1b[32mabcdef\x1b[0m\x1b[3D!", [("abc", "32"), ("ef", "32")]),
        (b"\x1b[32mabcdef\x1b[0m\x1b[3G\x1b[Kx", [("ab", "32")]),
        (b"\x1b[32mabcdef\x1b[0m\x1b[3G\x1b[1Kx", [("def", "32")]),
        (b"\x1b[32mtrailing   \x1b[0m", [("trailing", "32")]),
        (b"\x1b[?25l\x1b[>4;1m\x1b[999mx\x1b[38;5;300my\x1b[38mz\x1b[38;2;1mw", []),
        (b"\x1b[" + b"1;" * 100 + b"1mx", []),
    ],
)  # fmt: skip
def test_colours_stand_beside_the_text(data, looks):
    (line,) = looks_of(data + b"\n")
    assert line[1] == looks


def test_a_colour_goes_on_over_lines_and_pieces():
    assert looks_of(b"\x1b[33mone\ntwo\x1b[0m\nthree") == [
        ("one", [("one", "33")]), ("two", [("two", "33")]), ("three", []),
    ]  # fmt: skip
    pieces = looks_of(b"\x1b[33m" + b"x" * 40_000 + b"\x1b[0my\n")
    assert sum(len(text) for text, _ in pieces) == 40_001
    assert [len(part) for _, spans in pieces for part, _ in spans] == [16_384, 16_384, 7_232]


def test_a_line_of_many_colours_takes_little():
    (line,) = looks_of(b"".join(b"\x1b[%dmx" % (31 + i % 6) for i in range(5000)) + b"\n")
    assert len(line[0]) == 5000
    assert len(line[1]) == 512


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from([*PARTS, *MOVES, "\x1b[0m", "\x1b[38;5;9m"])), st.integers(1, 5))
def test_looks_are_of_characters_that_are_there_and_the_same_in_chunks(parts, size):
    data = "".join(parts).encode()
    whole, pieced = LineAssembler(), LineAssembler()
    one = [*whole.feed(data, 1), *whole.flush()]
    for _, text, _, spans in one:
        ends = [place for start, end, _ in spans for place in (start, end)]
        assert ends == sorted(ends)
        assert all(start < end <= len(text) for start, end, _ in spans)
    other = [piece for i in range(0, len(data), size) for piece in pieced.feed(data[i : i + size], 1)]
    joined = [(text, spans) for _, text, _, spans in [*other, *pieced.flush()] if text]
    assert [(text, list(spans)) for text, spans in joined] == [(text, list(spans)) for _, text, _, spans in one if text]
