"""The file of one journal: created beside its lock, grown frame by frame, cut to its length at the end.

`JournalFile` holds no records' meaning and no policy: what does not work is an `OSError`, after which nothing has
changed. `runlore.journal.writer` decides what becomes of it.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
from time import time_ns
from zlib import crc32

from runlore.journal import format as fmt
from runlore.journal import liveness
from runlore.model import new_uid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_CHUNK_BYTES = 4 * fmt.FRAME_BYTES
_LARGEST_CHUNK_BYTES = 4 * 1024 * 1024
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

NOTHING = memoryview(bytearray())
"""A buffer into which no record fits."""


class JournalFile:
    """A journal file and the frame of it that is being filled, in a memory map of space that was reserved before.

    Not thread-safe by itself. Every method can be interrupted by an exception and called again.

    Attributes:
        run_uid: the run that it belongs to.
        path: the journal file; empty until there is one.
        writer: its name, a uid, unique among all writers; empty until there is a file.
        offset: where in the current frame the next record goes.
    """

    __slots__ = (
        "_announce", "_chunk", "_directory", "_fd", "_first", "_frame", "_lock_fd", "_position", "_reserved", "_span",
        "_view", "offset", "path", "run_uid", "writer",
    )  # fmt: skip

    def __init__(self, directory: str, run_uid: str) -> None:
        self._directory = os.path.abspath(directory)
        self.run_uid = run_uid
        self._announce: Callable[[], object] | None = None
        """Tells readers of a file that is made later than the journal was opened."""
        self.path = ""
        self.writer = ""
        self._forget_file()

    def _forget_file(self) -> None:
        self._fd: int = -1
        self._lock_fd: int | None = None
        self._reserved: int = 0
        self._chunk: tuple[int, memoryview] = (0, NOTHING)
        self._view: memoryview = NOTHING  # the current frame,
        self._frame: memoryview = NOTHING  # and as much of it as records may fill: the rest is kept for the last one
        self._position: int = 0  # of the frame in the file
        self._span: int = 1
        self._first: int = 0  # offset of the frame's first record
        self.offset: int = 0

    # -- beginning ----------------------------------------------------------------------------------------------

    def _create(self, lost: int) -> None:
        """Create the journal: lock first, so that no reader ever sees a living journal unlocked.

        Raises:
            OSError: it cannot be created. Nothing is left of it.
        """
        writer = new_uid()
        path = os.path.join(self._directory, writer + fmt.SUFFIX)
        lock_fd = liveness.acquire(path)
        fd = -1
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            self._fd = fd
            self._begin(self._description(writer, locked=lock_fd is not None), lost)
            self._flush()
        except BaseException:
            self._forget_file()
            if fd >= 0:
                os.close(fd)
                os.unlink(path)
            if lock_fd is not None:
                liveness.release(path, lock_fd)
            raise
        self._lock_fd, self.path, self.writer = lock_fd, path, writer

    def _description(self, writer: str, *, locked: bool) -> bytes:
        pid = os.getpid()
        about = {
            "uid": self.run_uid,
            "writer": writer,
            "created_ns": time_ns(),
            "host": os.uname().nodename,
            "boot": liveness.boot_id(),
            "pid": pid,
            "pid_started": liveness.own_start(),
            "pid_space": liveness.process_space(),
            "file": liveness.identity(os.fstat(self._fd)),
            "lock": locked,
        }
        return json.dumps(about).encode("ascii")

    def _begin(self, text: bytes, lost: int) -> None:
        """The file header and the first frame. The magic is written last: without it there is no journal yet."""
        length = fmt.header_length(len(text))
        view = self._room(0, fmt.FRAME_BYTES)
        view[fmt.HEADER_BYTES : fmt.HEADER_BYTES + len(text)] = text
        view[length : length + 32] = fmt.frame_header(0, 1, 0, 0)
        view[: fmt.HEADER_BYTES] = fmt.file_header(text, lost)
        self._view = view
        self._frame = view[: -fmt.RECORD_BYTES]
        self._position = 0
        self._span = 1
        self._first = self.offset = length + 32

    # -- growing ------------------------------------------------------------------------------------------------

    def _place(self, record: bytes, tail: int) -> None:
        """Append a record, in the current frame or in a new one.

        Raises:
            OSError: there is no room for it.
        """
        size = len(record)
        if self.offset + size > len(self._frame):
            self._next_frame(fmt.span_of(size))
        offset = self.offset
        self.offset = offset + size
        self._frame[offset : offset + size] = record
        fmt.TAIL.pack_into(self._frame, offset + fmt.TAIL_AT, tail)
        self._flush()

    def _next_frame(self, span: int) -> None:
        """Close the account of the current frame in the header of the next, which becomes the current one.

        Raises:
            OSError: there is no room.
        """
        self._flush()  # what an exception kept from going out
        if self._is_deleted():
            raise FileNotFoundError(errno.ENOENT, "its file was deleted, or the whole store")
        position = self._position + self._span * fmt.FRAME_BYTES
        used = self.offset
        check = crc32(self._frame[self._first : used])
        view = self._room(position, span * fmt.FRAME_BYTES)
        frame = view[: -fmt.RECORD_BYTES]
        header = fmt.frame_header(position // fmt.FRAME_BYTES, span, used, check)
        # No call stands from here to the end, so nothing can interrupt: the header never speaks of a frame that grows.
        frame[:32] = header
        self._view = view
        self._frame = frame
        self._position = position
        self._span = span
        self._first = 32
        self.offset = 32

    def _room(self, position: int, length: int) -> memoryview:
        """Writable zeros for the bytes of the file from `position` on."""
        base, chunk = self._chunk
        if position + length > base + len(chunk):
            base, chunk = self._chunk = self._reserve(position, length)
        return chunk[position - base : position - base + length]

    def _reserve(self, position: int, length: int) -> tuple[int, memoryview]:
        """Map reserved space from `position` on: a generous piece, or just `length` bytes if there is no more."""
        generous = max(length, min(_LARGEST_CHUNK_BYTES, max(_FIRST_CHUNK_BYTES, position)))
        wanted = self._allocate(position, generous) or self._allocate(position, length, final=True)
        self._reserved = max(self._reserved, position + wanted)
        base = position // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        return base, memoryview(mmap.mmap(self._fd, position - base + wanted, offset=base))

    def _reserve_ahead(self, length: int) -> None:
        """Have so many bytes behind the current frame ready for the frames that come next.

        Raises:
            OSError: there is no room.
        """
        behind = self._position + self._span * fmt.FRAME_BYTES
        base, chunk = self._chunk
        if behind + length > base + len(chunk):
            self._chunk = self._reserve(behind, length)

    def _allocate(self, position: int, length: int, *, final: bool = False) -> int:
        """Reserve so many bytes; 0 if there is no room for them, unless this is the last attempt."""
        try:
            os.posix_fallocate(self._fd, position, length)
        except OSError as error:
            os.ftruncate(self._fd, self._reserved)  # some file systems keep the part that they found
            if final or error.errno not in _NO_ROOM:
                raise
            return 0
        return length

    def _flush(self) -> None:
        """Hand what was packed to the operating system: a shared memory map is in its hands already."""

    def _is_deleted(self) -> bool:
        """Whether nobody will ever read what is written: the file has no name any more."""
        try:
            return self._fd >= 0 and not os.fstat(self._fd).st_nlink
        except OSError:
            return False  # the program closed the descriptor: writing to it says so

    def _note_lost(self, lost: int) -> None:
        """Write into the file's header how many records could not be kept."""
        if self._fd >= 0:
            os.pwrite(self._fd, fmt.lost_count(lost), fmt.LOST_OFFSET)

    def _note_end(self, status: str) -> None:
        """Write into the file's header, where there is always room, how the run ended."""
        if self._fd >= 0:
            os.pwrite(self._fd, fmt.end_mark(status, time_ns()), fmt.ENDED_OFFSET)

    # -- ending -------------------------------------------------------------------------------------------------

    def _end(self, lost: int) -> None:
        """Append the closing record, cut the file to its length, let go of it and of the lock, in any case.

        Raises:
            OSError: not all of that worked. Readers find the writer gone.
        """
        try:
            self._close_account(lost)
        finally:
            fd, lock_fd = self._fd, self._lock_fd
            length = self._position + self.offset
            self._forget_file()
            try:
                os.ftruncate(fd, min(length, os.fstat(fd).st_size))
            finally:
                os.close(fd)
                if lock_fd is not None:
                    liveness.release(self.path, lock_fd)

    def _close_account(self, lost: int) -> None:
        offset = self.offset
        check = crc32(self._frame[self._first : offset])
        self._view[offset : offset + 32] = fmt.closing_record(time_ns(), check, lost)
        fmt.TAIL.pack_into(self._view, offset + fmt.TAIL_AT, fmt.CLOSE_TAIL)
        self.offset = offset + 32
        self._flush()

    def _abandon(self) -> None:
        """In a forked child: let go of the parent's file without touching it."""
        descriptors = (self._lock_fd, self._fd)
        self._forget_file()
        for descriptor in descriptors:
            if descriptor is not None and descriptor >= 0:
                try:
                    os.close(descriptor)  # record locks are not inherited: this does not touch the parent's
                except OSError:
                    continue  # the program closed it: nothing is left to let go of
