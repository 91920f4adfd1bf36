"""Protocol buffers without their schema: the fields of a message, as they stand in its bytes.

Only what readers of trackers' files need. Whatever the bytes are, nothing is allocated beyond them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from runlore.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

Value: TypeAlias = "int | bytes | memoryview"
Fields: TypeAlias = "dict[int, list[Value]]"
"""The values of each field, by its number: an unsigned int (varint, or 8 or 4 bytes of a fixed one as `bytes`)."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10


def varint(data: memoryview, place: int) -> tuple[int, int]:
    """The number of variable length at a place, and the place after it.

    Raises:
        DamagedFile: it does not end.
    """
    number = shift = 0
    for index in range(place, min(place + _MOST_VARINT_BYTES, len(data))):
        byte = data[index]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, index + 1
        shift += 7
    raise DamagedFile(f"a number at byte {place:,} of a message does not end")


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """(number, value) of every field, in the order in which they stand: ints, and pieces of the data for all others.

    Raises:
        DamagedFile: it is no message.
    """
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        kind = tag & 7
        if kind == _VARINT:
            number, place = varint(data, place)
            yield tag >> 3, number
            continue
        if kind == _BYTES:
            size, place = varint(data, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise DamagedFile(f"a field at byte {place:,} of a message is of the unknown kind {kind}")
        if place + size > len(data):
            raise DamagedFile(f"a field at byte {place:,} of a message of {len(data):,} bytes has {size:,}")
        yield tag >> 3, data[place : place + size]
        place += size


def message(data: memoryview) -> Fields:
    """All fields of a message, by number. Raises as `fields`."""
    found: Fields = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


def piece(found: Fields, number: int) -> memoryview:
    """The last value of a field, which is a message, a text or bytes; empty where it is absent.

    Raises:
        DamagedFile: it is a number.
    """
    value = found.get(number, [b""])[-1]
    if isinstance(value, int):
        raise DamagedFile(f"field {number} of a message is a number, not a message")
    return memoryview(value)


def text(found: Fields, number: int) -> str:
    """The last value of a field as text; what is no UTF-8 is replaced. Raises as `piece`."""
    return bytes(piece(found, number)).decode("utf-8", "replace")


def whole(found: Fields, number: int) -> int:
    """The last value of a field as a signed integer; 0 where it is absent.

    Raises:
        DamagedFile: it is none.
    """
    value = found.get(number, [0])[-1]
    if not isinstance(value, int):
        raise DamagedFile(f"field {number} of a message is no integer")
    return value - (1 << 64) if value >> 63 else value


def real(found: Fields, number: int) -> float | None:
    """The last value of a field of 4 or 8 bytes as a float; None where it is absent.

    Raises:
        DamagedFile: it is of another size.
    """
    if number not in found:
        return None
    raw = piece(found, number)
    if len(raw) not in (4, 8):
        raise DamagedFile(f"field {number} of a message is no float")
    (value,) = struct.unpack("<d" if len(raw) == 8 else "<f", raw)
    return float(value)


def reals(found: Fields, number: int) -> list[float]:
    """All values of a repeated field of doubles, packed or one by one. Raises as `real`."""
    values: list[float] = []
    for value in found.get(number, ()):
        if isinstance(value, int) or len(value) % 8:
            raise DamagedFile(f"field {number} of a message holds no doubles")
        values += struct.unpack(f"<{len(value) // 8}d", value)
    return values
