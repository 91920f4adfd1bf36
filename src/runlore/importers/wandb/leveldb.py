"""Logs as LevelDB frames them, with the header of W&B: records in pieces that end at blocks of 32 KiB.

A piece whose checksum is not right costs the rest of its block: there reading begins again. What is not there as a
whole at the end is a state, not an error.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

from runlore.errors import DamagedFile
from runlore.files import open_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 32_768
MOST_BYTES = 1 << 30
"""Of one record."""

_MAGIC = b":W&B"
_HEADER_BYTES = 7
"""Of the file: the mark, two bytes of magic, the version. Of a piece: checksum, length, kind."""
_PIECE = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class LogReader:
    """The records of a file.

    Args:
        path: of the file.

    Attributes:
        damage: what could not be read, in words; it grows while records are read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.damage: list[str] = []

    def records(self) -> Iterator[memoryview]:
        """The records, one after the other.

        Raises:
            DamagedFile: it is no file of W&B.
            OSError: it cannot be read.
        """
        with open_binary(self.path) as file:
            if file.read(_HEADER_BYTES)[: len(_MAGIC)] != _MAGIC:
                raise DamagedFile(f"{self.path!r} is no file of W&B: it does not begin with {_MAGIC.decode()}")
            file.seek(0)
            yield from self._joined(file)

    def _joined(self, file: BinaryIO) -> Iterator[memoryview]:
        """Records, put together of their pieces. One whose beginning or middle is damaged is left out."""
        waiting: list[bytes] | None = None
        for kind, data in self._pieces(file):
            if kind == _FULL:
                yield memoryview(data)
                waiting = None
            elif kind == _FIRST:
                waiting = [data]
            elif waiting is not None and kind in (_MIDDLE, _LAST):
                waiting.append(data)
                if sum(map(len, waiting)) > MOST_BYTES:
                    raise DamagedFile(f"{self.path!r} has a record of more than {MOST_BYTES:,} bytes")
                if kind == _LAST:
                    yield memoryview(b"".join(waiting))
                    waiting = None
            else:
                waiting = None
        if waiting is not None:
            self.damage.append(f"{self.path!r} ends within a record")

    def _pieces(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """(kind, data) of each piece; of the kind 0 where something is damaged."""
        number = 0
        while block := file.read(BLOCK_BYTES):
            place = _HEADER_BYTES if number == 0 else 0
            while place + _PIECE.size <= len(block):
                checksum, size, kind = _PIECE.unpack_from(block, place)
                start, end = place + _PIECE.size, place + _PIECE.size + size
                if end > len(block) and len(block) < BLOCK_BYTES:
                    self.damage.append(f"{self.path!r} ends within a record")
                    return
                data = block[start:end]
                if end > len(block) or zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum:
                    if any(block[place:]):  # else the block was reserved, and never written
                        at = number * BLOCK_BYTES + place
                        self.damage.append(
                            f"left out: {len(block) - place:,} bytes of {self.path!r} at {at:,}: the checksum is wrong"
                        )
                    yield 0, b""
                    break
                yield kind, data
                place = end
            number += 1
