"""The bytes of a journal, version 1. Little-endian; every size is a multiple of 8.

A journal is a file header followed by *frames*. A frame is `FRAME_BYTES` long, or a multiple of it where one record
needs more (its `span`); it starts with a 32-byte frame header, which also closes the account of the frame before it:
how many bytes were used, and their CRC-32. Records never cross the end of a frame's span. Unused bytes are zero.

    file header   magic 8s | version u16 | pad u16 | header bytes u32 | JSON bytes u32 | CRC of the JSON u32
                  | lost u32 | ~lost u32 | pad to 64 | JSON: uid, writer, host, boot, pid, user, created_ns, ...
    frame header  magic 4s | index u32 | span u32 | previous: used u32, CRC u32 | pad u64 | CRC of this u32
    record        time i64 ns | step f64, NaN: none | word u64 | id u32 | tail u32 | payload

The first frame's header bytes follow the file header, inside frame 0. `tail` is the commit mark and is written last:
`0xA5 << 24 | type << 16 | size in units of 8 bytes`, the size 0 where it does not fit (then `word` has it).

| type | word | id | payload |
| --- | --- | --- | --- |
| SCALAR | the value, f64 | key | none: 32 bytes in all |
| ROW | CRC u32, values u32 | layout | that many f64 |
| EVENT | CRC u32, bytes u32 | 0 | JSON `{"e": kind, "k": key, "v": value, "x": {extra columns}}` |
| KEY | CRC u32, bytes u32 | key | JSON string: defines the key's id |
| LAYOUT | CRC u32, bytes u32 | layout | key ids, u32 each: defines the columns of rows |
| EXTRA | CRC u32, bytes u32 | 0 | JSON object: extra columns of every later record of this writer |
| VOID | 0 | 0 | none: room that was claimed and not used |
| CLOSE | CRC of the frame so far u32, lost u32 | 0 | none: the writer ended; nothing follows |

A killed writer leaves zeros, or an uncommitted record, after its last committed one: a state, not an error. Frames are
checked by CRC once they are complete, rows and texts each by their own; the scalars of a journal's last, unclosed frame
rest on their commit marks alone.
"""

from __future__ import annotations

import struct

MAGIC = b"RUNLORE\n"
VERSION = 1
FRAME_BYTES = 16 * 1024
FRAME_MAGIC = b"RLfr"
HEADER_BYTES = 64
RECORD_BYTES = 32
MAX_EVENT_BYTES = 64 * 1024 * 1024
SUFFIX = ".rlj"
LOCK_SUFFIX = ".lock"

FILE_HEADER = struct.Struct("<8sHHIIIII")
LOST_OFFSET = 24
LOST = struct.Struct("<II")
FRAME_HEADER = struct.Struct("<4sIIIIQI")
SCALAR_RECORD = struct.Struct("<qddII")
RECORD = struct.Struct("<qdIIII")
TAIL = struct.Struct("<I")
TAIL_AT = 28

MARK = 0xA5
SCALAR, ROW, EVENT, KEY, LAYOUT, EXTRA, VOID, CLOSE = range(1, 9)
WITH_PAYLOAD = frozenset({ROW, EVENT, KEY, LAYOUT, EXTRA})


def tail_of(kind: int, size: int) -> int:
    """The commit mark of a record of this type and size in bytes."""
    units = size >> 3
    return MARK << 24 | kind << 16 | (units if units <= 0xFFFF else 0)


SCALAR_TAIL = tail_of(SCALAR, RECORD_BYTES)
VOID_TAIL = tail_of(VOID, RECORD_BYTES)
CLOSE_TAIL = tail_of(CLOSE, RECORD_BYTES)


def padded(size: int) -> int:
    """The size rounded up to a multiple of 8."""
    return (size + 7) & ~7


def span_of(size: int) -> int:
    """How many `FRAME_BYTES` the frame of a record of this size takes: large records share a larger frame."""
    if size <= FRAME_BYTES // 8:
        return 1
    wanted = min(8 * size, max(size, 1 << 20)) + RECORD_BYTES
    return -(-wanted // FRAME_BYTES)
