"""Where the bytes of a journal come from: a file, memory, or whatever else can be asked for bytes by their offset."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod

from runlore.files import open_regular


class ByteSource(ABC):
    """The bytes of one journal, which may gain more of them at any moment, or be cut.

    What is there is written from low to high offsets, but for a few bytes of the file's header. A call need not see the
    bytes of one instant: those that are written while it lasts may be in its answer, or not. But it never gives bytes
    that are older than when it was called. Not to be shared by threads.
    """

    @abstractmethod
    def size(self) -> int:
        """How many bytes there are now, those that are only reserved included."""

    @abstractmethod
    def pread(self, offset: int, length: int) -> bytes:
        """The bytes from an offset on: `length` of them, or as many as there are."""

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill the buffer with the bytes from an offset on, as far as there are any; returns how many those were."""
        found = self.pread(offset, len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def next_data(self, offset: int) -> int | None:
        """An offset, `offset` or behind it, before which nothing was ever written; None: nor is behind it.

        A source that cannot tell returns `offset`.
        """
        return offset if offset < self.size() else None


class FileSource(ByteSource):
    """The bytes of a file.

    Args:
        path: the file, which stays open until `close`.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFile: something else than a regular file is there.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = open_regular(path)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def size(self) -> int:
        """The length of the file."""
        return os.fstat(self._descriptor).st_size

    def pread(self, offset: int, length: int) -> bytes:
        """Some bytes of the file."""
        return os.pread(self._descriptor, length, offset)

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """As `ByteSource.readinto`, without a copy."""
        done = 0
        while done < len(buffer):
            got = os.preadv(self._descriptor, [buffer[done:]], offset + done)
            if not got:
                break
            done += got
        return done

    def next_data(self, offset: int) -> int | None:
        """Where the file has something other than a hole or reserved space."""
        try:
            return os.lseek(self._descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            return offset  # this file system does not tell


class MemorySource(ByteSource):
    """Bytes in memory.

    Args:
        content: the journal; a `bytearray` may grow while it is read.
    """

    def __init__(self, content: bytes | bytearray) -> None:
        self._content = content

    def size(self) -> int:
        """How many bytes there are."""
        return len(self._content)

    def pread(self, offset: int, length: int) -> bytes:
        """Some of the bytes."""
        return bytes(self._content[offset : offset + length])


class LongerSource(ByteSource):
    """The bytes of an open file, and some that are to be appended to it.

    Args:
        descriptor: of the file, which stays open, and which nobody appends to meanwhile.
        size: how many bytes it has.
        more: those that come behind them.

    Attributes:
        written: how many bytes the file has.

    Example:
        >>> with open("journal.rlj", "w+b", buffering=0) as file:
        ...     _ = file.write(b"written")
        ...     LongerSource(file.fileno(), 7, b" and sent").pread(4, 8)
        b'ten and '
    """

    def __init__(self, descriptor: int, size: int, more: bytes) -> None:
        self._descriptor = descriptor
        self.written = size
        self._more = more

    def size(self) -> int:
        """How many bytes there will be."""
        return self.written + len(self._more)

    def pread(self, offset: int, length: int) -> bytes:
        """Some of the bytes."""
        found = os.pread(self._descriptor, max(min(length, self.written - offset), 0), offset)
        begin = max(offset - self.written, 0)
        return found + self._more[begin : max(offset + length - self.written, 0)]
