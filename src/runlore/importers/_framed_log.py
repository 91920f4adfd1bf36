"""Logs as LevelDB frames them, and W&B and RocksDB after it: records in pieces that end at blocks of 32 KiB.

A piece whose checksum is not right costs the rest of its block: there reading begins again. What is not there as a
whole at the end is a state, not an error.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from runlore.errors import DamagedFile
from runlore.files import open_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK_BYTES = 32_768
MOST_BYTES = 1 << 30
"""Of one record."""

_PIECE = struct.Struct("<IHB")
"""Before a piece: checksum, length, kind."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class LogReader:
    """The records of a file.

    Args:
        path: of the file.
        checksum: of a piece, given its data with the byte of its kind before it.
        mark: with which the file begins.
        header_bytes: before the first piece.

    Attributes:
        damage: what could not be read, in words; it grows while records are read.
    """

    def __init__(
        self, path: str, checksum: Callable[[bytes], int], mark: bytes = b"", header_bytes: int = 0
    ) -> None:  # fmt: skip
        self.path = path
        self._checksum = checksum
        self._mark = mark
        self._header_bytes = header_bytes
        self.damage: list[str] = []

    def records(self) -> Iterator[memoryview]:
        """The records, one after the other.

        Raises:
            DamagedFile: it does not begin with the mark.
            OSError: it cannot be read.
        """
        with open_binary(self.path) as file:
            if file.read(len(self._mark)) != self._mark:
                raise DamagedFile(f"{self.path!r} does not begin with {self._mark.decode()}")
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
            place = self._header_bytes if number == 0 else 0
            while place + _PIECE.size <= len(block):
                checksum, size, kind = _PIECE.unpack_from(block, place)
                start, end = place + _PIECE.size, place + _PIECE.size + size
                if end > len(block) and len(block) < BLOCK_BYTES:
                    self.damage.append(f"{self.path!r} ends within a record")
                    return
                data = block[start:end]
                if end > len(block) or self._checksum(bytes([kind]) + data) != checksum:
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
