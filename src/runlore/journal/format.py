"""The bytes of a journal, version 1, as docs/reference/journal-format.md describes them.

All numbers are little-endian; the sizes of records are multiples of 8.

A journal is a file header followed by *frames*. A frame is `FRAME_BYTES` long, or a multiple of it where one record
needs more (its `span`); it starts with a 32-byte frame header, which also closes the account of the frame before it:
how many bytes were used, and the CRC-32 of its records. Records never cross the end of a frame. Unused bytes are zero.

    file header   magic 8s | version u16 | pad u16 | header bytes u32 | JSON bytes u32 | CRC of the JSON u32
                  | CRC of these 24 bytes u32 | pad u32 | lost u32 | ~lost u32
                  | ended: status u32, CRC of status and time u32, time i64 ns | pad to 64
                  | JSON: uid, writer, host, boot, pid, pid_started, pid_space, file, created_ns, lock | pad to 32
    frame header  magic 4s | index u32 | span u32 | previous: used u32, CRC u32 | pad u64 | CRC of these 28 bytes u32
    record        time i64 ns | step f64, NaN: none | word u64 | id u32 | tail u32 | payload

The first frame's header follows the file header, inside frame 0. `tail` is the commit mark and is written last:
`0xA5 << 24 | type << 16 | size in units of 8 bytes`, the size 0 where it does not fit (then `word` has it).

| type | word | id | payload |
| --- | --- | --- | --- |
| SCALAR | the value, f64 | key | none: 32 bytes in all |
| ROW | CRC u32, values u32 | layout | that many f64 |
| EVENT | CRC u32, bytes u32 | 0 | JSON `{"e": kind, "k": key, "v": value, "x": {extra columns}}` |
| KEY | CRC u32, bytes u32 | key | UTF-8 text: what this id stands for |
| LAYOUT | CRC u32, bytes u32 | layout | key ids, u32 each: the columns of rows |
| EXTRA | CRC u32, bytes u32 | 0 | JSON object: extra columns of every later record of this writer |
| CLOSE | CRC of the frame so far u32, lost u32 | CRC of this record | none: the writer ended; nothing follows |

A record's CRC covers its time, step, count, id and tail, then its payload. The last 32 bytes of a frame are for CLOSE.
Texts are UTF-8 in which lone surrogates stand as they are (`surrogatepass`). A layout is forgotten once
`MAX_LAYOUTS` newer ones were defined.
"""

from __future__ import annotations

import struct
from zlib import crc32

from runlore.model import FAILED, STOPPED, SUCCEEDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"RUNLORE\n"
VERSION = 1
FRAME_BYTES = 16 * 1024
FRAME_MAGIC = b"RLfr"
HEADER_BYTES = 64
RECORD_BYTES = 32
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
MAX_LAYOUTS = 4096
JOURNAL = "journal"
"""The directory of a run, or of a card, that holds its journals."""
SUFFIX = ".rlj"
LOCK_SUFFIX = ".lock"
SENDER_SUFFIX = ".sender"
"""Beside a journal that somebody sends: changed whenever they are heard of; see `runlore.journal.liveness`."""

FILE_HEADER = struct.Struct("<8sHHIII")
LOST_OFFSET = 32
LOST = struct.Struct("<II")
ENDED_OFFSET = 40
ENDED = struct.Struct("<IIq")
_ENDED_CHECKED = struct.Struct("<Iq")
CRC = struct.Struct("<I")
FRAME_HEADER = struct.Struct("<4sIIIIQ")
SCALAR_RECORD = struct.Struct("<qddII")
RECORD = struct.Struct("<qdIIII")
CHECKED = struct.Struct("<qdIII")
TAIL = struct.Struct("<I")
TAIL_AT = 28

MARK = 0xA5
SCALAR, ROW, EVENT, KEY, LAYOUT, EXTRA, CLOSE = range(1, 8)
ENDS = {1: SUCCEEDED, 2: FAILED, 3: STOPPED}
"""Statuses in `ended`, which is zero where the run's stop event found room."""
WITH_PAYLOAD = frozenset({ROW, EVENT, KEY, LAYOUT, EXTRA})


def tail_of(kind: int, size: int) -> int:
    """The commit mark of a record of this type and size in bytes."""
    units = size >> 3
    return MARK << 24 | kind << 16 | (units if units <= 0xFFFF else 0)


SCALAR_TAIL = tail_of(SCALAR, RECORD_BYTES)
CLOSE_TAIL = tail_of(CLOSE, RECORD_BYTES)


def padded(size: int) -> int:
    """The size rounded up to a multiple of 8."""
    return (size + 7) & ~7


def is_blank(raw: bytes) -> bool:
    """Whether these bytes are what was never written: zeros."""
    return raw == bytes(len(raw))


def span_of(size: int) -> int:
    """How many `FRAME_BYTES` the frame of a record of this size takes: large records share a larger frame."""
    if size <= FRAME_BYTES // 8:
        return 1
    wanted = min(8 * size, max(size, 1 << 20)) + 2 * RECORD_BYTES
    return -(-wanted // FRAME_BYTES)


def size_of(payload_bytes: int) -> int:
    """Bytes of a record with a payload of so many."""
    return RECORD_BYTES + payload_bytes + (-payload_bytes & 7)


def room_for(sizes: Iterable[int]) -> int:
    """Bytes of frames that suffice for records with payloads of these sizes, wherever the first one begins.

    A record that does not fit into what is left of a frame begins the next one: of a frame of the usual size an eighth
    may stay empty, and each record for which that is too small may need a frame of its own.
    """
    small, frames = 0, 2
    for size in sizes:
        span = span_of(size_of(size))
        if span > 1:
            frames += span + 1
        else:
            small += size_of(size)
    frames += -(-small // (FRAME_BYTES - FRAME_BYTES // 8 - 2 * RECORD_BYTES))
    return frames * FRAME_BYTES


def header_length(text_bytes: int) -> int:
    """Bytes of a file header whose JSON has so many."""
    return -(-(HEADER_BYTES + text_bytes) // 32) * 32


def file_header(text: bytes, lost: int) -> bytes:
    """The first 64 bytes of a journal whose description is this JSON text."""
    fixed = FILE_HEADER.pack(MAGIC, VERSION, 0, header_length(len(text)), len(text), crc32(text))
    return (fixed + CRC.pack(crc32(fixed)) + bytes(4) + lost_count(lost)).ljust(HEADER_BYTES, b"\0")


def lost_count(lost: int) -> bytes:
    """A count of lost records, and its complement to tell it from noise."""
    count = min(lost, 0xFFFFFFFF)
    return LOST.pack(count, count ^ 0xFFFFFFFF)


def end_mark(status: str, time_ns: int) -> bytes:
    """What the file header says of the end of a run whose stop event found no room.

    Raises:
        ValueError: runs do not end with this status.
    """
    code = next((code for code, name in ENDS.items() if name == status), 0)
    if not code:
        raise ValueError(f"status={status!r} must be one of {', '.join(ENDS.values())}")
    return ENDED.pack(code, crc32(_ENDED_CHECKED.pack(code, time_ns)), time_ns)


def is_end_mark(raw: bytes) -> bool:
    """Whether these bytes are what `end_mark` wrote, or what was there before: zeros."""
    if len(raw) < ENDED.size:
        return False
    code, check, time_ns = ENDED.unpack(raw)
    return not any(raw) or (code in ENDS and check == crc32(_ENDED_CHECKED.pack(code, time_ns)))


def read_end_mark(raw: bytes) -> tuple[str, int] | None:
    """Status and time of an `is_end_mark`; None where there are none."""
    code, _, time_ns = ENDED.unpack(raw)
    return (ENDS[code], time_ns) if code else None


def frame_header(index: int, span: int, used: int, check: int) -> bytes:
    """The header of the frame at `index * FRAME_BYTES`, which says how the frame before it ended."""
    fixed = FRAME_HEADER.pack(FRAME_MAGIC, index, span, used, check, 0)
    return fixed + CRC.pack(crc32(fixed))


def record_check(time_ns: int, step: float, count: int, number: int, tail: int, payload: bytes | memoryview) -> int:
    """The CRC of a record with a payload."""
    return crc32(payload, crc32(CHECKED.pack(time_ns, step, count, number, tail)))


def record(kind: int, time_ns: int, step: float, count: int, number: int, payload: bytes) -> tuple[bytes, int]:
    """A record with a payload, but for its commit mark; and the mark."""
    rest = -len(payload) & 7
    tail = tail_of(kind, RECORD_BYTES + len(payload) + rest)
    check = crc32(payload, crc32(CHECKED.pack(time_ns, step, count, number, tail)))
    head = RECORD.pack(time_ns, step, check, count, number, 0)
    return (head + payload + bytes(rest) if rest else head + payload), tail


def closing_record(time_ns: int, check: int, lost: int) -> bytes:
    """The record that ends a journal, but for its commit mark; `check` is the CRC of its frame's records so far."""
    count = min(lost, 0xFFFFFFFF)
    own = crc32(RECORD.pack(time_ns, float("nan"), check, count, 0, 0)[:24])
    return RECORD.pack(time_ns, float("nan"), check, count, own, 0)
