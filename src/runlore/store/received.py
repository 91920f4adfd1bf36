"""Journals that others send, by offset: what the server does with the bytes of a run that is written elsewhere.

Appending is idempotent. Bytes that are there already are compared, not written again; what would leave a gap, or would
change what is there, is refused. The first bytes of a journal must say that it is the one of this run and writer, so
that whatever the rest is, it can harm no other run. Beside a journal lies `<writer>.sender` until it is whole: see
`runlore.journal.liveness`.

Appended bytes are in the operating system's hands when `append` returns. They are on the disk when `finish` returns:
a sender keeps its copy until then.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from runlore.errors import InvalidArgument
from runlore.files import open_regular
from runlore.journal.beginning import BEGINNING_BYTES, changes, check_beginning, without_changing
from runlore.journal.folder import JOURNAL, journal_path
from runlore.journal.liveness import sender_path
from runlore.journal.source import LongerSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.store.directory import DirectoryStore

GAP = "gap"
DIFFERS = "differs"

MAX_JOURNAL_BYTES = 1 << 36
"""Of one writer: 64 GiB are two billion points."""
_PIECE_BYTES = 1 << 20


class Received(NamedTuple):
    """What became of bytes that were sent.

    Attributes:
        size: how many bytes of the journal there are; a sender goes on from here.
        problem: empty; `gap`: bytes are missing before the ones that were sent; `differs`: others are there.
    """

    size: int
    problem: str = ""


class ReceivedJournal:
    """One journal that is being received.

    Args:
        store: the store.
        directory: of the run, which exists.
        uid: of the run.
        writer: of the journal, a uid.
        inspect: called, before bytes are appended, with which file it is (device and inode) and the journal as it would
            be with them. What it raises keeps them out.
    """

    def __init__(
        self, store: DirectoryStore, directory: str, uid: str, writer: str,
        inspect: Callable[[tuple[int, int], LongerSource], None] | None = None,
    ) -> None:  # fmt: skip
        self._inspect = inspect
        self._store = store
        self._directory = directory
        self._uid = uid
        self._writer = writer
        self._path = journal_path(os.path.join(directory, JOURNAL), writer)

    def append(self, offset: int, content: bytes, beginning: bytes = b"") -> Received:
        """Append bytes.

        Args:
            offset: where in the journal they begin.
            content: the bytes; none: only that the sender lives.
            beginning: the journal's first `BEGINNING_BYTES` as they are by now, where its writer changed them.

        Raises:
            InvalidArgument: they are not the beginning of this writer's journal, or it would be too large.
            OSError: there is no room for them. Nothing was appended, or a part that the next try finds there.
        """
        if offset + len(content) > MAX_JOURNAL_BYTES:
            raise InvalidArgument(
                f"offset={offset}: a journal has at most {MAX_JOURNAL_BYTES:,} bytes; start a new run"
            )
        with self._opened(content if offset == 0 else b"") as descriptor:
            if descriptor is None:
                return self._absent(offset + len(content))
            size = os.fstat(descriptor).st_size
            if offset > size:
                return Received(size, GAP)
            known = min(size - offset, len(content))
            if not _agrees(descriptor, offset, content[:known]):
                return Received(size, DIFFERS)
            if known < len(content):
                self._write(descriptor, size, content[known:], begins=content if offset == 0 else b"")
            else:
                self._touch()
            if beginning:
                self._begin_anew(descriptor, beginning)
            return Received(max(size, offset + len(content)))

    def finish(self, size: int, check: int, beginning: bytes, *, died: bool) -> Received:
        """Nothing more will come: compare all of it, and have it on the disk.

        Args:
            size: of the journal.
            check: CRC-32 of its bytes behind the first `BEGINNING_BYTES`.
            beginning: those.
            died: its writer did not close it. What is here may be longer then: its machine can have lost what it had
                sent, as by a loss of power.

        Raises:
            InvalidArgument: the beginning is none.
            OSError: the disk fails.
        """
        with self._opened() as descriptor:
            if descriptor is None:
                return self._absent(size)
            found = os.fstat(descriptor).st_size
            if found < size:
                return Received(found, GAP)
            if (found > size and not died) or _check_of(descriptor, size) != check:
                return Received(found, DIFFERS)
            self._begin_anew(descriptor, beginning)
            os.fsync(descriptor)
            for directory in (os.path.dirname(self._path), self._directory, os.path.dirname(self._directory)):
                _sync_directory(directory)
            sender = sender_path(self._path)
            if died:
                with open(open_regular(sender, os.O_WRONLY | os.O_CREAT), "wb") as file:
                    file.write(b"died\n")
            else:
                with suppress(FileNotFoundError):  # said before
                    os.unlink(sender)
            return Received(found)

    @contextmanager
    def _opened(self, begins: bytes = b"") -> Iterator[int | None]:
        """The journal, which nobody else appends to meanwhile; made if it begins with these bytes, else None."""
        descriptor = self._open(begins)
        if descriptor is None:
            yield None
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _open(self, begins: bytes) -> int | None:
        with suppress(FileNotFoundError):
            return open_regular(self._path, os.O_RDWR)
        if not begins or self._sealed_bytes() >= len(begins):
            return None
        check_beginning(begins, self._uid, self._writer)
        self._store.journal_directory(self._directory)
        self._touch(create=True)  # before the journal: no reader takes it for one that is written here
        descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT)
        self._store.touch_run(self._directory)
        return descriptor

    def _absent(self, end: int) -> Received:
        """There is no such journal: sealed, if as much of it was, or all of it has to be sent."""
        sealed = self._sealed_bytes()
        return Received(sealed) if sealed >= end else Received(0, GAP)

    def _sealed_bytes(self) -> int:
        if not os.path.exists(os.path.join(self._directory, "events.parquet")):
            return 0
        from runlore.store.sealed.files import read_summary

        return int(read_summary(self._directory)["writers"].get(self._writer, {}).get("bytes", 0))

    def _write(self, descriptor: int, size: int, content: bytes, *, begins: bytes) -> None:
        if size == 0:
            check_beginning(begins, self._uid, self._writer)
            self._store.touch_run(self._directory)  # again: whoever made the file may have been killed before it did so
        if self._inspect is not None:
            found = os.fstat(descriptor)
            self._inspect((found.st_dev, found.st_ino), LongerSource(descriptor, size, content))
        self._touch(create=True)
        view = memoryview(content)
        while view:
            written = os.pwrite(descriptor, view, size)
            view, size = view[written:], size + written

    def _touch(self, *, create: bool = False) -> None:
        """The sender was heard of, and its writer lives."""
        sender = sender_path(self._path)
        try:
            if create and os.path.getsize(sender):  # it was said to be dead, and is not
                os.truncate(sender, 0)
                self._store.touch_run(self._directory)  # readers may have taken the run for ended
            os.utime(sender)
        except FileNotFoundError:
            if create:
                os.close(open_regular(sender, os.O_WRONLY | os.O_CREAT))

    def _begin_anew(self, descriptor: int, beginning: bytes) -> None:
        """Take over what the writer changed in the first bytes.

        Raises:
            InvalidArgument: they are not this journal's.
        """
        now = os.pread(descriptor, BEGINNING_BYTES, 0)
        if len(now) == BEGINNING_BYTES and now != beginning:
            offset, changed = changes(now, beginning)
            os.pwrite(descriptor, changed, offset)


def _agrees(descriptor: int, offset: int, content: bytes) -> bool:
    """Whether the journal has these bytes there; those that its writer changes later are not compared."""
    if not content:
        return True
    found = os.pread(descriptor, len(content), offset)
    return without_changing(offset, found) == without_changing(offset, content)


def _check_of(descriptor: int, size: int) -> int:
    """The CRC-32 of the bytes behind the first ones."""
    check, at = 0, BEGINNING_BYTES
    while at < size:
        piece = os.pread(descriptor, min(_PIECE_BYTES, size - at), at)
        if not piece:
            break
        check, at = crc32(piece, check), at + len(piece)
    return check


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
