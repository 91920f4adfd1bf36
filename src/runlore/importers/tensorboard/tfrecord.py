"""Files of records as TensorFlow frames them: length, its checksum, the record, its checksum.

A record that is not there as a whole is a state, not an error: whoever writes may go on. A record whose checksum is not
right is skipped, as long as its length can be believed; where that is wrong, nothing after it can be found.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from runlore.files import open_binary
from runlore.importers._crc32c import masked_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MOST_BYTES = 1 << 30
"""Of one record."""

_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
_PIECE_BYTES = 1 << 22


class Piece(NamedTuple):
    """A record, or what stands in place of one.

    Attributes:
        end: the place in the file after it; reading can go on there.
        data: the record; None where its checksum is not right.
    """

    end: int
    data: memoryview | None


class Broken(Exception):
    """The length of a record is damaged: nothing after it can be found."""


def read_records(path: str, start: int = 0) -> Iterator[Piece]:
    """The records from a place on, as far as they are there.

    Raises:
        Broken: see there.
        DamagedFile: it is no regular file.
        OSError: it cannot be read.
    """
    with open_binary(path) as file:
        yield from _records(file, start)


def _records(file: BinaryIO, start: int) -> Iterator[Piece]:
    file.seek(start)
    place, held = start, b""
    used = 0
    while True:
        header = held[used : used + 12]
        size = 0
        if len(header) == 12:
            size, checksum = _HEADER.unpack(header)
            if masked_crc32c(header[:8]) != checksum or size > MOST_BYTES:
                raise Broken(f"the length of a record at {place:,}")
        needed = 12 + size + 4 if len(header) == 12 else 12
        if len(held) - used < needed:
            more = file.read(max(_PIECE_BYTES, needed))
            if not more:
                return
            held, used = held[used:] + more, 0
            continue
        data = memoryview(held)[used + 12 : used + 12 + size]
        (checksum,) = _FOOTER.unpack_from(held, used + 12 + size)
        place, used = place + needed, used + needed
        yield Piece(place, data if masked_crc32c(data) == checksum else None)
