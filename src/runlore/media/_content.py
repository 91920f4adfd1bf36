"""Reading stored content within limits, and writing content that may be larger than memory should hold.

Everything that is decoded was written by somebody else, perhaps with intent. So sizes are checked before memory is
taken: a whole file that has to be read, the members of a zip before they are expanded, names inside it.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
import zlib
from typing import IO, Any, Union

from runlore.errors import InvalidArgument, WrongType

Content = Union[str, "os.PathLike[str]", bytes]
"""Stored content: a path, or the bytes."""

MEMORY_LIMIT_BYTES = 32 << 20
"""Encoders write larger results to a temporary file instead of memory."""

MAX_JSON_BYTES = 256 << 20
"""A histogram, curve, matrix, figure or skeleton larger than this is refused."""

EXPANDED_FLOOR_BYTES = 1 << 30
MAX_EXPANSION = 100
MAX_MEMBERS = 65_536


def expansion_limit(size_bytes: int, max_bytes: int | None) -> int:
    """How many bytes content of this size may expand to: `max_bytes`, or the larger of 1 GiB and 100 times the size."""
    return max_bytes if max_bytes is not None else max(EXPANDED_FLOOR_BYTES, MAX_EXPANSION * size_bytes)


def content_size(content: Content) -> int:
    """Size in bytes.

    Raises:
        FileNotFoundError: the path does not exist.
    """
    return len(content) if isinstance(content, bytes) else os.path.getsize(content)


def read_content(content: Content, what: str, *, max_bytes: int | None = None) -> bytes:
    """The content in memory.

    Raises:
        InvalidArgument: it is larger than `max_bytes`.
        FileNotFoundError: the path does not exist.
    """
    size = content_size(content)
    if max_bytes is not None and size > max_bytes:
        raise InvalidArgument(f"{what} has {size:,} bytes, more than the {max_bytes:,} that are read; nothing was read")
    if isinstance(content, bytes):
        return content
    with open(content, "rb") as file:
        return file.read()


def open_content(content: Content) -> IO[bytes]:
    """The content as a binary file, to be closed by the caller."""
    return io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb")


def open_archive(content: Content, what: str, *, max_bytes: int | None = None) -> zipfile.ZipFile:
    """A zip file whose members are safe to expand.

    Checked before anything is expanded: the number of members, their declared sizes together (`zipfile` never yields
    more than the declared size), that none is encrypted, no name is absolute or climbs, no name comes twice.

    Raises:
        InvalidArgument: one of these does not hold, or the content is not a zip file.
    """
    limit = expansion_limit(content_size(content), max_bytes)
    source: Any = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InvalidArgument(
            f"{what} is not a readable zip archive ({error}); it was stored damaged or is something else"
        ) from error
    try:
        _check_members(archive.infolist(), what, limit)
    except InvalidArgument:
        archive.close()
        raise
    return archive


def _check_members(members: list[zipfile.ZipInfo], what: str, limit_bytes: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise InvalidArgument(f"{what} has {len(members):,} members, more than {MAX_MEMBERS:,}; nothing was expanded")
    names = set()
    for member in members:
        name = member.filename
        if name in names:
            raise InvalidArgument(f"{what} has two members named {name!r}; nothing was expanded")
        names.add(name)
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise InvalidArgument(f"{what} has a member named {name!r}, which leaves the archive; nothing was expanded")
        if member.flag_bits & 0x1:
            raise InvalidArgument(f"{what} has an encrypted member {name!r}; nothing was expanded")
    total = sum(member.file_size for member in members)
    if total > limit_bytes:
        raise InvalidArgument(
            f"{what} would expand to {total:,} bytes, more than the {limit_bytes:,} that are allowed for its size; "
            "nothing was expanded. If you trust it, pass max_bytes="
        )


def read_member(archive: zipfile.ZipFile, name: object, what: str) -> bytes:
    """One member of a checked archive.

    Raises:
        InvalidArgument: there is no such member, or its checksum does not match.
    """
    if not isinstance(name, str) or name not in archive.NameToInfo:
        raise InvalidArgument(f"{what} refers to a member {name!r} that it does not have")
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError) as error:
        raise InvalidArgument(f"{what}: the member {name!r} is damaged ({error})") from error


def dump_json(value: Any) -> bytes:
    """Strict JSON (no NaN, no infinity), ASCII, compact."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def load_json(content: Content, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InvalidArgument: it is too large, not JSON, nested too deeply, or not an object.
    """
    raw = read_content(content, what, max_bytes=MAX_JSON_BYTES)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{what} is not JSON ({error}); it was stored damaged or is something else") from error
    if not isinstance(value, dict):
        raise InvalidArgument(f"{what} is JSON but not an object: {str(value)[:60]!r}")
    return value


def fs_path(path: object, argument: str) -> str:
    """The absolute path of an existing regular file.

    Raises:
        InvalidArgument: there is none.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise WrongType(f"{argument} must be a path, not {type(path).__name__}")
    text = os.path.abspath(os.fspath(path))
    if not os.path.isfile(text):
        raise InvalidArgument(f"{argument}={os.fspath(path)!r} is not an existing file; nothing was stored")
    return text


class Spool:
    """A write-only file that stays in memory up to `MEMORY_LIMIT_BYTES` and then moves to a temporary file.

    After `close`, exactly one of `data` and `path` is set, as `Encoded` wants them. Used as a context manager; when
    the block raises, nothing is left on disk.
    """

    def __init__(self, suffix: str) -> None:
        self.data: bytes | None = None
        self.path: str | None = None
        self._suffix = suffix
        self._file: IO[bytes] = io.BytesIO()
        self._size_bytes = 0

    closed = False

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never: writers that would go back to patch a header stream instead."""
        return False

    def write(self, data: Any) -> int:
        """Append bytes."""
        view = memoryview(data).cast("B")
        self._size_bytes += len(view)
        if self.path is None and self._size_bytes > MEMORY_LIMIT_BYTES:
            self._roll_over()
        self._file.write(view)
        return len(view)

    def flush(self) -> None:
        """Bring written bytes to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """End writing. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        if isinstance(self._file, io.BytesIO):
            self.data = self._file.getvalue()
        self._file.close()

    @property
    def content(self) -> dict[str, Any]:
        """`data`, `path` and `delete_after`, as `Encoded` takes them."""
        return {"data": self.data, "path": self.path, "delete_after": self.path is not None}

    def discard(self) -> None:
        """Remove the temporary file, if there is one. Safe to call twice."""
        if self.path is not None and os.path.exists(self.path):
            os.unlink(self.path)

    def _roll_over(self) -> None:
        so_far = self._file
        handle, self.path = tempfile.mkstemp(prefix="runlore-", suffix=self._suffix)
        self._file = os.fdopen(handle, "wb")
        if isinstance(so_far, io.BytesIO):
            self._file.write(so_far.getbuffer())

    def __enter__(self) -> Spool:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()
        if kind is not None:
            self.discard()
