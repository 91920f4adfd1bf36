"""What records mean, in the order in which they stand: journals that no writer makes, yet that match their CRCs."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from journal_oracle import TIME, facts_of

from runlore.journal import format as fmt
from runlore.journal.decode import CLOSED, Context, read

if TYPE_CHECKING:
    from pathlib import Path

    from runlore.journal.decode import Chunk

NAN = float("nan")


def a_record(kind: int, number: int, count: int, payload: bytes, *, time: int = TIME) -> bytes:
    head, tail = fmt.record(kind, time, NAN, count, number, payload)
    return head[: fmt.TAIL_AT] + fmt.TAIL.pack(tail) + head[fmt.RECORD_BYTES :]


def a_text(kind: int, number: int, payload: bytes) -> bytes:
    return a_record(kind, number, len(payload), payload)


def a_layout(number: int, *keys: int) -> bytes:
    return a_text(fmt.LAYOUT, number, struct.pack(f"<{len(keys)}I", *keys))


def a_row(number: int, *values: float) -> bytes:
    return a_record(fmt.ROW, number, len(values), struct.pack(f"<{len(values)}d", *values))


def a_scalar(key: int, value: float) -> bytes:
    return fmt.SCALAR_RECORD.pack(TIME, NAN, value, key, fmt.SCALAR_TAIL)


KEYS = [a_text(fmt.KEY, number, name.encode()) for number, name in enumerate("abcd")]


def write(path: Path, *frames: list[bytes]) -> str:
    """A closed journal whose frames hold these records."""
    text = b"{}"
    first = fmt.header_length(len(text))
    data = bytearray(fmt.file_header(text, 0) + text)
    used = check = 0
    for index, one in enumerate(frames):
        start = max(index * fmt.FRAME_BYTES, first if not index else 0)
        data += bytes(start - len(data))
        data += fmt.frame_header(index, 1, used, check)
        body = b"".join(one)
        data += body
        used, check = len(data) - index * fmt.FRAME_BYTES, crc32(body)
        assert used <= fmt.FRAME_BYTES - fmt.RECORD_BYTES
    data += fmt.closing_record(TIME, check, 0)[: fmt.TAIL_AT] + fmt.TAIL.pack(fmt.CLOSE_TAIL)
    path.write_bytes(data)
    return str(path)


def values_of(chunk: Chunk) -> list[tuple[str, float]]:
    return [
        (chunk.context.keys[k], v) for k, v in zip(chunk.points.key.tolist(), chunk.points.value.tolist(), strict=True)
    ]


FILLER = [a_scalar(0, 0.0)] * 300
FILLED = [("a", 0.0)] * 300


def test_a_layout_holds_from_its_definition_on(tmp_path, finding):
    """A row before it is lost; a layout that is defined anew counts for what follows; also across readings."""
    path = write(
        tmp_path / "j.rlj",
        [
            *KEYS,
            *FILLER,
            a_row(1, 1.0, 2.0),
            a_layout(1, 0, 1),
            a_row(1, 3.0, 4.0),
            a_layout(1, 2, 3),
            a_row(1, 5.0, 6.0),
        ],
        [*FILLER, a_row(1, 7.0, 8.0), a_layout(1, 3), a_row(1, 9.0), a_row(1, 10.0, 11.0), a_row(2, 12.0)],
    )
    expected = [*FILLED, ("a", 3.0), ("b", 4.0), ("c", 5.0), ("d", 6.0), *FILLED, ("c", 7.0), ("d", 8.0), ("d", 9.0)]
    chunk = read(path)
    assert values_of(chunk) == expected
    assert [damage.reason for damage in chunk.damage] == ["a row whose layout was lost"] * 3
    assert [damage.length for damage in chunk.damage] == [48, 48, 40]
    assert chunk.state == CLOSED
    first = read(path, max_bytes=1)
    second = read(path, Context.load(first.context.dump()))
    assert first.more
    assert values_of(first) + values_of(second) == expected
    assert first.damage + second.damage == chunk.damage


def test_layouts_are_forgotten_from_a_definition_on(tmp_path, finding):
    newer = fmt.MAX_LAYOUTS + 1
    path = write(
        tmp_path / "j.rlj",
        [
            *KEYS,
            *FILLER,
            a_layout(1, 0, 1),
            a_row(1, 1.0, 2.0),
            a_layout(newer, 2),
            a_row(1, 3.0, 4.0),
            a_row(newer, 5.0),
        ],
    )
    chunk = read(path)
    assert values_of(chunk) == [*FILLED, ("a", 1.0), ("b", 2.0), ("c", 5.0)]
    assert [damage.reason for damage in chunk.damage] == ["a row whose layout was lost"]
    assert set(chunk.context.layouts) == {newer}


def test_definitions_of_one_window_hold_in_the_next(tmp_path, finding):
    """The first window has four frames, and no row; the next begins with one."""
    plain = [a_scalar(0, 0.0)] * 510
    path = write(tmp_path / "j.rlj", [*KEYS, *FILLER, a_layout(1, 0, 1)], plain, plain, plain, [a_row(1, 1.0, 2.0)])
    chunk = read(path)
    assert values_of(chunk)[-2:] == [("a", 1.0), ("b", 2.0)]
    assert chunk.damage == []


def test_a_row_of_nothing_needs_a_layout_too(tmp_path, finding):
    path = write(tmp_path / "j.rlj", [*KEYS, a_layout(1), *FILLER, a_row(1), a_row(2)])
    chunk = read(path)
    assert values_of(chunk) == FILLED
    assert [(damage.length, damage.reason) for damage in chunk.damage] == [(32, "a row whose layout was lost")]


ODD = {
    "unknown type": a_record(9, 0, 8, bytes(8)),
    "close": a_record(fmt.CLOSE, 0, 0, b""),
    "size of a scalar": a_scalar(0, 1.0)[: fmt.TAIL_AT] + fmt.TAIL.pack(fmt.SCALAR_TAIL + 1),
    "size of a row": a_row(1, 1.0)[: fmt.TAIL_AT] + fmt.TAIL.pack(fmt.tail_of(fmt.ROW, 48)) + bytes(8),
    "zeros": bytes(32),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("before", [[], [*FILLER, a_row(1, 2.0)]], ids=["first", "later"])
@pytest.mark.parametrize("after", [[], [a_scalar(1, 3.0)]], ids=["last", "followed"])
def test_an_odd_record_ends_its_frame_and_no_other(tmp_path, finding, odd, before, after):
    path = write(
        tmp_path / "j.rlj", [*KEYS, a_layout(1, 0), *FILLER], [*before, odd, *after], [a_scalar(1, 4.0), *FILLER]
    )
    chunk = read(path)
    assert values_of(chunk) == [*FILLED, *([*FILLED, ("a", 2.0)] if before else []), ("b", 4.0), *FILLED]
    assert [tuple(damage) for damage in chunk.damage] == [
        (fmt.FRAME_BYTES, fmt.FRAME_BYTES, "records of an unknown kind")
    ]


def test_what_stands_behind_the_used_part_of_a_frame_is_no_record(tmp_path, finding):
    path = write(tmp_path / "j.rlj", [*KEYS, *FILLER, a_scalar(0, 1.0)], [*FILLER, a_scalar(1, 2.0)])
    with open(path, "r+b") as file:
        file.seek(fmt.FRAME_BYTES - 64)
        file.write(a_scalar(2, 3.0))
    chunk = read(path)
    assert values_of(chunk) == [*FILLED, ("a", 1.0), *FILLED, ("b", 2.0)]
    assert chunk.damage == []


def test_frames_that_are_full_but_not_of_scalars(tmp_path, finding):
    """The first window has four frames. Those of the next are full to the last byte."""
    rows = [a_row(1, 1.0, 2.0, 3.0, 4.0)] * 255
    path = write(tmp_path / "j.rlj", [*KEYS, a_layout(1, 0, 1, 2, 3)], [], [], [], rows, rows)
    chunk = read(path)
    assert values_of(chunk) == [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)] * 510
    assert chunk.damage == []


def test_frames_full_of_scalars_on_both_sides_of_one_of_which_nothing_counts(tmp_path, finding):
    ones, twos = [a_scalar(0, 1.0)] * 510, [a_scalar(1, 2.0)] * 510
    path = write(tmp_path / "j.rlj", KEYS, [], [], [], ones, ones, twos)
    with open(path, "r+b") as file:
        file.seek(6 * fmt.FRAME_BYTES)
        file.write(fmt.frame_header(6, 1, fmt.RECORD_BYTES, crc32(b"")))
    chunk = read(path)
    assert values_of(chunk) == [("a", 1.0)] * 510 + [("b", 2.0)] * 510
    assert chunk.points.sequence.tolist() == [
        at for frame in (4, 6) for at in range(frame * fmt.FRAME_BYTES + 32, (frame + 1) * fmt.FRAME_BYTES - 32, 32)
    ]


def test_a_damaged_last_frame_keeps_what_has_a_crc_of_its_own(tmp_path, finding):
    """It was closed, and not cut to its length any more. What is wrong is told in the order of the file."""
    path = write(
        tmp_path / "j.rlj", [*KEYS, a_row(1, 1.0), a_layout(1, 0), *FILLER], [*FILLER, a_row(1, 2.0), a_scalar(1, 3.0)]
    )
    with open(path, "r+b") as file:
        file.seek(fmt.FRAME_BYTES + fmt.RECORD_BYTES + 16)
        file.write(b"\xff")
        file.truncate(3 * fmt.FRAME_BYTES)
    chunk = read(path)
    assert values_of(chunk) == [*FILLED, ("a", 2.0)]
    assert chunk.state == CLOSED
    assert [damage.reason for damage in chunk.damage] == [
        "a row whose layout was lost",
        "a frame does not match its CRC",
        "301 points of damaged frames are left out",
    ]


def test_events_and_extra_columns_keep_their_order(tmp_path, finding):
    path = write(
        tmp_path / "j.rlj",
        [*KEYS, *FILLER, a_text(fmt.EVENT, 0, b'{"e":"log","k":"1","v":1}')],
        [a_text(fmt.EXTRA, 0, b'{"x":1}'), *FILLER, a_text(fmt.EVENT, 0, b'{"e":"log","k":"2","v":2}')],
        [
            a_text(fmt.EVENT, 0, b"{"),
            a_text(fmt.EXTRA, 0, b'{"x":2}'),
            a_text(fmt.EVENT, 0, b'{"e":"log","k":"3","v":3}'),
        ],
    )
    chunk = read(path)
    assert [event.key for event in chunk.events] == ["1", "2", "3"]
    assert [extra for _, extra in chunk.extras] == [{"x": 1}, {"x": 2}]
    assert chunk.context.extra == {"x": 2}
    assert len(facts_of(chunk)) == 603
    assert ["cannot be decoded" in damage.reason for damage in chunk.damage] == [True]
