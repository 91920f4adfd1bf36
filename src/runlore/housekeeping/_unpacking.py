"""Unpacking an archive that anybody may have made: only what a store has, only so much of it, and nothing twice.

A few megabytes can be made to unpack into more than a disk holds, or into more files than a directory bears. So there
are limits, and an archive that goes beyond one is refused as a whole. What was recorded compresses to a tenth at best;
an archive may unpack to a hundred times its size.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOB = re.compile(r"blobs/([0-9a-f]{2})/\1[0-9a-f]{62}").fullmatch
_COMPONENT = r"[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]*"
_RUN_FILE = re.compile(
    rf"runs/(?:{_COMPONENT}/)+[0-9a-f]{{32}}/"
    r"(?:(?:journal|damaged)/[A-Za-z0-9_-]+\.rlj|(?:metrics|events)\.parquet)"
).fullmatch
_CLAIM = re.compile(rf"claims/{_COMPONENT}/{_COMPONENT}/about").fullmatch
_PLACES = (_RUN_FILE, _BLOB, _CLAIM)
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
_DESCRIBING = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
               tarfile.GNUTYPE_LONGLINK)  # fmt: skip
"""Members that say something of the next one; they are read into memory."""
_MOST_DESCRIPTION_BYTES = 1 << 16
_PIECE_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_NOTHING = "nothing was imported"


class Limits(NamedTuple):
    """How much an archive may unpack to.

    Attributes:
        size_bytes: all files together; None: a hundred times the archive's size, and 256 MiB at least.
        files: how many.
        depth: components of a path, such as those of an experiment's name.
    """

    size_bytes: int | None = None
    files: int = 1_000_000
    depth: int = 128


_RATIO = 100
_ALWAYS_BYTES = 256 << 20


def is_place(name: str) -> bool:
    """Whether a path is one at which a run's file, contents or a claim can be in an archive.

    Example:
        >>> is_place(f"runs/iris/{'0' * 32}/events.parquet"), is_place("../evil")
        (True, False)
    """
    return any(matches(name) for matches in _PLACES)


def unpack(
    file: BinaryIO, place: str, limits: Limits, progress: Callable[[int, int], None] | None = None
) -> None:  # fmt: skip
    """Write what an archive holds below a directory, which is new. The caller removes it, whatever happens.

    Args:
        file: to read from; need not be able to seek.
        place: the directory.
        limits: how much to unpack.
        progress: called with (bytes read, size of the file), if the latter is known.

    Raises:
        InvalidArgument: it is no archive of Runlore, is cut off, or goes beyond a limit.
        OSError: the disk does not take it.
    """
    counted = _Counted(file, progress)
    unpacking = _Unpacking(place, limits, counted)
    try:
        with tarfile.open(fileobj=_unzipped(counted), mode="r|", tarinfo=_Member) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it remembers all of them
                unpacking.take(archive, member)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidArgument(
            f"this is no archive of `runlore export`, or it is cut off: {error}; {_NOTHING}"
        ) from error
    if not unpacking.files:
        raise InvalidArgument(f"this is no archive of `runlore export`: it is empty; {_NOTHING}")


def _unzipped(file: _Counted) -> BinaryIO:
    """What a gzipped file holds, or the file itself."""
    buffered = io.BufferedReader(file)
    if buffered.peek(2).startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered, mode="rb"))
    return buffered


class _Counted(io.RawIOBase):
    """A file of which is known how much was read."""

    def __init__(self, file: BinaryIO, progress: Callable[[int, int], None] | None) -> None:
        super().__init__()
        self.bytes = 0
        self._file = file
        self._progress = progress
        self._size = _size(file) if progress is not None else 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, target: Any) -> int:
        """Read into a buffer; how many bytes."""
        content = self._file.read(len(target))
        target[: len(content)] = content
        self.bytes += len(content)
        if self._progress is not None and self._size:
            self._progress(min(self.bytes, self._size), self._size)
        return len(content)


def _size(file: BinaryIO) -> int:
    """The size of a file in bytes; 0: it is none, or a pipe."""
    try:
        return os.fstat(file.fileno()).st_size
    except (OSError, AttributeError):
        return 0


class _Member(tarfile.TarInfo):
    """A member of an archive. What describes the next one is small."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _DESCRIBING and member.size > _MOST_DESCRIPTION_BYTES:
            raise tarfile.ReadError(f"a name of {member.size:,} bytes")
        return member


class _Unpacking:
    """Files that are being unpacked.

    Attributes:
        files: how many there are, directories included.
    """

    def __init__(self, place: str, limits: Limits, packed: _Counted) -> None:
        self.files = 0
        self._place = place
        self._limits = limits
        self._packed = packed
        self._bytes = 0

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write a file of the archive."""
        self.files += 1
        if self.files > self._limits.files:
            raise _beyond(f"holds more than {self._limits.files:,} files", "--max-files")
        if member.isdir():
            return
        name = member.name
        plain = member.type in _PLAIN and not member.issparse()
        if not plain or not (name == "format" or is_place(name)):
            raise InvalidArgument(f"the archive holds {name[:200]!r}, which no run has; {_NOTHING}")
        parts = name.split("/")
        if len(parts) > self._limits.depth:
            raise _beyond(f"holds a path of {len(parts):,} components, {name[:80]!r}…", "--max-depth")
        self._check_size(member.size)
        content = archive.extractfile(member)
        if content is None:
            raise InvalidArgument(f"the archive holds {name!r}, which is no file; {_NOTHING}")
        try:
            target = open(self._path(parts), "xb")  # noqa: SIM115 - closed below
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise InvalidArgument(f"the archive holds {name!r} twice; {_NOTHING}") from error
        with target:
            while piece := content.read(_PIECE_BYTES):
                self._bytes += len(piece)
                self._check_size(0)
                target.write(piece)

    def _path(self, parts: list[str]) -> str:
        """The path of a file, whose directory is made."""
        path = self._place
        for part in parts[:-1]:
            path = f"{path}/{part}"
            if not os.path.isdir(path):
                os.mkdir(path)
        return f"{path}/{parts[-1]}"

    def _check_size(self, more: int) -> None:
        limit = self._limits.size_bytes
        if limit is None:
            limit = max(_ALWAYS_BYTES, _RATIO * self._packed.bytes)
            what = f"unpacks to more than {_RATIO} times its size, and {_ALWAYS_BYTES >> 20} MiB"
        else:
            what = f"unpacks to more than {limit:,} bytes"
        if (more > limit and self._limits.size_bytes is not None) or self._bytes > limit:
            raise _beyond(what, "--max-size")


def _beyond(what: str, option: str) -> InvalidArgument:
    return InvalidArgument(f"the archive {what}; {_NOTHING}. {option} raises the limit, if you know who made it")
