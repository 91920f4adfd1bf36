"""RocksDB's sorted tables (`.sst`): blocks of entries in the order of their keys, and an index of the blocks.

A block that is damaged costs itself. Blocks are stored as they are, or compressed by Snappy, which is what Aim chooses.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile
from runlore.files import open_binary
from runlore.importers._crc32c import masked_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

PUT, DELETE, DELETE_ONE, DELETE_RANGE = 1, 0, 7, 15
"""Kinds of entries. Aim writes no others."""

MOST_BYTES = 1 << 30
"""Of one block, unpacked."""

_FOOTER_BYTES = 53
_MAGIC = 0x88E241B785F4CFF7
_TRAILER = struct.Struct("<BI")
_PLAIN, _SNAPPY = 0, 1
_RANGES = b"rocksdb.range_del"


class Entry(NamedTuple):
    """What was done to a key. Entries sort by key, the latest first.

    Attributes:
        key: of a range its beginning.
        age: less is later: the negated sequence number.
        kind: see above.
        value: of a range its end, which is not in it.
    """

    key: bytes
    age: int
    kind: int
    value: bytes


class Table:
    """One file.

    Args:
        path: of the file.
        damage: where what cannot be read is said, in words.
    """

    def __init__(self, path: str, damage: list[str]) -> None:
        self.path = path
        self._damage = damage

    def entries(self) -> Iterator[Entry]:
        """All entries but ranges, sorted.

        Raises:
            DamagedFile: it is no such file, or its index is damaged.
            OSError: it cannot be read.
        """
        with open_binary(self.path) as file:
            _, index = self._handles(file)
            for place, size in self._blocks(self._block(file, *index)):
                try:
                    block = self._block(file, place, size)
                except DamagedFile as error:
                    self._damage.append(f"left out: {error}")
                    continue
                yield from map(_entry, *_columns(block))

    def ranges(self) -> Iterator[Entry]:
        """Deleted ranges.

        Raises: as `entries`.
        """
        with open_binary(self.path) as file:
            meta, _ = self._handles(file)
            for name, handle in zip(*_columns(self._block(file, *meta)), strict=True):
                if name == _RANGES:
                    place, at = varint(handle, 0)
                    size, _ = varint(handle, at)
                    yield from map(_entry, *_columns(self._block(file, place, size)))

    def _handles(self, file: BinaryIO) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where the index of what is beside the entries is, and that of the entries: (place, size) each."""
        size = file.seek(0, os.SEEK_END)
        if size < _FOOTER_BYTES:
            raise DamagedFile(f"{self.path!r} has no end")
        file.seek(size - _FOOTER_BYTES)
        footer = file.read(_FOOTER_BYTES)
        if int.from_bytes(footer[-8:], "little") != _MAGIC:
            raise DamagedFile(f"{self.path!r} has no end that is RocksDB's")
        numbers, at = [], 1
        for _ in range(4):
            number, at = varint(footer, at)
            numbers.append(number)
        return (numbers[0], numbers[1]), (numbers[2], numbers[3])

    def _block(self, file: BinaryIO, place: int, size: int) -> bytes:
        """A block, unpacked.

        Raises:
            DamagedFile: it is not as it was written.
        """
        where = f"{min(size, MOST_BYTES):,} bytes of {self.path!r} at {place:,}"
        if size > MOST_BYTES or place >= 1 << 63:
            raise DamagedFile(f"{where}: it is beyond all bounds")
        file.seek(place)
        data = file.read(size + _TRAILER.size)
        if len(data) < size + _TRAILER.size:
            raise DamagedFile(f"{where}: the file ends before")
        packing, checksum = _TRAILER.unpack_from(data, size)
        if masked_crc32c(data[: size + 1]) != checksum:
            raise DamagedFile(f"{where}: the checksum is wrong")
        if packing == _PLAIN:
            return data[:size]
        if packing != _SNAPPY:
            raise DamagedFile(f"{where}: they are compressed in a way that is not known here ({packing})")
        import pyarrow as pa

        unpacked, _ = varint(data, 0)
        if unpacked > MOST_BYTES:
            raise DamagedFile(f"{where}: it is beyond all bounds")
        try:
            return bytes(pa.Codec("snappy").decompress(data[:size], unpacked, asbytes=True))
        except (pa.ArrowException, OSError) as error:
            raise DamagedFile(f"{where}: {error}") from error

    def _blocks(self, index: bytes) -> Iterator[tuple[int, int]]:
        """(place, size) of each block. An entry that shares its key's beginning says only how its size differs."""
        end, at = _end_of(index), 0
        place = size = 0
        while at < end:
            shared, at = varint(index, at)
            own, at = varint(index, at)
            at += own
            if shared == 0:
                place, at = varint(index, at)
                size, at = varint(index, at)
            else:
                change, at = varint(index, at)
                place, size = place + size + _TRAILER.size, size + (change >> 1 ^ -(change & 1))
            yield place, size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of 7 bits, the lowest first; and the place after it.

    Raises:
        DamagedFile: the data end within it, or it has more than 64 bits.

    Example:
        >>> varint(bytes([0xAC, 0x02]), 0)
        (300, 2)
    """
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise DamagedFile("a number is not there as a whole")


def _end_of(block: bytes) -> int:
    """Where the entries of a block end: before the places at which keys stand whole."""
    count = int.from_bytes(block[-4:], "little") & 0x7FFF_FFFF
    end = len(block) - 4 * (count + 1)
    if end < 0:
        raise DamagedFile("a block is shorter than it says")
    return end


def _columns(block: bytes) -> tuple[list[bytes], list[bytes]]:
    """Keys and values of a block; each key says how much of the one before it begins with."""
    end, at, key = _end_of(block), 0, b""
    keys, values = [], []
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        size, at = varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        keys.append(key)
        values.append(block[at : at + size])
        at += size
    return keys, values


def _entry(key: bytes, value: bytes) -> Entry:
    """The last eight bytes of a key in a table are its sequence number and kind."""
    if len(key) < 8:
        raise DamagedFile("a key has no number")
    number = int.from_bytes(key[-8:], "little")
    return Entry(key[:-8], -(number >> 8), number & 0xFF, value)
